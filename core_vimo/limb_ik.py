"""Inverse kinematics, in closed form: where the 17 COCO points lie -> how the SMPL-24 body is turned.

Directions count, never lengths, so that points may be of any body: the pelvis turns to the line of the hips and the
trunk above it, the chest to the line of the shoulders, the head to the face, and every bone of a limb swings to where
it points. What points don't tell (feet, hands, how a spine bends, the twist of a straight limb) comes from the pose
that is swung.

Shapes: any leading ones; 17 points, 24 joints, 4 limbs (left leg, right leg, left arm, right arm).
"""

from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from core_vimo.coco_body import coco_joints_m, coco_points_m
from core_vimo.pose2d import COCO_NAMES
from core_vimo.rotations import axis_angle_to_matrix, sixd_to_matrix, swing
from core_vimo.skeleton import JOINT_NAMES, REST_OFFSETS_M, forward_kinematics_full, rest_joints_m

STRAIGHT, BENT = 0.25, 0.6
"""Sine of a knee's or elbow's bend: up to the first it says nothing of its limb's twist, from the second on all."""

_CHAINS = [
    [f"{side}_{part}" for part in limb]
    for limb in (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist"))
    for side in ("left", "right")
]
_STARTS, _MIDDLES, _ENDS = ([COCO_NAMES.index(name) for name in names] for names in zip(*_CHAINS, strict=True))
_UPPER, _LOWER, _TIPS = ([JOINT_NAMES.index(name) for name in names] for names in zip(*_CHAINS, strict=True))
_BASES = [JOINT_NAMES.index(name) for name in ("pelvis", "pelvis", "left_collar", "right_collar")]
_HINGES = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 1.0, 0.0]])
# About what knees and elbows bend, at rest: calves go back, forearms to the front.

_TRUNK = [JOINT_NAMES.index(name) for name in ("pelvis", "spine1", "spine2", "spine3", "neck", "head")]
_CHEST = 3  # of the trunk
_CARRIED = [0, 0, _CHEST, _CHEST]  # what of the trunk carries a limb's base
_LEFT_HIP, _RIGHT_HIP = COCO_NAMES.index("left_hip"), COCO_NAMES.index("right_hip")
_LEFT_SHOULDER, _RIGHT_SHOULDER = COCO_NAMES.index("left_shoulder"), COCO_NAMES.index("right_shoulder")
_NOSE, _LEFT_EAR, _RIGHT_EAR = (COCO_NAMES.index(name) for name in ("nose", "left_ear", "right_ear"))


@torch.no_grad()
def rotations_from_coco(coco_m: Tensor) -> Tensor:
    """Local rotations `[..., 24, 3, 3]` of a body whose COCO points lie as `coco_m [..., 17, 3]` do, of any size.

    Shins, forearms, the lines of hips and shoulders and the face point exactly as given; thighs and upper arms do up
    to how far the hip and shoulder joints, which are no COCO points, are off. Bent knees and elbows say how their
    limbs are twisted. All leaning is the pelvis's, the spine twists evenly, feet and hands stay at rest.
    """
    at_rest = torch.eye(3).to(coco_m).expand(*coco_m.shape[:-2], 24, 3, 3)
    return _posed(at_rest, coco_m, hinged=True)


@torch.no_grad()
def swung_to(rotations: Tensor, coco_m: Tensor) -> Tensor:
    """A body's rotations `[..., 24, 3, 3]`, its parts swung the shortest way to point as `coco_m [..., 17, 3]` do.

    Where the points stand is of no importance. A point of which nothing is known should be the body's own.
    """
    return _posed(rotations, coco_m, hinged=False)


def _posed(rotations: Tensor, target_m: Tensor, *, hinged: bool) -> Tensor:
    table = _table_on(rotations.device, rotations.dtype)
    turned, placed_m = forward_kinematics_full(rotations, torch.zeros_like(rotations[..., 0, 0, :]))
    turns = _trunk_turns(coco_points_m(turned, placed_m), target_m)
    trunk = turns @ turned.index_select(-3, table.trunk)
    carried = turns.index_select(-3, table.carried)
    bases = carried @ turned.index_select(-3, table.bases)
    upper, lower = (carried @ turned.index_select(-3, joints) for joints in (table.upper, table.lower))

    start, middle, end = (target_m.index_select(-2, points) for points in (table.starts, table.middles, table.ends))
    thigh, shin = middle - start - _apply(bases, table.joint_from_point_m), end - middle
    swung = swing(_apply(upper, table.upper_m), thigh)
    upper, lower = swung @ upper, swung @ lower
    if hinged:
        twist = _hinge_twist(upper, shin, table)
        upper = twist @ upper
        lower = _hinge_fold(upper, shin, table) @ twist @ lower
    lower = swing(_apply(lower, table.lower_m), shin) @ lower

    told = torch.cat((trunk, upper, lower), dim=-3)
    above = torch.cat((trunk[..., :-1, :, :], bases, upper), dim=-3)
    local = torch.cat((trunk[..., :1, :, :], above.transpose(-1, -2) @ told[..., 1:, :, :]), dim=-3)
    return rotations.index_copy(rotations.ndim - 3, table.told, local)


def _trunk_turns(now_m: Tensor, target_m: Tensor) -> Tensor:
    """How pelvis, spine, chest, neck and head are turned in the world `[..., 6, 3, 3]`, each on top of its pose."""
    now, wanted = _Lines.of(now_m), _Lines.of(target_m)
    pelvis = _frame(wanted.hips, wanted.trunk) @ _frame(now.hips, now.trunk).transpose(-1, -2)
    across = _apply(pelvis, now.shoulders)
    third, two_thirds, chest = (swing(across, wanted.shoulders, n / 3) @ pelvis for n in (1, 2, 3))
    head = _frame(wanted.ears, wanted.nose) @ _frame(now.ears, now.nose).transpose(-1, -2)
    neck = swing(_apply(chest, now.nose), wanted.nose, 0.5) @ chest
    return torch.stack((pelvis, third, two_thirds, chest, neck, head), dim=-3)


class _Lines(NamedTuple):
    """Directions `[..., 3]` that tell how a trunk and a head are turned; the lines go from right to left."""

    hips: Tensor
    shoulders: Tensor
    trunk: Tensor
    ears: Tensor
    nose: Tensor

    @classmethod
    def of(cls, points_m: Tensor) -> "_Lines":
        left_hip, right_hip, left_shoulder, right_shoulder, left_ear, right_ear, nose = (
            points_m[..., point, :]
            for point in (_LEFT_HIP, _RIGHT_HIP, _LEFT_SHOULDER, _RIGHT_SHOULDER, _LEFT_EAR, _RIGHT_EAR, _NOSE)
        )
        return cls(
            left_hip - right_hip,
            left_shoulder - right_shoulder,
            (left_shoulder + right_shoulder - left_hip - right_hip) / 2,
            left_ear - right_ear,
            nose - (left_ear + right_ear) / 2,
        )


def _hinge_twist(upper: Tensor, shin: Tensor, table: "_Table") -> Tensor:
    """The turn about each upper bone after which the lower one is where its hinge alone brings it, `[..., 4, 3, 3]`.

    A point on a hinge keeps its height along the hinge's axis: of the axis's places round the upper bone the one is
    taken that gives the lower bone the height it has at rest, and bends the joint forwards.
    """
    bone, lower = F.normalize(_apply(upper, table.upper_m), dim=-1), F.normalize(shin, dim=-1)
    axis = _apply(upper, table.hinges)
    along, bend = (axis * bone).sum(-1), (lower * bone).sum(-1)
    beside, sideways = lower - bend[..., None] * bone, torch.linalg.cross(bone, lower, dim=-1)
    sine = sideways.norm(dim=-1)
    off = axis - along[..., None] * bone
    cosine = (table.heights - along * bend) / (off.norm(dim=-1) * sine).clamp(min=1e-6)
    wanted = torch.acos(cosine.clamp(-1, 1))  # from `beside` towards `sideways`
    present = torch.atan2((off * sideways).sum(-1), (off * beside).sum(-1))
    angle = torch.remainder(wanted - present + torch.pi, 2 * torch.pi) - torch.pi
    told = ((sine - STRAIGHT) / (BENT - STRAIGHT)).clamp(0, 1)
    return axis_angle_to_matrix(bone * (angle * told)[..., None])


def _hinge_fold(upper: Tensor, shin: Tensor, table: "_Table") -> Tensor:
    """The turn about each hinge that brings the lower bone from rest as near to its direction as it can."""
    axis, lower = _apply(upper, table.hinges), _apply(upper, table.lower_m)
    across = torch.linalg.cross(axis, lower, dim=-1)
    flat = lower - (lower * axis).sum(-1, keepdim=True) * axis
    angle = torch.atan2((shin * across).sum(-1), (shin * flat).sum(-1))
    return axis_angle_to_matrix(axis * angle[..., None])


class _Table(NamedTuple):
    """Indices and what is measured at rest, where the data is: sent there once and not at every step of training."""

    trunk: Tensor
    carried: Tensor
    bases: Tensor
    upper: Tensor
    lower: Tensor
    starts: Tensor
    middles: Tensor
    ends: Tensor
    told: Tensor
    joint_from_point_m: Tensor  # [4, 3] from the COCO hip or shoulder to the joint
    upper_m: Tensor  # [4, 3] thigh or upper arm
    lower_m: Tensor  # [4, 3] shin or forearm
    hinges: Tensor
    heights: Tensor  # [4] of the lower bone's direction along the hinge


@lru_cache(maxsize=8)
def _table_on(device: torch.device, dtype: torch.dtype) -> _Table:
    at_rest = coco_joints_m(torch.eye(3).expand(24, 3, 3), torch.zeros(3))
    away_m = rest_joints_m()[_UPPER] - at_rest[_STARTS]
    upper_m, lower_m = REST_OFFSETS_M[_LOWER], REST_OFFSETS_M[_TIPS]
    heights = (F.normalize(lower_m, dim=-1) * _HINGES).sum(-1)
    told = [*_TRUNK, *_UPPER, *_LOWER]
    indices = (_TRUNK, _CARRIED, _BASES, _UPPER, _LOWER, _STARTS, _MIDDLES, _ENDS, told)
    measured = (away_m, upper_m, lower_m, _HINGES, heights)
    with torch.inference_mode(False):  # a cached inference tensor could never be trained with
        return _Table(
            *(torch.tensor(index, device=device) for index in indices),
            *(tensor.to(device, dtype) for tensor in measured),
        )


def _frame(across: Tensor, up: Tensor) -> Tensor:
    """The axes of a part that is told by two directions, the first exactly: `[..., 3, 3]`."""
    return sixd_to_matrix(torch.cat((across, up), dim=-1), "columns")


def _apply(rotations: Tensor, directions: Tensor) -> Tensor:
    return (rotations @ directions[..., None])[..., 0]
