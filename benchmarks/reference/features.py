"""The 35 features as the reference makes them: 5 s slices every 2.5 s, librosa called anew on each."""

from pathlib import Path

import librosa
import numpy as np

RATE, HOP = 15360, 512
SLICE_S, STRIDE_S = 5.0, 2.5
_TEMPO_RATE = 22050


def sliced_features(path: Path | str) -> np.ndarray:
    """Features of every slice of a sound file, `[slices, 150, 35]`; what does not fill a slice is left out."""
    samples, rate = librosa.load(path, sr=None)
    length, stride = int(SLICE_S * rate), int(STRIDE_S * rate)
    starts = range(0, len(samples) - length + 1, stride)
    return np.stack([slice_features(samples[start : start + length], rate)[:150] for start in starts])


def slice_features(samples: np.ndarray, rate: float) -> np.ndarray:
    """Features `[frames, 35]` of mono samples, whose first estimate of the tempo is heard at a rate of its own."""
    y = librosa.resample(samples, orig_sr=rate, target_sr=RATE)
    onset = librosa.onset.onset_strength(y=y, sr=RATE)
    mfcc = librosa.feature.mfcc(y=y, sr=RATE, n_mfcc=20).T
    chroma = librosa.feature.chroma_cens(y=y, sr=RATE, hop_length=HOP, n_chroma=12).T
    peaks = librosa.onset.onset_detect(onset_envelope=onset, sr=RATE, hop_length=HOP)
    start_bpm = librosa.feature.tempo(y=librosa.resample(samples, orig_sr=rate, target_sr=_TEMPO_RATE), sr=_TEMPO_RATE)
    _, beats = librosa.beat.beat_track(
        onset_envelope=onset, sr=RATE, hop_length=HOP, start_bpm=float(start_bpm[0]), tightness=100
    )
    marks = np.zeros((len(onset), 2), np.float32)
    marks[peaks, 0] = 1
    marks[beats, 1] = 1
    return np.concatenate((onset[:, None], mfcc, chroma, marks), axis=1)
