"""`vimo loop`: a motion whose end leads into its start."""

import argparse
from pathlib import Path

from stylize.commands.completing import ANY_MOTION, add_length, add_shared, length, make

HELP = "Lead from a motion's end back to its first frame, so that it can be shown over and over."
EXAMPLE = "vimo loop my_dance/dance.npz --seconds 2 --alone --out looped"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("motion", type=Path, help=ANY_MOTION)
    add_length(parser, "the way back (default 1 s)", required=False)
    add_shared(parser)


def run(arguments: argparse.Namespace) -> int:
    from stylize.edits import Loop
    from stylize.spans import Moment

    return make(Loop(length(arguments) or Moment(1.0, "s")), [arguments.motion], arguments)
