"""`vimo infill`: gaps of a motion filled anew."""

import argparse
from pathlib import Path

from stylize.commands.completing import ANY_MOTION, TIMES, add_shared, make, moment, span

HELP = "Fill one or more gaps of a motion anew and keep all else, bit for bit."
EXAMPLE = "vimo infill my_dance/dance.npz --gap 3s:4.5s --gap 8c:10c --out filled"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("motion", type=Path, help=ANY_MOTION)
    parser.add_argument(
        "--gap",
        type=span,
        action="append",
        required=True,
        metavar="T:T",
        help=f"from and to, in {TIMES}; again for more",
    )
    parser.add_argument("--keyframe", type=moment, nargs="+", default=[], metavar="T", help="frames in gaps to be kept")
    parser.add_argument(
        "--lay",
        type=Path,
        metavar="CLIP",
        help="another motion in the middle of the one gap, turned and moved to fit; the rest of the gap leads to it",
    )
    add_shared(parser)


def run(arguments: argparse.Namespace) -> int:
    from core_vimo.errors import InputError
    from stylize.edits import InFill, LayIn

    if arguments.lay:
        if len(arguments.gap) != 1 or arguments.keyframe:
            raise InputError("--lay puts a clip into one gap; give one --gap, and no --keyframe")
        return make(LayIn(arguments.gap[0]), [arguments.motion, arguments.lay], arguments)
    return make(InFill(tuple(arguments.gap), tuple(arguments.keyframe)), [arguments.motion], arguments)
