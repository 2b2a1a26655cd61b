"""The suite's evaluation of several sets of dances in one table, each against the same real dances."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.fit_to_song.dances import Dances
from benchmarks.fit_to_song.excerpts import Excerpt
from core_vimo.metrics.bootstrap import mean_estimate
from core_vimo.metrics.copying import COPY_FPS, nearest_training_clips
from core_vimo.metrics.measures import Measured, measure
from core_vimo.metrics.report import Report, Row, summarise
from core_vimo.motion import Motion, resample

GROUND_TRUTH = "ground truth"


def measure_all(dances: Dances, excerpts: Sequence[Excerpt]) -> list[Measured]:
    """Every dance with the beats of its song."""
    return [
        measure(f"{excerpt.name} {take}", motion, excerpt.beats_s)
        for takes, excerpt in zip(dances, excerpts, strict=True)
        for take, motion in enumerate(takes)
    ]


def table(sets: Mapping[str, Sequence[Measured]], reference: Sequence[Measured], seed: int) -> Report:
    """One row a set, and the ground truth's, drawn for as many dances as the first set has."""
    reports = [summarise(clips, reference, seed=seed) for clips in sets.values()]
    rows = [replace(report.rows[0], name=name) for report, name in zip(reports, sets, strict=True)]
    return replace(reports[0], rows=[*rows, reports[0].rows[1]])


def with_copying(report: Report, training: Sequence[Motion], most: int) -> Report:
    """The same with each row's distance to the nearest training clip, of at most `most` dances spread over the row."""
    library = [resample(motion, COPY_FPS).joints_m() for motion in training]
    return replace(report, rows=[_with_distance(row, library, most, report.seed) for row in report.rows])


def _with_distance(row: Row, library: Sequence[Tensor], most: int, seed: int) -> Row:
    places = torch.linspace(0, len(row.clips) - 1, min(most, len(row.clips))).round().long().tolist()
    nearest = nearest_training_clips([row.clips[place].copy_joints_m for place in places], library)
    distance = mean_estimate(nearest.distance_m, seed, f"{row.name} copy")
    return replace(row, metrics={**row.metrics, "copy_distance_m": distance})
