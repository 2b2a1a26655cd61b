"""Feet and smoothness: skating, float and jitter. z-up metres; per second, so independent of the frame rate."""

from dataclasses import dataclass

import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.skeleton import FEET

CONTACT_HEIGHT_M = 0.05
SKATING_M_S = 0.2
FLOOR_QUANTILE = 0.05
FLOAT_TOLERANCE_M = 0.005


@dataclass(frozen=True)
class Skating:
    """Each `[...]`, NaN without any contact.

    foot_skate_ratio: share of contact frames that slide. foot_skate_speed: mean speed in contact, m/s.
    """

    foot_skate_ratio: Tensor
    foot_skate_speed: Tensor


def foot_skating(joints_m: Tensor, fps: float, within: slice = slice(None)) -> Skating:
    """How much feet on the floor slide (the house's metric, after GMD and Kimodo, which take toes only).

    joints_m `[..., S, 24, 3]`. A foot joint is in contact where it stays less than 5 cm over its floor in this frame
    and the next; it skates there when faster than 0.2 m/s along the floor. Counted are the steps `within` (step s leads
    from frame s to s + 1); the floor is the whole clip's.
    """
    if joints_m.shape[-3] < 2:
        raise InputError("foot skating needs at least 2 frames; use a longer motion")
    feet = joints_m[..., FEET, :]
    low = _clearance_m(joints_m) < CONTACT_HEIGHT_M
    contact = (low[..., :-1, :] & low[..., 1:, :])[..., within, :]
    speed = (feet[..., :2].diff(dim=-3).norm(dim=-1) * fps)[..., within, :]
    count = contact.sum(dim=(-1, -2))
    ratio = (contact & (speed > SKATING_M_S)).sum(dim=(-1, -2)) / count
    return Skating(ratio, (speed * contact).sum(dim=(-1, -2)) / count)


def float_m(joints_m: Tensor) -> Tensor:
    """Mean height of the lowest foot joint over its floor, beyond 5 mm (PhysDiff's Float, on joints), `[...]` metres.

    Jumps count as well: compare with the ground truth's. The floor is the clip's own, so a dance that hovers at one
    height throughout isn't seen.
    """
    lowest = _clearance_m(joints_m).amin(dim=-1)
    return torch.where(lowest > FLOAT_TOLERANCE_M, lowest, 0).mean(dim=-1)


def jitter(joints_m: Tensor, fps: float) -> Tensor:
    """Mean size of the third difference of joints times fps³, divided by 10 as in WHAM's code: 10 m/s³, `[...]`."""
    if joints_m.shape[-3] < 4:
        raise InputError(f"jitter needs at least 4 frames, not {joints_m.shape[-3]}; use a longer motion")
    return joints_m.double().diff(n=3, dim=-3).norm(dim=-1).mean(dim=(-1, -2)) * fps**3 / 10


def _clearance_m(joints_m: Tensor) -> Tensor:
    """Heights `[..., S, 4]` of the foot joints, each over its own floor: the 5th percentile of its heights.

    Ankles stand higher than toes; a floor a joint lets one threshold serve all four.
    """
    heights = joints_m[..., FEET, 2]
    return heights - torch.quantile(heights, FLOOR_QUANTILE, dim=-2, keepdim=True)
