"""`vimo inbetween`: what leads from one motion to another."""

import argparse

from stylize.commands.completing import add_joint, add_length, add_shared, length, make

HELP = "Fill the time between two motions, or between two poses, which both stay where they stand."
EXAMPLE = "vimo inbetween walk.bvh salsa.npz --seconds 1.5 --takes 4"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_joint(parser)
    add_length(parser, "time between them", required=True)
    parser.add_argument("--poses", action="store_true", help="keep the two poses alone, not the motions around them")
    add_shared(parser)


def run(arguments: argparse.Namespace) -> int:
    from stylize.edits import InBetween, Joint

    return make(
        InBetween(Joint(length(arguments), arguments.leave, arguments.enter), arguments.poses),
        [arguments.first, arguments.second],
        arguments,
    )
