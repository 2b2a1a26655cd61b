"""BVH files (Biovision hierarchy) as Motions: `read_bvh` takes any person's rig, `write_bvh` writes SMPL-24.

The reader's two halves are `bvh_clip.py` (what stands in the file) and `retarget.py` (onto our skeleton).
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core_vimo.formats.bvh_clip import Source, read_bvh_clip
from core_vimo.formats.retarget import retarget
from core_vimo.motion import Motion
from core_vimo.publish import publish_file
from core_vimo.reading import naming
from core_vimo.rotations import y_up_to_z_up
from core_vimo.skeleton import JOINT_NAMES, PARENTS, REST_OFFSETS_M

CM = 100.0

_END_SITES_M = {10: (0, 0, 0.07), 11: (0, 0, 0.07), 15: (0, 0.18, 0.02), 22: (0.08, 0, 0), 23: (-0.08, 0, 0)}
"""Bones beyond the last joints: tip of the toes, top of the head, finger tips."""


def read_bvh(source: Source) -> Motion:
    """Read any person's BVH, a path or an open file, as a Motion at the file's frame rate.

    Raises InputError where it isn't a sound BVH file or not a person; see `read_bvh_clip` and `retarget`.
    """
    clip = read_bvh_clip(source)
    with naming(clip.file):
        return retarget(clip)


def write_bvh(motion: Motion, path: Path | str) -> None:
    """Write a Motion as BVH: SMPL-24 names, centimetres, y-up, joints depth-first, rotations Z X Y in degrees.

    The root's OFFSET is zero and its position channels are the pelvis in the world, so readers that add
    them and readers that replace agree. Angles run on past 180 degrees rather than jump.
    """
    order = _depth_first(0)
    to_y_up = y_up_to_z_up(motion.rotations.dtype).T
    rotations = motion.rotations.clone()
    rotations[:, 0] = to_y_up @ rotations[:, 0]
    degrees = _zxy_degrees(rotations[:, order].double().numpy()).reshape(len(motion), -1)
    root_cm = (motion.root_m @ to_y_up.T).double().numpy() * CM
    with publish_file(path) as aside, open(aside, "w", newline="\n") as file:
        file.write("HIERARCHY\n" + "".join(f"{line}\n" for line in _hierarchy(0)))
        file.write(f"MOTION\nFrames: {len(motion)}\nFrame Time: {1 / motion.fps:.12f}\n")
        np.savetxt(file, np.concatenate((root_cm, degrees), axis=1), fmt="%.6f")


def _children(joint: int) -> list[int]:
    return [child for child, parent in enumerate(PARENTS) if parent == joint]


def _depth_first(joint: int) -> list[int]:
    return [joint] + [below for child in _children(joint) for below in _depth_first(child)]


def _hierarchy(joint: int) -> list[str]:
    offset = "OFFSET {:.6f} {:.6f} {:.6f}".format(*(REST_OFFSETS_M[joint].double().numpy() * CM))
    positions = "" if joint else "Xposition Yposition Zposition "
    body = [offset, f"CHANNELS {3 if joint else 6} {positions}Zrotation Xrotation Yrotation"]
    for child in _children(joint):
        body += _hierarchy(child)
    if joint in _END_SITES_M:
        tip = "OFFSET {:.6f} {:.6f} {:.6f}".format(*np.multiply(_END_SITES_M[joint], CM))
        body += ["End Site", "{", f"\t{tip}", "}"]
    return [f"{'JOINT' if joint else 'ROOT'} {JOINT_NAMES[joint]}", "{", *(f"\t{line}" for line in body), "}"]


def _zxy_degrees(rotations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles (z, x, y) with R = Rz Rx Ry, `[S, J, 3, 3]` to `[S, J, 3]`; where x is +-90 degrees, y is zero."""
    r = rotations
    level = np.hypot(r[..., 2, 0], r[..., 2, 2])
    x = np.arctan2(r[..., 2, 1], level)
    locked = level < 1e-6
    z = np.where(locked, np.arctan2(r[..., 1, 0], r[..., 0, 0]), np.arctan2(-r[..., 0, 1], r[..., 1, 1]))
    y = np.where(locked, 0.0, np.arctan2(-r[..., 2, 0], r[..., 2, 2]))
    return np.degrees(np.unwrap(np.stack((z, x, y), axis=-1), axis=0))
