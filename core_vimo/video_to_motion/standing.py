"""The cheapest guess at any video: somebody who stands there, facing the camera, as the training data do on average.

Whatever a model measures better than this it has learned from what was seen.
"""

from collections.abc import Sequence

import roma
import torch
from torch import Tensor

from core_vimo.motion import Motion, ground
from core_vimo.rotations import FRONT, about_z, heading


def mean_pose(motions: Sequence[Motion]) -> Tensor:
    """Local rotations `[24, 3, 3]` nearest to those of all frames (chordal mean), all turned to face -y."""
    total = torch.zeros(24, 3, 3, dtype=torch.float64)
    for motion in motions:
        turns = about_z(FRONT - heading(motion.rotations[:, 0]))
        total[0] += (turns @ motion.rotations[:, 0]).sum(0).double()
        total[1:] += motion.rotations[:, 1:].sum(0).double()
    return roma.special_procrustes(total).float()


def standing(pose: Tensor, frames: int) -> Motion:
    """A pose `[24, 3, 3]` held on the floor over the origin."""
    return ground(Motion.from_rotations(pose.expand(frames, -1, -1, -1), torch.zeros(frames, 3)))
