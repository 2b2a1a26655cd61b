"""T-poses at the ends of a recording: the actor waits for the calibration, or the software wrote its rest pose."""

import torch
import torch.nn.functional as F
from torch import Tensor

from core_vimo.motion import Motion
from core_vimo.skeleton import JOINT_NAMES

ARMS_COSINE = 0.85
"""Both upper arms and forearms lie within 32 degrees of the line through the shoulders, pointing outwards."""

LEGS_COSINE = 0.95
"""Both thighs and shins hang within 18 degrees of straight down: a dancer in a ballroom frame stands otherwise."""


def without_t_pose(motion: Motion) -> Motion:
    """The motion from its first to its last frame that is no T-pose; its first frame where all are."""
    moving = (~in_t_pose(motion)).nonzero()[:, 0]
    if not len(moving):
        return motion[:1]
    return motion[int(moving[0]) : int(moving[-1]) + 1]


def in_t_pose(motion: Motion) -> Tensor:
    """Which frames `[S]` are T-poses: arms straight out to the sides, legs straight down."""
    joints_m = motion.joints_m()
    across = _bones(joints_m, ("right_shoulder", "left_shoulder"))
    arms = [_bones(joints_m, pair) for pair in (("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"))]
    arms += [_bones(joints_m, pair) for pair in (("right_elbow", "right_shoulder"), ("right_wrist", "right_elbow"))]
    legs = [_bones(joints_m, (f"{side}_{upper}", f"{side}_{lower}")) for side, upper, lower in _LEG_BONES]
    outwards = (torch.stack(arms) * across).sum(-1).amin(0)
    downwards = -torch.stack(legs)[..., 2].amax(0)
    return (outwards > ARMS_COSINE) & (downwards > LEGS_COSINE)


_LEG_BONES = [(side, *bone) for side in ("left", "right") for bone in (("hip", "knee"), ("knee", "ankle"))]


def _bones(joints_m: Tensor, pair: tuple[str, str]) -> Tensor:
    """Unit vectors `[S, 3]` from the first joint to the second."""
    start, end = (JOINT_NAMES.index(name) for name in pair)
    return F.normalize(joints_m[:, end] - joints_m[:, start], dim=-1)
