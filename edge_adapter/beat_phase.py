"""Where in its beat each frame lies, told beside the music features: a network learns late to count them itself."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core_vimo.motion import FPS

WITH_BEATS = "+beats"
"""What the name of an extractor ends with whose features `with_beat_phase` has widened."""
PHASE_CHANNELS = 3


def with_beat_phase(features: Tensor, beats_s: NDArray[np.float64]) -> Tensor:
    """Music features `[S, C]` at 30 fps and their phase `[S, C + 3]`; beats in seconds from the first frame."""
    return torch.cat((features, beat_phase(beats_s, len(features)).to(features)), dim=-1)


def beat_phase(beats_s: NDArray[np.float64], frames: int) -> Tensor:
    """`[frames, 3]`: cosine and sine of the way from beat to beat (cosine 1 on it), and half the beats a second.

    Beyond the first and the last beat they go on as between the nearest two. Zeros where there are fewer than two.
    """
    beats = np.asarray(beats_s, dtype=np.float64)
    if len(beats) < 2:
        return torch.zeros(frames, PHASE_CHANNELS)
    times = np.arange(frames) / FPS
    before = np.clip(np.searchsorted(beats, times, side="right") - 1, 0, len(beats) - 2)
    length = beats[before + 1] - beats[before]
    angle = 2 * math.pi * (times - beats[before]) / length
    return torch.from_numpy(np.stack((np.cos(angle), np.sin(angle), 0.5 / length), axis=-1).astype(np.float32))
