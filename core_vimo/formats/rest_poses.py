"""T-poses of rigs whose zero rotations are no pose at all, because every bone has axes of its own.

A fact of each rig, like its names. Rigs not listed here are handled by `retarget.py` from a frame of the clip.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core_vimo.formats.bvh_clip import euler_to_matrix

_CHARACTER_CREATOR = {
    "Pelvis": (0.0, 0.0, 11.8),
    "Waist": (0.0, 0.0, 16.2),
    "Spine01": (0.0, 0.0, -21.2),
    "Spine02": (0.0, 0.0, -5.3),
    "NeckTwist01": (0.0, 0.0, 21.6),
    "NeckTwist02": (0.0, 0.0, -1.6),
    "Head": (0.0, 0.0, -9.7),
    "L_Thigh": (179.9, 0.0, 16.3),
    "L_Calf": (0.0, -0.1, -8.9),
    "L_Foot": (-0.6, -6.1, 81.5),
    "L_ToeBase": (-1.8, 3.2, 18.6),
    "L_Clavicle": (-88.4, 10.9, -14.7),
    "L_Upperarm": (-4.0, 0.6, 15.5),
    "L_Forearm": (1.2, 0.0, 0.2),
    "L_Hand": (-4.5, -0.3, -3.0),
}
"""Reallusion's `CC_Base` bones: degrees about z, y, x, composed in that order; the right side mirrors the left."""


def known_t_pose(names: Sequence[str]) -> NDArray[np.float64] | None:
    """Local rotations `[J, 3, 3]` of a known rig in its T-pose (identity for joints of no account), else None."""
    if "CC_Base_Hip" not in names:
        return None
    degrees = np.zeros((len(names), 3))
    for bone, angles in _CHARACTER_CREATOR.items():
        right = bone.replace("L_", "R_", 1) if bone.startswith("L_") else bone
        for name, sign in ((bone, 1), (right, -1)):
            if f"CC_Base_{name}" in names:
                degrees[names.index(f"CC_Base_{name}")] = np.multiply(angles, (sign, sign, 1))
    return euler_to_matrix(degrees, "zyx")
