"""Where a song's beats, bars and eight-counts are, estimated from its 35 features alone.

Beats: tempo from the local autocorrelation of an accent curve, then dynamic programming (Ellis, "Beat Tracking by
Dynamic Programming", 2007, librosa's). Metre and downbeats: which of three or four repeats best, and where in the bar
the bass, the chord changes and the loudness gather. Estimates, not truth: half or double tempo, and a bar that begins
on another beat, happen with real music; `half_time`, `double_time` and `shift_counts` mend them.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import librosa
import numpy as np
import scipy.fft
import scipy.ndimage

from core_vimo.errors import InputError
from core_vimo.motion import FPS
from edge_adapter.feature_cache import cached_features
from edge_adapter.features import CHROMA, MFCC, ONSET, MusicFeatures

# librosa's onset curve answers late at 15360 Hz, since windows of 133 ms are delayed by whole frames. Measured on songs
# of the sequencer: 50 to 60 ms for drums and plucked sounds.
_LATENCY_S = 0.054

_USUAL_BPM = 115.0
_TEMPO_PRIOR = 0.2  # weight of the squared distance in octaves
_BPM = 60 * 2 ** np.arange(-0.3, 1.85, 0.005)
_TEMPO_WINDOW = round(10 * FPS)
# After how many beats music in four and in three repeats, with weights. What is in four often repeats after 3/2 or 3/4
# of its beats too, so three has to be better by a margin.
_IN_FOUR = {1: 1.0, 2: 1.0, 4: 1.0, 8: 0.5}
_IN_THREE = {1: 1.0, 3: 1.0, 6: 1.0}
_MARGIN_OF_THREE = 0.04

# Onset strength is in dB a frame: a song whose loudest onset lies below this has none (a steady tone, silence).
_FAINTEST_ONSET = 0.1

# A beat this near to the song's start or end may be meant for the very first or last sample.
_EDGE_S = 0.06

_LOW_BANDS = slice(0, 9)  # below 200 Hz
_LOUDNESS_DB = 20.0


@dataclass(frozen=True)
class BeatGrid:
    """Beats `[N]` and downbeats `[M]` of a song in seconds; every downbeat is one of the beats.

    `confidence` in [0, 1] is how much the accents repeat at the tempo found: above 0.3 for music with a steady pulse,
    about 0.2 where the tempo sways by a tenth, near 0 for rubato and noise. A silent song has no beats, tempo 0 and
    confidence 0.
    """

    beats_s: np.ndarray
    downbeats_s: np.ndarray
    tempo_bpm: float
    beats_per_bar: int = 4
    confidence: float = 1.0

    def counts(self) -> np.ndarray:
        """Dancers' counts of the beats `[N]`: 1 to 8 over two bars of four, 1 to 6 over two bars of three.

        The first downbeat is count 1, what comes before it counts up to it.
        """
        phrase = 2 * self.beats_per_bar
        first = int(np.searchsorted(self.beats_s, self.downbeats_s[0])) if len(self.downbeats_s) else 0
        return (np.arange(len(self.beats_s)) - first) % phrase + 1

    def beat_frames(self, fps: float) -> np.ndarray:
        """The frames nearest to the beats `[N]`."""
        return np.round(self.beats_s * fps).astype(int)


def track_beats(song: Path | str | MusicFeatures) -> BeatGrid:
    """The beats of a song, or of features of kind `librosa35`, through the whole length of it."""
    features = song if isinstance(song, MusicFeatures) else cached_features(song)
    if features.extractor != "librosa35":
        raise InputError(f"beats are found in features of kind librosa35, not {features.extractor}; extract these too")
    values = features.values.numpy().astype(np.float64)
    if len(features) < FPS or values[:, ONSET].max() < _FAINTEST_ONSET:
        return BeatGrid(np.zeros(0), np.zeros(0), 0.0, 4, 0.0)
    curves = _Curves(values)
    tempo, confidence = _tempo(curves.onset + curves.low_rise)
    beats = _beats(curves.accent, tempo, len(features))
    frames = np.clip(np.round((beats + _LATENCY_S) * FPS).astype(int), 0, len(features) - 1)
    per_bar, first = _bars(curves, frames)
    tempo = 60 / float(np.median(np.diff(beats))) if len(beats) > 1 else tempo
    return BeatGrid(beats, beats[first::per_bar], tempo, per_bar, confidence)


def half_time(grid: BeatGrid) -> BeatGrid:
    """Every other beat, so that bars last twice as long; the downbeats that stay are counted from the first one."""
    first = int(np.searchsorted(grid.beats_s, grid.downbeats_s[0])) if len(grid.downbeats_s) else 0
    beats = grid.beats_s[first % 2 :: 2]
    return _with_beats(grid, beats, first // 2, grid.tempo_bpm / 2)


def double_time(grid: BeatGrid) -> BeatGrid:
    """A beat more half way between each two, so that bars last half as long."""
    first = int(np.searchsorted(grid.beats_s, grid.downbeats_s[0])) if len(grid.downbeats_s) else 0
    places = np.arange(max(2 * len(grid.beats_s) - 1, 0)) / 2
    beats = np.interp(places, np.arange(len(grid.beats_s)), grid.beats_s) if len(grid.beats_s) else grid.beats_s
    return _with_beats(grid, beats, 2 * first, grid.tempo_bpm * 2)


def shift_counts(grid: BeatGrid, beats: int) -> BeatGrid:
    """The same beats with every count 1 moved `beats` beats later (earlier where negative)."""
    first = int(np.searchsorted(grid.beats_s, grid.downbeats_s[0])) if len(grid.downbeats_s) else 0
    return _with_beats(grid, grid.beats_s, first + beats, grid.tempo_bpm)


def _with_beats(grid: BeatGrid, beats_s: np.ndarray, first: int, tempo_bpm: float) -> BeatGrid:
    """`first` is a beat with count 1. Counts start at the first downbeat, so an odd bar before it is no bar."""
    downbeats_s = beats_s[first % (2 * grid.beats_per_bar) :: grid.beats_per_bar]
    return replace(grid, beats_s=beats_s, downbeats_s=downbeats_s, tempo_bpm=tempo_bpm)


class _Curves:
    """What moves in the song, `[S]` each, in units of its own spread; all late by `_LATENCY_S`.

    The mel spectrum is taken back from the 20 MFCC: smoothed over about six bands, which still tells bass from rest.
    """

    def __init__(self, values: np.ndarray) -> None:
        mel_db = scipy.fft.idct(np.pad(values[:, MFCC], ((0, 0), (0, 108))), norm="ortho", axis=1)
        loudness = 10 ** ((mel_db - mel_db.max()) / _LOUDNESS_DB)
        self.onset = _in_spreads(values[:, ONSET.start])
        self.low_rise = _in_spreads(_rise(mel_db[:, _LOW_BANDS]))
        self.low = _in_spreads(_rise(loudness[:, _LOW_BANDS]))
        self.high = _in_spreads(_rise(loudness[:, _LOW_BANDS.stop :]))
        self.accent = self.onset + self.low + _in_spreads(_rise(loudness))
        self.chroma = values[:, CHROMA]
        self.level = mel_db.mean(1)


def _rise(bands: np.ndarray) -> np.ndarray:
    """Mean rise over bands `[S, K]` to `[S]`, as late as librosa's onset strength."""
    rise = np.maximum(np.diff(bands, axis=0), 0).mean(1)
    return np.pad(rise, (3, 0))[: len(bands)]


def _in_spreads(curve: np.ndarray) -> np.ndarray:
    return curve / (curve.std() + 1e-9)


def _tempo(accent: np.ndarray) -> tuple[float, float]:
    """Tempo in BPM, and how strongly the accents repeat at it, in [0, 1]."""
    repeats = _autocorrelation(accent - scipy.ndimage.uniform_filter1d(accent, round(FPS)))
    score = np.maximum(_comb(repeats, _IN_FOUR), _comb(repeats, _IN_THREE) - _MARGIN_OF_THREE)
    best = int(np.argmax(score - _TEMPO_PRIOR * np.log2(_BPM / _USUAL_BPM) ** 2))
    return float(_BPM[best]), float(np.clip(score[best], 0, 1))


def _comb(repeats: np.ndarray, weights: dict[int, float]) -> np.ndarray:
    """Mean of an autocorrelation at multiples of the beat, for each of the tempi `_BPM`; lags too long don't count."""
    longest = int(0.9 * len(repeats))
    beat = 60 * FPS / _BPM
    score, total = np.zeros(len(beat)), np.zeros(len(beat))
    for beats, weight in weights.items():
        lags = beats * beat
        near = [np.interp(lags + d, np.arange(longest), repeats[:longest]) for d in (-0.5, 0, 0.5)]
        heard = lags < longest - 1
        score += weight * heard * np.max(near, axis=0)
        total += weight * heard
    return score / total


def _autocorrelation(curve: np.ndarray) -> np.ndarray:
    """Local autocorrelation over windows of 10 s, averaged over the song; 1 at lag 0, unbiased by the window."""
    window = np.hanning(_TEMPO_WINDOW)
    padded = np.pad(curve, _TEMPO_WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _TEMPO_WINDOW)[:: round(FPS / 2)]
    power = np.zeros(_TEMPO_WINDOW + 1)
    for block in np.array_split(frames, max(len(frames) // 512, 1)):
        power += (np.abs(np.fft.rfft(block * window, 2 * _TEMPO_WINDOW)) ** 2).sum(0)
    products = np.fft.irfft(power)[:_TEMPO_WINDOW]
    shape = np.correlate(window, window, "full")[_TEMPO_WINDOW - 1 :]
    products = products / np.maximum(shape, 0.05 * shape[0])
    return products / max(products[0], 1e-9)


def _beats(accent: np.ndarray, tempo_bpm: float, frames: int) -> np.ndarray:
    """Beat times in seconds through the whole song; between frames by a parabola through the accent's peak."""
    _, found = librosa.beat.beat_track(onset_envelope=accent, sr=FPS, hop_length=1, bpm=tempo_bpm, trim=False)
    before, at, after = (accent[np.clip(found + d, 0, len(accent) - 1)] for d in (-1, 0, 1))
    peak = np.clip(0.5 * (before - after) / np.minimum(before - 2 * at + after, -1e-6), -0.5, 0.5)
    beats_s = (found + peak) / FPS - _LATENCY_S
    return _carried_on(beats_s[beats_s > -_EDGE_S], 60 / tempo_bpm, (frames - 1) / FPS)


def _carried_on(beats_s: np.ndarray, interval_s: float, end_s: float) -> np.ndarray:
    """The grid goes on evenly to both ends of the song, where the tracker found nothing to hold on to."""
    if not len(beats_s):
        return beats_s
    before = np.arange(beats_s[0] - interval_s, -_EDGE_S, -interval_s)[::-1]
    after = np.arange(beats_s[-1] + interval_s, end_s - _EDGE_S, interval_s)
    return np.maximum(np.concatenate((before, beats_s, after)), 0)


def _bars(curves: _Curves, beats: np.ndarray) -> tuple[int, int]:
    """Beats in a bar (3 or 4) and the index of the first downbeat, for beats `[N]` in frames."""
    if len(beats) < 4:
        return 4, 0
    per_bar = _metre(curves, beats)
    evidence = _downbeat_evidence(curves, beats)
    return per_bar, int(np.argmax([evidence[phase::per_bar].mean() for phase in range(per_bar)]))


def _metre(curves: _Curves, beats: np.ndarray) -> int:
    """Three where what happens in a beat returns better after 3 and 6 beats than after 4 and 8."""
    if len(beats) < 17:
        return 4
    places = beats[:-1, None] + np.diff(beats)[:, None] * np.arange(4) / 4
    places = np.round(places).astype(int)
    pattern = np.concatenate([curve[places] for curve in (curves.low, curves.high, curves.onset)], axis=1)
    pattern = (pattern - pattern.mean(0)) / (pattern.std(0) + 1e-9)
    after = {lag: float((pattern[lag:] * pattern[:-lag]).mean()) for lag in (3, 4, 6, 8)}
    return 3 if after[3] + after[6] > after[4] + after[8] else 4


def _downbeat_evidence(curves: _Curves, beats: np.ndarray) -> np.ndarray:
    """How much each beat `[N]` is like the first of a bar: bass, a new chord, a rise in level, no backbeat."""
    low = _around(curves.low, beats)
    high = _around(curves.high, beats)
    chord = _novelty(curves.chroma, beats)
    level = _novelty(curves.level[:, None], beats)
    weights = ((1.0, low), (-0.5, high), (1.0, chord), (0.5, level))
    return np.sum([weight * (curve - curve.mean()) / (curve.std() + 1e-9) for weight, curve in weights], axis=0)


def _around(curve: np.ndarray, beats: np.ndarray) -> np.ndarray:
    return scipy.ndimage.maximum_filter1d(curve, 3)[beats]


def _novelty(rows: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """Distance between the means of the two beats from a beat on and of the two before it."""
    total = np.concatenate((np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)))
    bounds = np.clip(np.stack([np.roll(beats, shift) for shift in (2, 0, -2)]), 0, len(rows))
    bounds[0, :2], bounds[2, -2:] = 0, len(rows)
    means = np.diff(total[bounds], axis=0) / np.maximum(np.diff(bounds, axis=0), 1)[..., None]
    return np.linalg.norm(means[1] - means[0], axis=1)
