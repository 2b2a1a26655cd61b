"""The music of a clip: its own sound where it has some that lasts, else a track rendered on its movement's beats."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.formats.npz import load_arrays
from core_vimo.motion import FPS, Motion
from core_vimo.randomness import fold
from edge_adapter.audio import read_audio
from edge_adapter.beats import track_beats
from edge_adapter.features import HOP, RATE, LibrosaExtractor, features_of_samples
from edge_adapter.pairing import movement_beats, rendered_track

ITS_OWN = "its own"
RENDERED = "none: rendered on its movement's beats"

MISSING_S = 1.0
"""A clip may go on for so long after its sound's end, and is cut there; after more the sound isn't the clip's."""

_FAINTEST = 0.003  # of full scale, some -50 dB: hiss of an empty track


@dataclass(frozen=True, eq=False)
class ClipMusic:
    """Features `[S, 35]` frame by frame, the beats in seconds, and where the music is from, in words."""

    features: Tensor
    beats_s: Tensor
    sound: str


def music_of(motion: Motion, sound: Path | None, key: tuple[int, str]) -> ClipMusic:
    """Music for a motion at 30 fps: of `sound`, a sound file, a video, or an npz with features and beats.

    What is rendered is a function of the motion and of `key`, (seed, the clip's name). A clip whose sound ends a little
    early gets fewer frames of music than it has.
    """
    own = None if sound is None else (_stored if sound.suffix.lower() == ".npz" else _heard)(sound, len(motion))
    if isinstance(own, ClipMusic):
        return own
    beats_s = movement_beats(motion)
    track = rendered_track(motion, beats_s, fold(*key, "track"), RATE)
    features = features_of_samples(track.mono).values[: len(motion)]
    said = RENDERED if own is None else f"{RENDERED} ({own})"
    return ClipMusic(features, torch.from_numpy(np.asarray(track.beats_s, float)), said)


def _heard(path: Path, frames: int) -> ClipMusic | str:
    """The sound's music, or why it is of no use."""
    try:
        samples = read_audio(path, RATE, seconds=(frames + 1) / FPS)
    except InputError:
        return "its sound can't be read"
    if len(samples) < (frames / FPS - MISSING_S) * RATE:
        return f"its sound ends after {len(samples) / RATE:.1f} s"
    if np.abs(samples).max() < _FAINTEST:
        return "its sound is silence"
    features = features_of_samples(np.pad(samples, (0, HOP)))
    beats_s = track_beats(features).beats_s
    if len(beats_s) < 2:
        return "its sound has no beats"
    return ClipMusic(features.values[:frames], torch.from_numpy(beats_s), ITS_OWN)


def _stored(path: Path, frames: int) -> ClipMusic | str | None:
    """What an npz of Dance with Melody says of its song; None where it says nothing."""
    arrays = load_arrays(path)
    features, beats = arrays.get("features"), arrays.get("beats")
    if features is None or beats is None or features.dtype.kind not in "fiu" or beats.dtype.kind not in "fiu":
        return None
    if features.shape[1:] != (LibrosaExtractor().dim,) or beats.ndim != 1:
        return "its features aren't the 35 of librosa"
    if len(features) < frames - MISSING_S * FPS:
        return f"its features end after {len(features) / FPS:.1f} s"
    values = torch.from_numpy(features[:frames].astype(np.float32))
    return ClipMusic(values, torch.from_numpy(beats.astype(np.float64)) / FPS, ITS_OWN)
