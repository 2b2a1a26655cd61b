"""The 35 features as the reference makes them: 5 s slices every 2.5 s, librosa called anew on each."""

import tempfile
from pathlib import Path

import librosa
import numpy as np
import soundfile

RATE, HOP = 15360, 512
SLICE_S, STRIDE_S = 5.0, 2.5
TEMPO_RATE = 22050


def sliced_features(path: Path | str) -> np.ndarray:
    """Features of every slice of a sound file, `[slices, 150, 35]`; what does not fill a slice is left out.

    Slices wait on disk and are read twice, once for each sampling rate.
    """
    samples, rate = librosa.load(path, sr=None)
    length, stride = int(SLICE_S * rate), int(STRIDE_S * rate)
    with tempfile.TemporaryDirectory() as folder:
        slices = []
        for start in range(0, len(samples) - length + 1, stride):
            slices.append(Path(folder) / f"{start}.wav")
            soundfile.write(slices[-1], samples[start : start + length], int(rate))
        return np.stack([slice_features(*(librosa.load(s, sr=r)[0] for r in (RATE, TEMPO_RATE)))[:150] for s in slices])


def slice_features(y: np.ndarray, for_tempo: np.ndarray) -> np.ndarray:
    """Features `[frames, 35]` of mono samples at 15360 Hz; the first guess at the tempo hears them at 22050 Hz."""
    onset = librosa.onset.onset_strength(y=y, sr=RATE)
    mfcc = librosa.feature.mfcc(y=y, sr=RATE, n_mfcc=20).T
    chroma = librosa.feature.chroma_cens(y=y, sr=RATE, hop_length=HOP, n_chroma=12).T
    peaks = librosa.onset.onset_detect(onset_envelope=onset, sr=RATE, hop_length=HOP)
    start_bpm = librosa.feature.tempo(y=for_tempo, sr=TEMPO_RATE)
    _, beats = librosa.beat.beat_track(
        onset_envelope=onset, sr=RATE, hop_length=HOP, start_bpm=float(start_bpm[0]), tightness=100
    )
    marks = np.zeros((len(onset), 2), np.float32)
    marks[peaks, 0] = 1
    marks[beats, 1] = 1
    return np.concatenate((onset[:, None], mfcc, chroma, marks), axis=1)
