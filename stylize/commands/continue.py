"""`vimo continue`: more of a motion."""

import argparse
from pathlib import Path

from stylize.commands.completing import ANY_MOTION, add_length, add_shared, length, make

HELP = "Go on after a motion's end."
EXAMPLE = "vimo continue my_dance/dance.npz --seconds 4 --alone --out longer"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("motion", type=Path, help=ANY_MOTION)
    add_length(parser, "how much more", required=True)
    add_shared(parser)


def run(arguments: argparse.Namespace) -> int:
    from stylize.edits import Continue

    return make(Continue(length(arguments)), [arguments.motion], arguments)
