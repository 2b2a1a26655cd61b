"""By how much two ways of treating the same clips differ, with intervals of the difference itself.

Clips differ far more from one another than two treatments of one clip do: intervals of two separate means overlap where
that of the difference is clear of zero.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from core_vimo.metrics.bootstrap import UNKNOWN, Estimate, mean_estimate, set_estimate
from core_vimo.metrics.frechet import diversity, frechet_distance
from core_vimo.metrics.measures import FEATURES, Measured
from core_vimo.metrics.report import Pool, Row

_FEWEST = 2


def difference_row(name: str, clips: Sequence[Measured], others: Sequence[Measured], pool: Pool, seed: int) -> Row:
    """Every metric of `clips` less that of `others`; the same clips in the same order, resampled together.

    Raises ValueError where they aren't.
    """
    if [clip.name for clip in clips] != [other.name for other in others]:
        raise ValueError("paired differences need the same clips in the same order")
    metrics: dict[str, Estimate] = {}
    for metric, of in _set_metrics(pool).items():
        kind = metric.partition("_")[2]
        pair = pool.standardised(clips, kind), pool.standardised(others, kind)
        metrics[metric] = _set_difference(*pair, of, seed, f"{name} {metric}")
    apart = [_apart(clip, other) for clip, other in zip(clips, others, strict=True)]
    for metric in clips[0].numbers:
        per_clip = torch.tensor([clip.numbers[metric] for clip in apart])
        metrics[metric] = mean_estimate(per_clip, seed, f"{name} {metric}")
    return Row(name, metrics, apart)


def _set_metrics(pool: Pool) -> dict[str, Callable[[Tensor], Tensor]]:
    """By name, in the order of other rows: from z-scored features `[..., N, D]` to `[...]`."""

    def fid(kind: str) -> Callable[[Tensor], Tensor]:
        return lambda features: frechet_distance(features, pool.features[kind])

    return {f"fid_{kind}": fid(kind) for kind in FEATURES} | {f"div_{kind}": diversity for kind in FEATURES}


def _set_difference(
    ours: Tensor, theirs: Tensor, metric: Callable[[Tensor], Tensor], seed: int, purpose: str
) -> Estimate:
    if len(ours) < _FEWEST:
        return UNKNOWN
    value = float(metric(ours) - metric(theirs))
    return set_estimate(
        value, len(ours), lambda rows: metric(ours[rows]) - metric(theirs[rows]), seed, purpose, least=-math.inf
    )


def _apart(clip: Measured, other: Measured) -> Measured:
    return replace(clip, numbers={name: number - other.numbers[name] for name, number in clip.numbers.items()})
