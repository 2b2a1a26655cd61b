"""How much a number would vary with other clips: bootstrap intervals from keyed draws."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core_vimo.randomness import generator

CONFIDENCE = 0.95
RESAMPLES = 200


@dataclass(frozen=True)
class Estimate:
    """A metric's value over `clips` clips, with its 95 % interval; NaN where it can't be told."""

    value: float
    low: float
    high: float
    clips: int


UNKNOWN = Estimate(math.nan, math.nan, math.nan, 0)


def resamples(clips: int, seed: int, purpose: str) -> Tensor:
    """Indices of resampled clips, `[RESAMPLES, clips]`, drawn with replacement."""
    return torch.randint(clips, (RESAMPLES, clips), generator=generator(seed, 0, "bootstrap", purpose))


def mean_estimate(per_clip: Tensor, seed: int, purpose: str) -> Estimate:
    """Mean over clips `[N]` that have the metric (NaN marks the others), with its percentile interval."""
    known = per_clip[~per_clip.isnan()].double()
    if len(known) == 0:
        return UNKNOWN
    low, high = _percentiles(known[resamples(len(known), seed, purpose)].mean(dim=-1))
    return Estimate(float(known.mean()), low, high, len(known))


def set_estimate(
    value: float, clips: int, resampled: Callable[[Tensor], Tensor], seed: int, purpose: str, least: float = 0.0
) -> Estimate:
    """A metric of a whole set, never below `least`: `resampled` maps indices `[R, N]` to values `[R]`.

    Resampled sets hold clips twice, which alone raises a Fréchet distance and lowers a diversity; so the interval is
    the spread of the resamples put around `value`, not their percentiles.
    """
    values = resampled(resamples(clips, seed, purpose))
    low, high = _percentiles(values - values.mean())
    return Estimate(value, max(value + low, least), value + high, clips)


def spread_estimate(values: Tensor, clips: int) -> Estimate:
    """Mean of repeated measurements `[R]` and the range that holds 95 % of them."""
    low, high = _percentiles(values)
    return Estimate(float(values.mean()), low, high, clips)


def _percentiles(values: Tensor) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = torch.quantile(values.double(), torch.tensor([tail, 1 - tail], dtype=torch.float64))
    return float(low), float(high)
