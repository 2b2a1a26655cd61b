"""`vimo blend`: one motion, a transition, another."""

import argparse

from stylize.commands.completing import TIMES, add_joint, add_shared, make, moment

HELP = "Lead from one motion into another, which is turned and moved to where the first one arrives."
EXAMPLE = "vimo blend chaplin.mp4 jackson.bvh --transition 4c --song song.mp3 --leave 6s"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_joint(parser)
    parser.add_argument("--transition", type=moment, required=True, metavar="T", help=f"its length: {TIMES}")
    add_shared(parser)


def run(arguments: argparse.Namespace) -> int:
    from stylize.edits import Blend, Joint

    return make(
        Blend(Joint(arguments.transition, arguments.leave, arguments.enter)),
        [arguments.first, arguments.second],
        arguments,
    )
