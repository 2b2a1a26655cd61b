"""Windows over a timeline longer than a model's: denoised side by side, their guesses blended at every step.

The sample lives on one timeline. At each step its windows are denoised a few at a time and their guesses at the clean
motion blended back (MultiDiffusion, Bar-Tal et al. 2023), so windows never disagree about a frame they share.

Shapes: `S` frames of the timeline, `W` windows of `L` frames, `D` motion channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core_vimo.codec import CHANNELS
from core_vimo.diffusion.guidance import Denoiser
from core_vimo.randomness import normal

WINDOW = 150
"""Frames of a window: 5 s, what the published models were trained on."""


@dataclass(frozen=True)
class Windows:
    """Where the windows of a song start, rising from 0; each is `length` frames long and the last ends the song."""

    starts: tuple[int, ...]
    length: int

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def frames(self) -> int:
        return self.starts[-1] + self.length

    def span(self, window: int) -> slice:
        """The frames of one window."""
        return slice(self.starts[window], self.starts[window] + self.length)

    def around(self, window: int) -> tuple["Windows", int]:
        """The windows that share frames with this one, itself included, counted from the frame they start at."""
        start = self.starts[window]
        near = [s for s in self.starts if abs(s - start) < self.length]
        return Windows(tuple(s - near[0] for s in near), self.length), near[0]

    def cut(self, timeline: Tensor) -> Tensor:
        """`[S, ...]` -> `[W, L, ...]`."""
        return torch.stack([timeline[start : start + self.length] for start in self.starts])

    def join(self, parts: Tensor) -> Tensor:
        """`[W, L, D]` -> `[S, D]`: a mean that trusts each window most in its middle, where it sees most around it."""
        middle = torch.hann_window(self.length + 2, periodic=False, dtype=parts.dtype, device=parts.device)[1:-1, None]
        total = parts.new_zeros(self.frames, parts.shape[-1])
        weight = parts.new_zeros(self.frames, 1)
        for window, part in enumerate(parts):  # in order: adding by index is not repeatable on a GPU
            total[self.span(window)] += middle * part
            weight[self.span(window)] += middle
        return total / weight


def windows_over(frames: int, preferred: Sequence[int] | np.ndarray = (), window: int = WINDOW) -> Windows:
    """Windows that cover every frame, starting at `preferred` ones, as near to half a window apart as those allow.

    Neighbours share at least a third of a window. Where no preferred frame falls in reach, half a window is taken.
    Fewer frames than a window are one window.
    """
    if frames <= window:
        return Windows((0,), frames)
    preferred = np.asarray(preferred, dtype=int)
    starts, last, furthest = [0], frames - window, window * 2 // 3
    while last - starts[-1] > furthest:
        ideal = starts[-1] + window // 2
        near = preferred[(preferred >= starts[-1] + window // 4) & (preferred <= starts[-1] + furthest)]
        starts.append(int(near[np.abs(near - ideal).argmin()]) if len(near) else ideal)
    return Windows((*starts, last), window)


def tied(denoise_windows: Denoiser, windows: Windows) -> Denoiser:
    """A denoiser of windows `[W, L, D]` as one of the whole song `[1, S, D]`, with `t [1]` or `[1, S]`."""

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        times = t.expand(len(windows)) if t.ndim == 1 else windows.cut(t[0])
        return windows.join(denoise_windows(windows.cut(x[0]), times))[None]

    return denoise


def in_turns(denoisers: Sequence[Denoiser], at_once: int) -> Denoiser:
    """Several denoisers, each of the next `at_once` windows, as one of all: what bounds the memory of a long song."""

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        guess = torch.empty_like(x)  # parts put together afterwards would be there twice
        turns = zip(denoisers, x.split(at_once), t.split(at_once), strict=True)
        for turn, (each, part, times) in enumerate(turns):
            guess[turn * at_once : (turn + 1) * at_once] = each(part, times)
        return guess

    return denoise


def in_bfloat16(denoise: Denoiser) -> Denoiser:
    """The same, its matrix products in bfloat16: nearly twice as fast on a processor that has them."""

    def cast(x: Tensor, t: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16):
            return denoise(x, t).to(x.dtype)

    return cast


def window_noise(windows: Windows, seed: int, step: int, purpose: str) -> Tensor:
    """Standard normal `[1, S, 151]`, drawn anew from each window's start on.

    Frames that belong to a window hang on the seed and its number alone, not on how long the timeline goes on.
    """
    ends = (*windows.starts[1:], windows.frames)
    drawn = [
        normal((end - start, CHANNELS), seed, step, window, purpose)
        for window, (start, end) in enumerate(zip(windows.starts, ends, strict=True))
    ]
    return torch.cat(drawn)[None]
