"""Jukebox features (4800 numbers at 30 fps), which EDGE's official checkpoint listens to; needs jukemirlib and a GPU.

Castellon et al., "Codified Audio Language Modeling Learns Useful Representations for Music Information Retrieval",
ISMIR 2021. EDGE takes layer 66 of the prior, for slices of 5 s.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import scipy.signal
import torch
from torch import Tensor

from core_vimo.errors import MissingExtraError
from core_vimo.motion import FPS
from edge_adapter.audio import read_audio
from edge_adapter.features import MusicFeatures

_RATE = 44100
_LAYER = 66
_SLICE_S = 5.0
_STRIDE_S = 2.5
_TOKENS_PER_S = _RATE / 128


@dataclass(frozen=True)
class JukeboxExtractor:
    """Features of EDGE's Jukebox models: slices of 5 s at a stride of 2.5 s, cross-faded into one song.

    EDGE's windows are such slices, each normalised to its own peak; the fade makes one sequence of them that a window
    anywhere may be cut from. The prior has five billion weights: 13 GB of GPU memory, some seconds a slice.
    """

    name: str = "jukebox"
    version: str = "1"
    dim: int = 4800
    fps: float = FPS

    def __call__(self, path: Path | str) -> MusicFeatures:
        jukemirlib = _jukemirlib()
        samples = read_audio(path, _RATE)
        frames = max(round(len(samples) / _RATE * self.fps), 1)
        total = torch.zeros(frames, self.dim)
        weight = torch.zeros(frames, 1)
        for first in _slice_starts(frames, self.fps):
            values = _slice_features(jukemirlib, samples, first, self.fps)[: frames - first]
            fade = _fade(len(values))
            total[first : first + len(values)] += fade * values
            weight[first : first + len(values)] += fade
        heard = weight[:, 0] > 0  # the last frame may lack: tokens are whole
        return MusicFeatures(total[heard] / weight[heard], self.fps, self.name)


def _jukemirlib() -> ModuleType:
    try:
        import jukemirlib
    except ImportError as error:
        raise MissingExtraError(
            "Jukebox features need jukemirlib, which is not on PyPI: "
            "pip install git+https://github.com/rodrigo-castellon/jukemirlib, on a machine with a GPU of 16 GB or more"
        ) from error
    return jukemirlib


def _slice_starts(frames: int, fps: float) -> list[int]:
    """First frames of the slices: every stride, the last so that it ends with the song."""
    last = max(frames - round(_SLICE_S * fps), 0)
    return [*range(0, last, round(_STRIDE_S * fps)), last]


def _slice_features(jukemirlib: ModuleType, samples: np.ndarray, first: int, fps: float) -> Tensor:
    """`[S, 4800]` of the 5 s from a frame on, normalised to their own peak as jukemirlib's loader does."""
    start = round(first / fps * _RATE)
    part = samples[start : start + round(_SLICE_S * _RATE)]
    part = part / max(float(np.abs(part).max(initial=0)), 1e-9)
    tokens = np.asarray(jukemirlib.extract(part, layers=[_LAYER])[_LAYER], dtype=np.float32)
    # jukemirlib's own resampling calls librosa as it was before 0.10; this is the same method (Fourier).
    frames = max(math.ceil(len(tokens) * fps / _TOKENS_PER_S), 1)
    return torch.from_numpy(scipy.signal.resample(tokens, frames, axis=0).astype(np.float32))


def _fade(frames: int) -> Tensor:
    """A triangle that is nowhere zero, `[S, 1]`; halves of neighbours that overlap by half sum evenly."""
    ramp = torch.arange(frames) + 0.5
    return torch.minimum(ramp, ramp.flip(0))[:, None]
