"""Where keypoints lie beside a body, averaged over time as far as they can be believed.

A detector trembles by centimetres, and now and then takes a left leg for a right one: 1 % of keypoints make more than
half of all squared error. What is far from where the same joint lay just before and after counts less and less (Geman
and McClure's weights, found again in each round), however far the body itself is off.
"""

from typing import NamedTuple

import torch
from torch import Tensor

STEADY_S = 0.1
"""Deviation of the Gaussian over time. From raw keypoints a detector's trembling makes steps as large as a dancer's
own, and no foot would ever stand."""

_WRONG_M = 0.15  # from its neighbours' line; from there on a keypoint counts less than a quarter
_ROUNDS = 4
_DOUBT = 0.1  # frames' worth of seeing on which staying counts as much as what was seen


class Steadied(NamedTuple):
    """offsets_m `[N, S, P, 3]`: 0 where nothing was seen; sure `[N, S, P]`: the confidence it was seen with around each
    frame, 0 where it was wrong."""

    offsets_m: Tensor
    sure: Tensor


@torch.no_grad()
def steadied(offsets_m: Tensor, counts: Tensor, cuts: Tensor, fps: float) -> Steadied:
    """Of `N` films: offsets_m `[N, S, P, 3]` from a body's P points to what was seen of them, counting `[N, S, P]`;
    cuts `[N, S]` bool begin shots, which know nothing of one another.

    Each frame's is read off the straight line that fits those around it, so that what moves evenly isn't held back.
    """
    near, after = _near(cuts, fps, offsets_m)
    weight = counts
    for _ in range(_ROUNDS):
        total, line_m = _lines(offsets_m, weight, near, after)
        weight = counts / (1 + ((offsets_m - line_m).norm(dim=-1) / _WRONG_M).square()).square()
    return Steadied(line_m * (total / (total + _DOUBT))[..., None], total / near.sum(-1, keepdim=True))


def _lines(offsets_m: Tensor, weight: Tensor, near: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """How much counts around each frame `[N, S, P]`, and the weighted line through it there `[N, S, P, 3]`."""
    summed = [(near * after**power) @ weight for power in range(3)]
    weighed_m = (offsets_m * weight[..., None]).flatten(2)
    summed_m = [((near * after**power) @ weighed_m).view_as(offsets_m) for power in range(2)]
    spread = summed[2] + 0.01 * summed[0]  # a single frame has no slope
    determinant = (summed[0] * spread - summed[1].square())[..., None]
    line_m = spread[..., None] * summed_m[0] - summed[1][..., None] * summed_m[1]
    return summed[0], line_m / torch.where(determinant > 0, determinant, 1.0)


def _near(cuts: Tensor, fps: float, like: Tensor) -> tuple[Tensor, Tensor]:
    """How near frames of one shot are `[N, S, S]`, and how far behind, in deviations `[S, S]`."""
    at = torch.arange(cuts.shape[1], device=like.device, dtype=like.dtype) / (STEADY_S * fps)
    after, shot = at - at[:, None], cuts.cumsum(1)
    return torch.exp(-0.5 * after.square()) * (shot[:, :, None] == shot[:, None]), after
