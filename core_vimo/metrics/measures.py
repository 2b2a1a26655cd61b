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
from core_vimo.metrics.protocol import pfc_joints_m, published_joints_m, require_length
from core_vimo.motion import Motion, resample

BeatTimes = NDArray[np.floating]

FEATURES = ("k", "m", "k_fixed", "m_fixed")


@dataclass(frozen=True)
class Measured:
    """One dance: feature vectors by the suffix of their `fid_…`, single numbers by metric, joints for copying."""

    name: str
    seconds: float
    fps: float
    features: Mapping[str, Tensor]
    numbers: Mapping[str, float]
    copy_joints_m: Tensor


def measure(
    name: str, motion: Motion, music_beats_s: BeatTimes | None = None, feature_frames: int | None = None
) -> Measured:
    """Measure one dance; beats are NaN without music.

    `feature_frames` keeps the first so many frames at 60 fps for the kinetic and manual features
    (`protocol.FEATURE_FRAMES` for generated dances). Raises InputError naming a motion that is too short.
    """
    require_length(name, motion)
    numbers = {**_beats(motion, music_beats_s), **_physics(motion)}
    features = _features(published_joints_m(motion, feature_frames))
    return Measured(name, motion.seconds, motion.fps, features, numbers, resample(motion, COPY_FPS).joints_m())


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
