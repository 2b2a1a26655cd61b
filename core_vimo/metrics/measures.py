"""All that can be measured of one dance alone; small, so that thousands of dances fit in memory."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core_vimo.metrics.beats import BeatScores, beat_scores
from core_vimo.metrics.copying import COPY_FPS
from core_vimo.metrics.feet import float_m, foot_skating, jitter
from core_vimo.metrics.kinetic import kinetic_features
from core_vimo.metrics.manual import manual_features
from core_vimo.metrics.pfc import PFC_FPS, pfc_abs, pfc_edge, pfc_windows
from core_vimo.metrics.protocol import FEATURE_FRAMES, pfc_joints_m, published_joints_m, require_length
from core_vimo.motion import Motion, resample

BeatTimes = NDArray[np.floating]

FEATURES = ("k", "m", "k_fixed", "m_fixed")


@dataclass(frozen=True)
class Measured:
    """One dance: feature vectors by the suffix of their `fid_…`, single numbers by metric, joints for copying.

    `features` are of the first 20 s, for a dance that is scored; `pool_features` of the whole, for the reference.
    """

    name: str
    seconds: float
    fps: float
    features: Mapping[str, Tensor]
    pool_features: Mapping[str, Tensor]
    numbers: Mapping[str, float]
    copy_joints_m: Tensor


def measure(name: str, motion: Motion, music_beats_s: BeatTimes | None = None) -> Measured:
    """Measure one dance; `music_beats_s` counts from its first frame, and without music its beat metrics are NaN.

    Raises InputError naming a motion that is too short.
    """
    require_length(name, motion)
    joints_m = published_joints_m(motion)
    whole = _features(joints_m)
    return Measured(
        name,
        motion.seconds,
        motion.fps,
        features=whole if len(joints_m) <= FEATURE_FRAMES else _features(joints_m[:FEATURE_FRAMES]),
        pool_features=whole,
        numbers={**_beats(motion, music_beats_s), **_physics(motion)},
        copy_joints_m=resample(motion, COPY_FPS).joints_m(),
    )


def _features(joints_m: Tensor) -> dict[str, Tensor]:
    return {
        "k": kinetic_features(joints_m),
        "m": manual_features(joints_m),
        "k_fixed": kinetic_features(joints_m, "fixed"),
        "m_fixed": manual_features(joints_m, "fixed"),
    }


def _beats(motion: Motion, music_beats_s: BeatTimes | None) -> dict[str, float]:
    if music_beats_s is None:
        return asdict(BeatScores(*[math.nan] * 4))
    return asdict(beat_scores(motion.joints_m(), motion.fps, music_beats_s))


def _physics(motion: Motion) -> dict[str, float]:
    joints_m = pfc_joints_m(motion)
    windows = pfc_windows(joints_m)
    skating = foot_skating(joints_m, PFC_FPS)
    return {
        "pfc_edge": float(pfc_edge(windows).mean()),
        "pfc_abs": float(pfc_abs(windows).mean()),
        "foot_skate_ratio": float(skating.foot_skate_ratio),
        "foot_skate_speed": float(skating.foot_skate_speed),
        "float_m": float(float_m(joints_m)),
        "jitter": float(jitter(joints_m, PFC_FPS)),
    }
