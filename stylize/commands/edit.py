"""`vimo edit`: a span of a motion, or parts of the body in it, made anew."""

import argparse
from pathlib import Path

from stylize.commands.completing import ANY_MOTION, TIMES, add_shared, make, span

HELP = "Make a span of a motion anew but for the body parts to keep."
EXAMPLE = "vimo edit my_dance/dance.npz --regenerate 8c:16c --keep legs root --out edited"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("motion", type=Path, help=ANY_MOTION)
    parser.add_argument("--regenerate", type=span, metavar="T:T", help=f"from and to, in {TIMES} (default: all of it)")
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument(
        "--keep", nargs="+", default=[], metavar="PART", help="body parts to keep: arms, legs, 'left arm', …"
    )
    parts.add_argument("--only", nargs="+", default=[], metavar="PART", help="body parts to make; all others are kept")
    add_shared(parser)


def run(arguments: argparse.Namespace) -> int:
    from stylize.edits import Regenerate

    return make(
        Regenerate(arguments.regenerate, tuple(arguments.keep), tuple(arguments.only)), [arguments.motion], arguments
    )
