"""The evaluation of a set of dances: every metric with its interval, beside the ground truth's own row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.metrics.bootstrap import (
    RESAMPLES,
    UNKNOWN,
    Estimate,
    mean_estimate,
    set_estimate,
    spread_estimate,
)
from core_vimo.metrics.copying import Nearest, nearest_training_clips
from core_vimo.metrics.frechet import Standardiser, diversity, frechet_distance
from core_vimo.metrics.measures import FEATURES, Measured
from core_vimo.randomness import generator

GROUND_TRUTH_SPLITS = 50
_FEWEST = 2

PROTOCOL = {
    "features": (
        "kinetic (72) and manual (32): y-up, 60 fps by slerp, first root subtracted; of scored dances (real ones too) "
        "the first 1200 frames (20 s), of the reference they are scored against all"
    ),
    "fid, div": (
        "z-scored with the reference pool's mean and population deviation; columns constant in the pool left out"
    ),
    "ground truth": (
        f"fid: as many reference dances as there are generated ones (at most half) against the others, mean of "
        f"{GROUND_TRUTH_SPLITS} keyed draws; other metrics: the reference dances themselves"
    ),
    "training": "the training dances scored as if a model that only copies had generated them",
    "beats": "seconds, at the dance's own rate; sigma 50 ms, smoothing 83.3 ms, hits within 100 ms, one to one",
    "pfc": "z-up, 30 fps, windows of 150 frames at stride 75, mean over windows, then over dances",
    "feet, float, jitter": (
        "30 fps; floor = 5th percentile of each foot joint's height; contact below 5 cm, skating above 0.2 m/s"
    ),
    "copy_distance_m": (
        "least warped distance of a 4 s phrase to any training phrase, 10 fps, root- and heading-aligned; "
        "of real and training dances as many are drawn as there are generated ones"
    ),
    "intervals": (f"95 %; {RESAMPLES} bootstrap resamples of the dances; ground-truth fid: the range of its draws"),
}


@dataclass(frozen=True)
class Row:
    """One set of dances: its metrics by name, and the dances they were measured on."""

    name: str
    metrics: Mapping[str, Estimate]
    clips: Sequence[Measured]
    nearest: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    """For each dance the training dance nearest to it, and their distance in metres."""
    section: str = ""
    """Rows of one section share a table."""


@dataclass(frozen=True)
class Report:
    """The rows, and what is needed to read and to repeat them."""

    rows: Sequence[Row]
    seed: int
    notes: Sequence[str]
    protocol: Mapping[str, str] = field(default_factory=lambda: dict(PROTOCOL))
    clips_are: str = "dances"


@dataclass(frozen=True, eq=False)
class Pool:
    """The reference that feature sets are scored against: its features `[M, D]` by kind, and their z-scores."""

    features: Mapping[str, Tensor]
    scales: Mapping[str, Standardiser]

    @classmethod
    def of(cls, reference: Sequence[Measured]) -> "Pool":
        features = {kind: torch.stack([clip.pool_features[kind] for clip in reference]) for kind in FEATURES}
        scales = {kind: Standardiser.of(values) for kind, values in features.items()}
        return cls({kind: scales[kind](values) for kind, values in features.items()}, scales)

    def standardised(self, clips: Sequence[Measured], kind: str) -> Tensor:
        """Features of other clips in the pool's z-scores, `[N, D]`."""
        return self.scales[kind](torch.stack([clip.features[kind] for clip in clips]))


def summarise(
    generated: Sequence[Measured],
    reference: Sequence[Measured],
    training: Sequence[Measured] = (),
    seed: int = 0,
) -> Report:
    """Rows "generated", "ground truth" and, where training dances are given, "training" (a model that copies)."""
    if not generated or not reference:
        raise InputError("an evaluation needs at least one generated and one reference dance")
    pool = Pool.of(reference)
    rows = [_row("generated", generated, pool, training, len(generated), seed)]
    truth = _row("ground truth", reference, pool, training, len(generated), seed)
    truth_fid = {f"fid_{k}": _truth_fid(reference, k, pool, len(generated), seed) for k in FEATURES}
    rows.append(Row(truth.name, {**truth.metrics, **truth_fid}, truth.clips, truth.nearest))
    if training:
        rows.append(_row("training", training, pool, training, len(generated), seed))
    return Report(rows, seed, _notes(rows, pool.scales))


def set_row(name: str, clips: Sequence[Measured], pool: Pool, seed: int) -> Row:
    """One set of clips against a pool: Fréchet distances and diversities, and the mean of each clip's own numbers."""
    ours = {kind: pool.standardised(clips, kind) for kind in FEATURES}
    metrics = {f"fid_{k}": _fid(ours[k], pool.features[k], seed, f"{name} fid_{k}") for k in FEATURES}
    metrics |= {f"div_{k}": _diversity(ours[k], seed, f"{name} div_{k}") for k in FEATURES}
    for metric in clips[0].numbers:
        per_clip = torch.tensor([clip.numbers[metric] for clip in clips])
        metrics[metric] = mean_estimate(per_clip, seed, f"{name} {metric}")
    return Row(name, metrics, clips)


def _row(
    name: str,
    clips: Sequence[Measured],
    pool: Pool,
    training: Sequence[Measured],
    most_compared: int,
    seed: int,
) -> Row:
    row = set_row(name, clips, pool, seed)
    if not training:
        return row
    compared = _drawn(clips, most_compared, seed, f"{name} compared")
    nearest = nearest_training_clips([c.copy_joints_m for c in compared], [c.copy_joints_m for c in training])
    copying = {"copy_distance_m": mean_estimate(nearest.distance_m, seed, f"{name} copy")}
    return Row(name, {**row.metrics, **copying}, clips, _named(compared, training, nearest))


def _drawn(clips: Sequence[Measured], most: int, seed: int, purpose: str) -> Sequence[Measured]:
    """At most so many of the clips, by keyed draw: comparing every real dance with every training dance takes hours."""
    if len(clips) <= most:
        return clips
    order = torch.randperm(len(clips), generator=generator(seed, 0, purpose))
    return [clips[index] for index in order[:most].tolist()]


def _fid(ours: Tensor, pool: Tensor, seed: int, purpose: str) -> Estimate:
    if min(len(ours), len(pool)) < _FEWEST:
        return UNKNOWN
    value = float(frechet_distance(ours, pool))
    return set_estimate(value, len(ours), lambda rows: frechet_distance(ours[rows], pool), seed, purpose)


def _diversity(ours: Tensor, seed: int, purpose: str) -> Estimate:
    """A resample's diversity follows from how often it holds each clip: counts on both sides of the distances."""
    if len(ours) < _FEWEST:
        return UNKNOWN
    distances = torch.cdist(ours, ours)

    def resampled(rows: Tensor) -> Tensor:
        counts = torch.zeros(rows.shape, dtype=distances.dtype)
        counts.scatter_add_(1, rows, torch.ones_like(counts))
        return ((counts @ distances) * counts).sum(dim=-1) / (len(ours) * (len(ours) - 1))

    return set_estimate(float(diversity(ours)), len(ours), resampled, seed, purpose)


def _truth_fid(reference: Sequence[Measured], kind: str, pool: Pool, generated: int, seed: int) -> Estimate:
    """What real dances score against other real dances, with as many clips as the generated row has.

    Standardised with the whole pool, as the generated row is: a feature that is rare in a part of the pool would
    otherwise swamp its draws.
    """
    drawn = min(generated, len(reference) // 2)
    if drawn < _FEWEST:
        return UNKNOWN
    scored, real = pool.standardised(reference, kind), pool.features[kind]
    draws = []
    for split in range(GROUND_TRUTH_SPLITS):
        order = torch.randperm(len(reference), generator=generator(seed, 0, split, "ground truth split"))
        draws.append(frechet_distance(scored[order[:drawn]], real[order[drawn:]]))
    return spread_estimate(torch.stack(draws), drawn)


def _named(clips: Sequence[Measured], training: Sequence[Measured], nearest: Nearest) -> dict[str, tuple[str, float]]:
    pairs = zip(clips, nearest.training_clip.tolist(), nearest.distance_m.tolist(), strict=True)
    return {clip.name: (training[index].name, distance) for clip, index, distance in pairs}


def _notes(rows: Sequence[Row], scales: Mapping[str, Standardiser]) -> list[str]:
    """What a reader must know before comparing these numbers with others."""
    sizes = ", ".join(f"{len(row.clips)} {row.name}" for row in rows)
    notes = [f"{sizes}: Fréchet distances of other numbers of dances can't be compared with these"]
    notes += left_out_columns(scales)
    if any(len(row.clips) < _FEWEST for row in rows):
        notes.append("fid and div need at least 2 dances on each side")
    scored = rows[0].metrics["bas_music_to_dance"].clips
    if scored < len(rows[0].clips):
        notes.append(f"beats: {scored} of {len(rows[0].clips)} generated dances have a song with beats")
    return notes


def left_out_columns(scales: Mapping[str, Standardiser]) -> list[str]:
    """A sentence for each kind of features some of which are constant in the reference."""
    return [
        f"fid_{kind}, div_{kind}: columns {scale.constant_columns} (from 0) left out: constant in the reference"
        for kind, scale in scales.items()
        if scale.constant_columns
    ]
