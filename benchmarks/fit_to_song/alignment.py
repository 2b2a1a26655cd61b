"""Own song against other songs: the same dances scored by the beats they were made for and by those they were not.

A dance that moves a lot, or a song with many beats, scores high with anything. So each song's own score (its dances to
its beats) is set against the mean of two others: its dances to other songs' beats, and other songs' dances to its
beats. What only depends on the dance or only on the song cancels. `N` songs, `R` dances a song.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core_vimo.metrics.beats import alignment, beat_scores, motion_beats_s
from core_vimo.metrics.bootstrap import Estimate, mean_estimate
from core_vimo.motion import Motion
from core_vimo.randomness import generator

BEST_LAG = "bas_dance_to_music, best lag"
"""The dance may start up to 0.3 s early or late, to its own song and to others alike: time kept, if not met."""

METRICS = ("bas_music_to_dance", "bas_dance_to_music", "beat_f1", BEST_LAG)
_LAGS_S = np.arange(-9, 10) / 30
PERMUTATIONS = 10_000


@dataclass(frozen=True)
class OwnAgainstOther:
    """One metric: scores to the own song, to other songs, their difference, each a mean over songs with its interval.

    `p` is the share of 10 000 random assignments of songs to dances (the true one counted) that score at least as
    high as the true one. `by_song` holds (own, other) a song.
    """

    own: Estimate
    other: Estimate
    difference: Estimate
    p: float
    by_song: tuple[tuple[float, float], ...]


@dataclass(frozen=True, eq=False)
class Music:
    """Beats `[N]` in seconds and the length that they are known for."""

    beats_s: NDArray[np.float64]
    seconds: float


def compare(dances: Sequence[Sequence[Motion]], music: Sequence[Music], seed: int) -> dict[str, OwnAgainstOther]:
    """By metric, for `dances[i]` made to `music[i]`, N >= 2; intervals and permutations hang on `seed`."""
    return {metric: _against(table, seed, metric) for metric, table in score_tables(dances, music).items()}


def score_tables(dances: Sequence[Sequence[Motion]], music: Sequence[Music]) -> dict[str, Tensor]:
    """By metric `[N, N]`: row i holds the dances of song i, scored to each song j, mean over the R dances."""
    joints = [[motion.joints_m() for motion in takes] for takes in dances]
    rows = [[_mean_scores(takes, dances[0][0].fps, song) for song in music] for takes in joints]
    return {metric: torch.tensor([[cell[metric] for cell in row] for row in rows]) for metric in METRICS}


def lag_profile(
    dances: Sequence[Sequence[Motion]], music: Sequence[Music], lags_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Dance to music alignment with the own song's beats moved by each of `lags_s`, mean over songs and dances.

    Its peak shows a dance that keeps time but comes late (positive) or early. Beats that leave the song are lost.
    """
    curves = [
        [alignment(motion_beats_s(motion.joints_m(), motion.fps), song.beats_s + lag) for lag in lags_s]
        for takes, song in zip(dances, music, strict=True)
        for motion in takes
    ]
    return np.nanmean(np.array(curves), axis=0)


def _mean_scores(takes: list[Tensor], fps: float, song: Music) -> dict[str, float]:
    """Scores of dances to a song, both cut to the shorter."""
    scores = [_scores(joints_m[: round(song.seconds * fps)], fps, song.beats_s) for joints_m in takes]
    return {metric: float(np.nanmean([score[metric] for score in scores])) for metric in METRICS}


def _scores(joints_m: Tensor, fps: float, beats_s: NDArray[np.float64]) -> dict[str, float]:
    dance_s = motion_beats_s(joints_m, fps)
    heard_s = beats_s[beats_s < len(joints_m) / fps]
    best = max(alignment(dance_s, heard_s + lag) for lag in _LAGS_S)
    return {**asdict(beat_scores(joints_m, fps, beats_s)), BEST_LAG: best}


def _against(table: Tensor, seed: int, metric: str) -> OwnAgainstOther:
    table = table.double()
    own, other = table.diagonal(), _others(table)
    return OwnAgainstOther(
        mean_estimate(own, seed, f"own {metric}"),
        mean_estimate(other, seed, f"other {metric}"),
        mean_estimate(own - other, seed, f"difference {metric}"),
        _permutation_p(table, seed, metric),
        tuple(zip(own.tolist(), other.tolist(), strict=True)),
    )


def _others(table: Tensor) -> Tensor:
    """Mean off-diagonal score of each song's row and column, `[N]`."""
    off = table - torch.diag(table.diagonal())
    return (off.sum(dim=0) + off.sum(dim=1)) / (2 * (len(table) - 1))


def _permutation_p(table: Tensor, seed: int, metric: str) -> float:
    songs = len(table)
    draws = torch.rand(PERMUTATIONS, songs, generator=generator(seed, metric, "permutations")).argsort(dim=1)
    scores = table[torch.arange(songs), draws].mean(dim=1)
    reached = int((scores >= table.diagonal().mean() - 1e-12).sum())
    return (reached + 1) / (PERMUTATIONS + 1)
