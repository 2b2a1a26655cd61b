"""Music features at 30 fps: EDGE's 35 librosa numbers, computed once for a whole song.

The 35 are EDGE's baseline (Tseng et al., "EDGE: Editable Dance Generation From Music", CVPR 2023): onset strength 1,
MFCC 20, chroma CENS 12, onset peaks 1, beats 1, at 15360 Hz with a hop of 512. EDGE computes them for each slice of
5 s; here they are computed for the song, so that overlapping windows agree about every beat and level. Values equal
those librosa gives for the whole song at once, but the song is read as a stream: one STFT serves mel bands, tuning and
onsets, and only per-frame numbers are kept.
"""

import math
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import librosa
import numpy as np
import scipy.fft
import scipy.ndimage
import torch
from torch import Tensor

from core_vimo.motion import FPS
from edge_adapter.audio import stream_audio

HOP = 512
RATE = round(FPS) * HOP
ONSET, MFCC, CHROMA, PEAKS, BEATS = slice(0, 1), slice(1, 21), slice(21, 33), slice(33, 34), slice(34, 35)

_FFT = 2048
_MELS = 128
_CQT_BINS_PER_OCTAVE = 36
_BLOCK_FRAMES = 7200  # four minutes: bounds the memory, and makes the set-up of filters cheap
# Frames on each side that a constant-Q frame may see: its longest filter (1.07 s) and the half-band filters before it.
_CQT_MARGIN = 60
_TEMPO_WINDOW = round(8 * FPS)


@dataclass(frozen=True)
class MusicFeatures:
    """Features of a song, one row a frame: `values [S, C]` float32; frame k is centred on k / fps seconds.

    `extractor` names what the columns are: `librosa35` (see `ONSET`, `MFCC`, `CHROMA`, `PEAKS`, `BEATS`), `jukebox`.
    """

    values: Tensor
    fps: float = FPS
    extractor: str = "librosa35"

    def __len__(self) -> int:
        return len(self.values)

    @property
    def seconds(self) -> float:
        return len(self) / self.fps

    def excerpt(self, start_s: float = 0.0, seconds: float | None = None) -> "MusicFeatures":
        """The rows of a span of the song: a slice, never computed anew, so beats stay where the song has them."""
        first = round(start_s * self.fps)
        stop = None if seconds is None else first + round(seconds * self.fps)
        return replace(self, values=self.values[first:stop])


class Extractor(Protocol):
    """What turns a sound file into MusicFeatures; `name` and `version` make the key of the cache."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def dim(self) -> int: ...
    @property
    def fps(self) -> float: ...
    def __call__(self, path: Path | str) -> MusicFeatures: ...


@dataclass(frozen=True)
class LibrosaExtractor:
    """EDGE's 35 baseline features."""

    name: str = "librosa35"
    version: str = "1-librosa" + version("librosa")
    dim: int = 35
    fps: float = FPS

    def __call__(self, path: Path | str) -> MusicFeatures:
        return extract_features(path)


def extract_features(path: Path | str) -> MusicFeatures:
    """EDGE's 35 features of the whole song; MediaError where the file cannot be used.

    The samples wait in a temporary file, not in memory: the constant-Q transform needs the song's tuning first.
    """
    with tempfile.TemporaryFile() as spool:
        for block in stream_audio(path, RATE):
            spool.write(block.tobytes())
        spool.flush()
        return features_of_samples(np.memmap(spool, np.float32, mode="r"))


def features_of_samples(samples: np.ndarray) -> MusicFeatures:
    """The same for mono samples `[N]` at 15360 Hz; gives 1 + N // 512 frames (20 s are 601)."""
    mel, tuning = _mel_and_tuning(samples)
    mel_db = librosa.power_to_db(mel)
    onset = _onset_strength(mel_db)
    mfcc = scipy.fft.dct(mel_db, type=2, norm="ortho", axis=-1)[:, :20]
    chroma = _cens(_chroma(samples, tuning))
    peaks = librosa.onset.onset_detect(onset_envelope=onset, sr=RATE, hop_length=HOP)
    columns = (onset[:, None], mfcc, chroma, _one_hot(peaks, len(onset)), _one_hot(beat_frames(onset), len(onset)))
    return MusicFeatures(torch.from_numpy(np.concatenate(columns, axis=1).astype(np.float32)))


def beat_frames(onset: np.ndarray) -> np.ndarray:
    """Frames of the beats of an onset envelope `[S]` at 30 fps (Ellis, "Beat Tracking by Dynamic Programming", 2007).

    As in EDGE a first estimate of the tempo is the centre of the second one's prior; but it is taken from the same
    envelope, where EDGE loads the song again at 22050 Hz.
    """
    if not onset.any():
        return np.zeros(0, int)
    tempogram = _mean_tempogram(onset)
    tempo = 120.0
    for _ in range(2):
        tempo = float(librosa.feature.tempo(tg=tempogram, sr=RATE, hop_length=HOP, start_bpm=tempo, aggregate=None)[0])
    return librosa.beat.beat_track(onset_envelope=onset, sr=RATE, hop_length=HOP, bpm=tempo)[1]


def _frame_blocks(samples: np.ndarray) -> Iterator[tuple[int, int]]:
    frames = 1 + len(samples) // HOP
    for first in range(0, frames, _BLOCK_FRAMES):
        yield first, min(first + _BLOCK_FRAMES, frames)


def _span(samples: np.ndarray, first: int, stop: int) -> np.ndarray:
    """samples[first:stop], with zeros where that reaches beyond the ends."""
    inside = samples[max(first, 0) : max(stop, 0)]
    before = max(-first, 0)
    return np.pad(inside, (before, stop - first - before - len(inside)))


def _mel_and_tuning(samples: np.ndarray) -> tuple[np.ndarray, float]:
    """Mel power `[S, 128]` and the tuning in constant-Q bins, both from one STFT."""
    bank = librosa.filters.mel(sr=RATE, n_fft=_FFT, n_mels=_MELS)
    mels, pitches, strengths = [], [], []
    for first, stop in _frame_blocks(samples):
        span = _span(samples, first * HOP - _FFT // 2, (stop - 1) * HOP + _FFT // 2)
        magnitude = np.abs(librosa.stft(span, n_fft=_FFT, hop_length=HOP, center=False))
        mels.append((bank @ magnitude**2).T)
        pitch, strength = _spectral_peaks(magnitude)
        pitches.append(pitch)
        strengths.append(strength)
    return np.concatenate(mels), _tuning(np.concatenate(pitches), np.concatenate(strengths))


def _spectral_peaks(magnitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pitches in Hz and heights `[K]` of the peaks between 150 and 4000 Hz above a tenth of their frame's highest.

    Parabolas through each peak and its neighbours, as librosa's piptrack, which works out all bins.
    """
    low, high = math.ceil(150 * _FFT / RATE), math.ceil(4000 * _FFT / RATE)
    at = magnitude[low:high]
    loud = np.where(magnitude > 0.1 * magnitude.max(axis=0), magnitude, 0)
    bins, frames = np.nonzero(
        (loud[low:high] > loud[low - 1 : high - 1]) & (loud[low:high] >= loud[low + 1 : high + 1])
    )
    before, after = magnitude[bins + low - 1, frames], magnitude[bins + low + 1, frames]
    slope = (after - before) / 2
    bend = before + after - 2 * at[bins, frames]
    shift = np.where(np.abs(slope) < np.abs(bend), -slope / np.where(bend == 0, 1, bend), 0)
    return (bins + low + shift) * RATE / _FFT, at[bins, frames] + 0.5 * slope * shift


def _tuning(pitches: np.ndarray, strengths: np.ndarray) -> float:
    """The commonest deviation from A440 among the stronger half of the spectral peaks, in constant-Q bins."""
    if not len(pitches):
        return 0.0
    stronger = pitches[strengths >= np.median(strengths)]
    return float(librosa.pitch_tuning(stronger, bins_per_octave=_CQT_BINS_PER_OCTAVE))


def _onset_strength(mel_db: np.ndarray) -> np.ndarray:
    """Mean rise over the mel bands `[S, 128]` to `[S]`, delayed by half a window as librosa delays it."""
    rise = np.maximum(mel_db[1:] - mel_db[:-1], 0).mean(axis=1)
    return np.pad(rise, (1 + _FFT // (2 * HOP), 0))[: len(mel_db)]


def _chroma(samples: np.ndarray, tuning: float) -> np.ndarray:
    """Constant-Q energy by pitch class `[S, 12]`, block by block with margins."""
    octaves = 7
    blocks = []
    for first, stop in _frame_blocks(samples):
        lead = min(first, _CQT_MARGIN)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "n_fft=.* is too large")  # sounds below 2 s, which are padded
            transform = librosa.cqt(
                np.array(samples[(first - lead) * HOP : (stop + _CQT_MARGIN) * HOP]),
                sr=RATE,
                hop_length=HOP,
                n_bins=octaves * _CQT_BINS_PER_OCTAVE,
                bins_per_octave=_CQT_BINS_PER_OCTAVE,
                tuning=tuning,
            )
        magnitude = np.abs(transform[:, lead : lead + stop - first])
        blocks.append(librosa.feature.chroma_cqt(C=magnitude, norm=None).T)
    return np.concatenate(blocks)


def _cens(chroma: np.ndarray) -> np.ndarray:
    """Chroma energy normalised statistics `[S, 12]` (Müller and Ewert, "Chroma Toolbox", ISMIR 2011)."""
    share = librosa.util.normalize(chroma, norm=1, axis=1)
    levels = sum((share > step) * 0.25 for step in (0.4, 0.2, 0.1, 0.05))
    window = librosa.filters.get_window("hann", 43, fftbins=False)
    smooth = scipy.ndimage.convolve1d(levels, window / window.sum(), axis=0, mode="constant")
    return librosa.util.normalize(smooth, norm=2, axis=1)


def _mean_tempogram(onset: np.ndarray) -> np.ndarray:
    """Mean over the song of the local autocorrelation of the onset envelope, `[240, 1]`, in bounded memory."""
    half = _TEMPO_WINDOW // 2
    padded = np.pad(onset, half, mode="linear_ramp", end_values=0)
    total = np.zeros(_TEMPO_WINDOW)
    for first in range(0, len(onset), _BLOCK_FRAMES):
        frames = min(_BLOCK_FRAMES, len(onset) - first)
        part = padded[first : first + frames + _TEMPO_WINDOW - 1]
        total += librosa.feature.tempogram(
            onset_envelope=part, sr=RATE, hop_length=HOP, win_length=_TEMPO_WINDOW, center=False
        ).sum(axis=1)
    return (total / len(onset))[:, None]


def _one_hot(frames: np.ndarray, length: int) -> np.ndarray:
    column = np.zeros((length, 1), np.float32)
    column[frames] = 1
    return column
