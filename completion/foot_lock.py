"""Feet that stand are held still by bending the legs, where planting alone, which moves the whole body, can't.

Shapes: `S` frames, `F` = 2 ankles (left, right).
"""

from dataclasses import replace

import roma
import torch
import torch.nn.functional as F
from scipy.linalg import solveh_banded
from torch import Tensor

from core_vimo.motion import Motion
from core_vimo.skeleton import PARENTS, forward_kinematics_full

LEGS = ((1, 4, 7), (2, 5, 8))
"""Hip, knee and ankle of the left and the right leg."""

_STANDING_HEIGHT_M = 0.03
_STIFF = 0.1
"""What an offset's change of speed counts beside a standing foot's slide: steps must stay smooth."""
_NEAR = 0.0005
"""What an offset itself counts: little, so that a foot in the air comes back to where the pose had it."""
_STRAIGHT = 0.999
_UNSAID_CONTACT = 0.2
"""What a low foot counts where the motion says that it doesn't stand; 1 more where it does."""


def lock_feet(motion: Motion, free: Tensor) -> Motion:
    """`motion` with the feet of frames `free [S, F]` moved along the floor so that they slide least while they stand.

    A foot stands where it is low, most where it is in contact too. Knees bend in the plane they were bent in; feet keep
    their turn in the world, and all heights stay. A target out of a leg's reach is approached as far as it goes.
    """
    if not free.any():
        return motion
    turns, joints_m = forward_kinematics_full(motion.rotations, motion.root_m)
    ankles_m = joints_m[:, [leg[2] for leg in LEGS]]
    offsets = torch.stack([_least_slide(ankles_m[:, i], _stands(motion, joints_m, i), free[:, i]) for i in (0, 1)], 1)
    rotations = motion.rotations.clone()
    for i, leg in enumerate(LEGS):
        reached = _reached(turns, joints_m, leg, ankles_m[:, i] + F.pad(offsets[:, i], (0, 1)))
        rotations[:, leg] = torch.where(free[:, i, None, None, None], reached, rotations[:, leg])
    return replace(motion, rotations=rotations)


def _stands(motion: Motion, joints_m: Tensor, foot: int) -> Tensor:
    """How far a foot stands during the step from each frame to the next, `[S - 1]` in 0..1: its ankle or its toe."""
    height = joints_m[:, [(7, 8)[foot], (10, 11)[foot]], 2]
    clearance = (height - torch.quantile(height, 0.05, dim=0)).clamp(min=0)
    low = torch.exp(-((clearance / _STANDING_HEIGHT_M) ** 2))
    said = (_UNSAID_CONTACT + motion.contacts[:, [foot, foot + 2]]) / (_UNSAID_CONTACT + 1)
    standing = (low * said).amax(1)
    return torch.minimum(standing[1:], standing[:-1])


def _least_slide(ankle_m: Tensor, stands: Tensor, free: Tensor) -> Tensor:
    """Offsets `[S, 2]` along the floor, 0 where not `free`: Σ stands |step|² least, smooth and small."""
    frames = len(ankle_m)
    held, loose, bends = stands.double(), free.double(), torch.ones(max(frames - 2, 0), dtype=torch.float64)
    diagonal = _NEAR + F.pad(held, (0, 1)) + F.pad(held, (1, 0))
    diagonal += _STIFF * (F.pad(bends, (0, 2)) + 4 * F.pad(bends, (1, 1)) + F.pad(bends, (2, 0)))[:frames]
    beside = -held - 2 * _STIFF * (F.pad(bends, (0, 1)) + F.pad(bends, (1, 0)))[: frames - 1]
    bands = torch.zeros(3, frames, dtype=torch.float64)  # of a symmetric matrix; a frame that isn't free stands alone
    bands[2] = torch.where(free, diagonal, 1.0)
    bands[1, 1:] = beside * loose[1:] * loose[:-1]
    bands[0, 2:] = _STIFF * loose[2:] * loose[:-2]
    slid = held[:, None] * ankle_m[:, :2].double().diff(dim=0)
    pull = (F.pad(slid, (0, 0, 0, 1)) - F.pad(slid, (0, 0, 1, 0))) * loose[:, None]
    return torch.from_numpy(solveh_banded(bands.numpy(), pull.numpy())).to(ankle_m)


def _reached(turns: Tensor, joints_m: Tensor, leg: tuple[int, int, int], target_m: Tensor) -> Tensor:
    """Local rotations `[S, 3, 3, 3]` of hip, knee and ankle that bring the ankle to `target_m [S, 3]`."""
    hip, knee, ankle = (joints_m[:, joint] for joint in leg)
    thigh, shin = (knee - hip).norm(dim=-1), (ankle - knee).norm(dim=-1)
    reach = (target_m - hip).norm(dim=-1)
    reach = torch.minimum(torch.maximum(reach, (thigh - shin).abs() / _STRAIGHT), (thigh + shin) * _STRAIGHT)
    axis = F.normalize(torch.linalg.cross(ankle - hip, knee - hip), dim=-1)
    at_hip = _angle(thigh, reach, shin) - _angle(thigh, (ankle - hip).norm(dim=-1), shin)
    at_knee = _angle(thigh, shin, reach) - _angle(thigh, shin, (ankle - hip).norm(dim=-1))
    bent, unbent = (roma.rotvec_to_rotmat(axis * angle[:, None]) for angle in (at_hip, at_knee))
    swung = _from_to(ankle - hip, target_m - hip)
    new_hip = swung @ bent @ turns[:, leg[0]]
    new_knee = swung @ bent @ unbent @ turns[:, leg[1]]
    above = (turns[:, PARENTS[leg[0]]], new_hip, new_knee)
    new = (new_hip, new_knee, turns[:, leg[2]])
    return torch.stack([parent.transpose(-1, -2) @ turn for parent, turn in zip(above, new, strict=True)], dim=1)


def _angle(one: Tensor, other: Tensor, opposite: Tensor) -> Tensor:
    """The angle between two sides of a triangle, by the third."""
    return ((one**2 + other**2 - opposite**2) / (2 * one * other)).clamp(-1, 1).arccos()


def _from_to(start: Tensor, end: Tensor) -> Tensor:
    """The shortest rotation of one direction into another, `[S, 3, 3]`; they must not be opposite."""
    start, end = F.normalize(start, dim=-1), F.normalize(end, dim=-1)
    cross = torch.linalg.cross(start, end)
    quaternion = torch.cat((cross, 1 + (start * end).sum(-1, keepdim=True)), dim=-1)
    return roma.unitquat_to_rotmat(F.normalize(quaternion, dim=-1))
