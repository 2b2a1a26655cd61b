"""Several takes of one dance or of one video, ranked by numbers a person can read."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core_vimo.formats.retarget import impossible_steps
from core_vimo.metrics.beats import beat_scores
from core_vimo.metrics.feet import float_m, foot_skating, jitter
from core_vimo.motion import Motion
from core_vimo.video_to_motion.reprojection import Reprojection

RANKED_BY = {"impossible_steps": "low", "beat_f1": "high", "foot_skate_ratio": "low", "jitter": "low"}
"""What makes a take of a dance good, and which way."""

FILMED_RANKED_BY = {"impossible_steps": "low", "reprojection_px": "low", "foot_skate_ratio": "low", "jitter": "low"}
"""The same of a video's motion."""


@dataclass(frozen=True)
class TakeNumbers:
    """beat_*: see `core_vimo.metrics.beats`, None for a song without beats; foot_skate_ratio: share of contact frames
    that slide; float_cm: mean height of the lower foot; jitter: 10 m/s³; impossible_steps: frames that turn or leap as
    nobody does; travel_m: length of the path."""

    bas_music_to_dance: float | None
    bas_dance_to_music: float | None
    beat_f1: float | None
    foot_skate_ratio: float | None
    float_cm: float
    jitter: float
    impossible_steps: int
    travel_m: float


def measure(motion: Motion, beats_s: np.ndarray) -> TakeNumbers:
    """The numbers of one take whose music has beats at `beats_s [N]` seconds from the take's start."""
    joints_m = motion.joints_m()
    beats = beat_scores(joints_m, motion.fps, beats_s)
    path_m = motion.root_m[:, :2].diff(dim=0).norm(dim=-1).sum()
    return TakeNumbers(
        _number(beats.bas_music_to_dance),
        _number(beats.bas_dance_to_music),
        _number(beats.beat_f1),
        _number(foot_skating(joints_m, motion.fps).foot_skate_ratio),
        round(100 * float(float_m(joints_m)), 2),
        round(float(jitter(joints_m, motion.fps)), 2),
        int(impossible_steps(motion).sum()),
        round(float(path_m), 2),
    )


@dataclass(frozen=True)
class FilmedTakeNumbers:
    """reprojection_*: mean distance from the keypoints seen confidently, in pixels and in percent of the height that
    the standing body has in the picture (`core_vimo.video_to_motion.reprojection`); the others as in `TakeNumbers`."""

    reprojection_px: float | None
    reprojection_percent: float | None
    foot_skate_ratio: float | None
    float_cm: float
    jitter: float
    impossible_steps: int
    travel_m: float


def measure_filmed(motion: Motion, seen: Reprojection) -> FilmedTakeNumbers:
    """The numbers of one take of a video, and of how it would be seen in it."""
    moving = measure(motion, np.array([]))
    return FilmedTakeNumbers(
        _number(seen.mean_px),
        _number(100 * seen.of_height),
        moving.foot_skate_ratio,
        moving.float_cm,
        moving.jitter,
        moving.impossible_steps,
        moving.travel_m,
    )


def rank(takes: Sequence[TakeNumbers | FilmedTakeNumbers], by: Mapping[str, str] = RANKED_BY) -> list[int]:
    """Indices of the takes, best first: the least sum of ranks over `by`, the earlier take where equal."""
    total = np.zeros(len(takes))
    for name, better in by.items():
        values = np.array([np.nan if (v := getattr(take, name)) is None else v for take in takes], dtype=float)
        worst_last = np.nan_to_num(values if better == "low" else -values, nan=np.inf)
        total += (worst_last[None, :] < worst_last[:, None]).sum(axis=1)
    return [int(i) for i in np.argsort(total, kind="stable")]


def _number(value: object) -> float | None:
    number = float(value)  # type: ignore[arg-type]
    return None if math.isnan(number) else round(number, 3)
