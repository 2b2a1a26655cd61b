"""A dance without its song gets one: its movement beats, and a track that plays on them.

The beats of a movement are where the body slows down (as in beat alignment); a beat tracker makes a steady grid of
them, and the sequencer renders a track whose beats lie on that grid. What is learned from such pairs is to move on the
beat, not what real music asks for: cards of models trained so must say it.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core_vimo.motion import Motion, resample
from edge_adapter.sequencer import Track, render_at_beats
from edge_adapter.song_styles import STYLES

ENVELOPE_FPS = 60.0
"""The grid is found at twice the model's rate: at 30 fps a tempo of 120 is 15 frames, too coarse to track."""

LIKELY_BPM = 110.0


def movement_beats(motion: Motion) -> np.ndarray:
    """A steady grid of the movement's beats, seconds `[N >= 2]`; a clip that has none gets the likely tempo.

    Dynamic programming (Ellis 2007, librosa) over how far the mean joint speed falls below its local average.
    """
    from core_vimo import cache  # noqa: F401, isort:skip  (before librosa)
    import librosa

    envelope = _stops(resample(motion, ENVELOPE_FPS).joints_m()).numpy()
    _, found = librosa.beat.beat_track(
        onset_envelope=envelope, sr=ENVELOPE_FPS, hop_length=1, start_bpm=LIKELY_BPM, trim=False, units="time"
    )
    return np.asarray(found, dtype=float) if len(found) >= 2 else np.array([0.0, 60 / LIKELY_BPM])


def rendered_track(motion: Motion, beats_s: np.ndarray, seed: int, rate: int) -> Track:
    """A track as long as the motion, on these beats, in a style of the seed's choice."""
    style = sorted(STYLES)[seed % len(STYLES)]
    return render_at_beats(beats_s, style, seed, seconds=motion.seconds + 1, rate=rate)


def _stops(joints_m: Tensor) -> Tensor:
    """How far the mean joint speed lies below its local average, `[S]`, in units of its spread."""
    speed = (joints_m[1:] - joints_m[:-1]).norm(dim=-1).mean(-1) * ENVELOPE_FPS
    speed = F.pad(speed[None, None], (1, 0), mode="replicate")
    quick, slow = _smooth(speed, 0.083), _smooth(speed, 0.5)
    below = (slow - quick).clamp(min=0)[0, 0]
    return below / below.std().clamp(min=1e-6)


def _smooth(signal: Tensor, sigma_s: float) -> Tensor:
    sigma = sigma_s * ENVELOPE_FPS
    reach = int(3 * sigma)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    padded = F.pad(signal, (reach, reach), mode="replicate")
    return F.conv1d(padded, (kernel / kernel.sum())[None, None])
