"""`vimo export`: one motion file into another format."""

import argparse
from pathlib import Path

HELP = "Convert a motion file to NPZ (Blender add-on), BVH, GLB or PKL."
EXAMPLE = "vimo export walk.bvh --to glb npz --out exported/"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("motion", type=Path, help="a motion file: .npz, .bvh, .glb or .pkl")
    parser.add_argument("--to", nargs="+", default=["npz", "bvh", "glb"], metavar="FORMAT", help="npz, bvh, glb, pkl")
    parser.add_argument("--out", type=Path, help="folder (default: beside the motion)")
    parser.add_argument("--fps", type=float, help="resample to this rate (default: the motion's own)")


def run(arguments: argparse.Namespace) -> int:
    from core_vimo.errors import InputError
    from core_vimo.formats import read_motion, write_motion
    from core_vimo.motion import resample

    source: Path = arguments.motion
    folder = arguments.out or source.parent
    targets = [folder / f"{source.stem}.{suffix.lstrip('.')}" for suffix in arguments.to]
    if source.resolve() in [target.resolve() for target in targets]:
        raise InputError(f"{source}: would be replaced by its own export; choose another folder with --out")
    motion = read_motion(source)
    motion = motion if arguments.fps is None else resample(motion, arguments.fps)
    for target in targets:
        write_motion(motion, target)
        print(target)
    return 0
