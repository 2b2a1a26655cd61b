"""`vimo export`: one motion file into another format."""

import argparse
from pathlib import Path

HELP = "Convert a motion file to NPZ (Blender add-on), BVH, GLB or PKL."
EXAMPLE = "vimo export walk.bvh --to glb npz --out exported/"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("motion", type=Path, help="a motion file: .npz, .bvh, .glb or .pkl")
    parser.add_argument("--to", nargs="+", default=["npz", "bvh", "glb"], metavar="FORMAT", help="npz, bvh, glb")
    parser.add_argument("--out", type=Path, help="folder (default: beside the motion)")
    parser.add_argument("--fps", type=float, help="resample to this rate (default: the motion's own)")


def run(arguments: argparse.Namespace) -> int:
    from core_vimo.formats import read_motion, write_motion
    from core_vimo.motion import resample

    motion = read_motion(arguments.motion)
    motion = resample(motion, arguments.fps or motion.fps)
    folder = arguments.out or arguments.motion.parent
    for suffix in arguments.to:
        path = folder / f"{arguments.motion.stem}.{suffix.lstrip('.')}"
        write_motion(motion, path)
        print(path)
    return 0
