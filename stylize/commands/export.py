"""`vimo export`: one motion file into another format."""

import argparse
from pathlib import Path

HELP = "Convert a motion file to NPZ (Blender add-on), BVH, GLB or PKL."
EXAMPLE = "vimo export walk.bvh --to glb npz --out exported/"

_USUAL = ("npz", "bvh", "glb")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("motion", type=Path, help="a motion file: .npz, .bvh, .glb or .pkl")
    parser.add_argument(
        "--to", nargs="+", metavar="FORMAT", help="npz, bvh, glb, pkl (default: the first three but the motion's own)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="folder (default: beside the motion); files of the same names are replaced, the motion itself never",
    )
    parser.add_argument("--fps", type=float, help="resample to this rate (default: the motion's own)")


def run(arguments: argparse.Namespace) -> int:
    from core_vimo.formats import read_motion, write_motion
    from core_vimo.motion import resample
    from stylize.paths import require_others, telling

    source: Path = arguments.motion
    folder = arguments.out or source.parent
    own = source.suffix.lower().lstrip(".")
    formats = arguments.to or [name for name in _USUAL if name != own]
    targets = [folder / f"{source.stem}.{name.lstrip('.')}" for name in dict.fromkeys(formats)]
    require_others(targets, [source])
    motion = read_motion(source)
    motion = motion if arguments.fps is None else resample(motion, arguments.fps)
    for target in targets:
        with telling(target):
            write_motion(motion, target)
    return 0
