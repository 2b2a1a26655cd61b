"""Beat alignment of a dance and its music, in seconds, so that it means the same at any frame rate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching
from torch import Tensor

SIGMA_S = 0.050
SMOOTHING_S = 5 / 60
HIT_S = 0.100


@dataclass(frozen=True)
class BeatScores:
    """One dance against its music.

    bas_music_to_dance: mean over music beats (Bailando's, the published BAS); it rewards jitter, since a dance with
    many minima has one near every beat. bas_dance_to_music: mean over motion beats (FACT's direction).
    beat_f1: one-to-one matches within 100 ms. beat_count_ratio: motion beats per music beat.
    """

    bas_music_to_dance: float
    bas_dance_to_music: float
    beat_f1: float
    beat_count_ratio: float


def motion_beats_s(joints_m: Tensor, fps: float) -> NDArray[np.float64]:
    """Times of the strict local minima of the mean joint speed after Gaussian smoothing of 83.3 ms.

    joints_m `[S, 24, 3]`, any axes -> seconds. As in Bailando, the speed between frames i and i+1 is dated i / fps.
    """
    speed = joints_m.double().diff(dim=0).norm(dim=-1).mean(dim=-1).numpy()
    if len(speed) < 3:
        return np.zeros(0)
    smooth = gaussian_filter1d(speed, SMOOTHING_S * fps)
    here = smooth[1:-1]
    return (np.flatnonzero((here < smooth[:-2]) & (here < smooth[2:])) + 1) / fps


def beat_scores(joints_m: Tensor, fps: float, music_beats_s: NDArray[np.floating]) -> BeatScores:
    """Score a dance `[S, 24, 3]` that starts with its music; beats after the dance's end are left out.

    Without motion beats the music's beats stay unanswered (0) and the other direction is NaN; without music beats
    all is NaN.
    """
    last_s = (joints_m.shape[0] - 1) / fps
    music_s = np.asarray(music_beats_s, dtype=np.float64)
    music_s = music_s[(music_s >= 0) & (music_s < last_s - 1e-9)]
    dance_s = motion_beats_s(joints_m, fps)
    if len(music_s) == 0:
        return BeatScores(*[float("nan")] * 4)
    return BeatScores(
        alignment(music_s, dance_s),
        alignment(dance_s, music_s),
        f1(dance_s, music_s),
        len(dance_s) / len(music_s),
    )


def alignment(of_s: NDArray[np.float64], to_s: NDArray[np.float64]) -> float:
    """Mean over `of_s` of exp(-d² / 2σ²), d the distance to the nearest of `to_s`, σ = 50 ms; NaN for no `of_s`."""
    if len(of_s) == 0:
        return float("nan")
    if len(to_s) == 0:
        return 0.0
    nearest = np.abs(of_s[:, None] - to_s[None, :]).min(axis=1)
    return float(np.exp(-(nearest**2) / (2 * SIGMA_S**2)).mean())


def f1(dance_s: NDArray[np.float64], music_s: NDArray[np.float64]) -> float:
    """Harmonic mean of precision and recall; each beat is matched at most once, within 100 ms."""
    if len(dance_s) == 0 or len(music_s) == 0:
        return 0.0
    near = csr_matrix(np.abs(dance_s[:, None] - music_s[None, :]) <= HIT_S)
    hits = int((maximum_bipartite_matching(near) >= 0).sum())
    return 2 * hits / (len(dance_s) + len(music_s))
