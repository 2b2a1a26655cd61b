"""Where keypoints lie beside a body, averaged over time as far as they can be believed.

A detector trembles by centimetres, and now and then takes a left leg for a right one: 1 % of keypoints make more than
half of all squared error. What is far from where the same joint lay just before and after counts less and less (Geman
and McClure's weights, found again in each round), however far the body itself is off. A joint that is wrong for longer
is believed: 20 cm from 0.15 s on, a metre from 0.3 s, and at a shot's ends, with neighbours on one side alone, from
0.07 s on.

Shapes: `N` films of `S` frames, `P` points, `C` columns. Long films are cut into `K` blocks of `L` frames that see `M`
beyond their ends, so that time and memory grow as the film does.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

STEADY_S = 0.1
"""Deviation of the Gaussian over time. From raw keypoints a detector's trembling makes steps as large as a dancer's
own, and no foot would ever stand."""

_SEES = 4  # deviations to either side
_WRONG_M = 0.15  # from its neighbours' line; from there on a keypoint counts less than a quarter
_ROUNDS = 3
_DOUBT = 0.03  # frames' worth of seeing on which staying counts as much as what was seen
_WHOLE, _BLOCK = 256, 128  # frames: up to so many in one go, else in blocks


class Steadied(NamedTuple):
    """offsets_m `[N, S, P, 3]`: 0 where nothing was seen; sure `[N, S, P]`: the confidence it was seen with around each
    frame, less where it was wrong."""

    offsets_m: Tensor
    sure: Tensor


@torch.no_grad()
def steadied(offsets_m: Tensor, counts: Tensor, cuts: Tensor, fps: float) -> Steadied:
    """Of `N` films: offsets_m `[N, S, P, 3]` from a body's P points to what was seen of them, counting `[N, S, P]`;
    cuts `[N, S]` bool begin shots, which know nothing of one another.

    Each frame's is read off the straight line that fits those around it, so that what moves evenly isn't held back.
    """
    around = _Around.of(cuts, fps, offsets_m)
    weight = counts
    for _ in range(_ROUNDS):
        line_m, _ = _lines(offsets_m, weight, around)
        weight = counts / (1 + ((offsets_m - line_m).norm(dim=-1) / _WRONG_M).square()).square()
    line_m, known = _lines(offsets_m, weight, around)
    whole = around.sum(torch.ones_like(counts[..., :1]))
    return Steadied(line_m * (known / (known + _DOUBT))[..., None], around.sum(weight) / whole)


def _lines(offsets_m: Tensor, weight: Tensor, around: "_Around") -> tuple[Tensor, Tensor]:
    """The weighted line around each frame, there, `[N, S, P, 3]`, and how many frames' worth it is known by
    `[N, S, P]`: beyond a few that were seen, soon by none."""
    weighed_m = (offsets_m * weight[..., None]).flatten(2)
    total, lever, spread = (around.sum(weight, power) for power in range(3))
    sum_m, moment_m = (around.sum(weighed_m, power).view_as(offsets_m) for power in range(2))
    spread = spread + 0.01 * total  # a single frame has no slope
    determinant = (total * spread - lever.square())[..., None]
    line_m = spread[..., None] * sum_m - lever[..., None] * moment_m
    known = total - lever.square() / torch.where(spread > 0, spread, 1.0)
    return line_m / torch.where(determinant > 0, determinant, 1.0), known


class _Around(NamedTuple):
    """Sums over the frames of a shot that are near to each."""

    near: Tensor  # [N, K, L, L + 2 M]
    after: Tensor  # [L, L + 2 M] how far behind, in deviations

    @classmethod
    def of(cls, cuts: Tensor, fps: float, like: Tensor) -> "_Around":
        frames, sees = cuts.shape[1], math.ceil(_SEES * STEADY_S * fps)
        block = frames if frames <= _WHOLE else _BLOCK
        at = torch.arange(-sees, block + sees, device=like.device, dtype=like.dtype) / (STEADY_S * fps)
        after = at - at[sees : sees + block, None]
        shot = _blocks(cuts.cumsum(1)[..., None] + 1, block, sees)[..., 0]  # beyond the ends: 0
        same = shot[:, :, None] == shot[:, :, sees : sees + block, None]
        return cls(torch.exp(-0.5 * after.square()) * same, after)

    def sum(self, values: Tensor, power: int = 0) -> Tensor:
        """`[N, S, C]`, times how far they are behind to a power."""
        block = self.after.shape[0]
        each = (self.near * self.after**power) @ _blocks(values, block, (self.after.shape[1] - block) // 2)
        return each.flatten(1, 2)[:, : values.shape[1]]


def _blocks(values: Tensor, block: int, sees: int) -> Tensor:
    """`[N, S, C]` -> `[N, K, L + 2 M, C]`, zeros beyond the ends."""
    missing = -values.shape[1] % block
    padded = F.pad(values, (0, 0, sees, sees + missing))
    return padded.unfold(1, block + 2 * sees, block).transpose(2, 3)
