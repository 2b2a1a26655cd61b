"""Let a network predict only what a linear guess cannot: Karras et al. 2022 (EDM), eq. 7, for x_t = √ᾱ x0 + √(1-ᾱ) ε.

Shapes: `B` clips, `S` frames, `D` motion channels, `C` condition channels, `T` timesteps.
"""

import math
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_vimo.diffusion.guidance import Condition
from core_vimo.diffusion.schedule import Schedule


class Preconditioned(nn.Module):
    """x0_hat = μ + W⁻¹ [c_skip z + c_out · W model(W⁻¹ z / √(ᾱ σ² + 1-ᾱ), t, condition)], with z = W (x_t - √ᾱ μ).

    W turns a window to the data's principal axes and to the frequencies of its frames (orthonormal cosine transform);
    both leave white noise white. μ is the data's mean, σ its deviation at each frequency of each axis. The first part
    is the best guess linear in the window, with c_skip = √ᾱ σ² / (ᾱ σ² + 1-ᾱ); how far it usually is off is
    c_out = σ √(1-ᾱ) / √(ᾱ σ² + 1-ᾱ). So the network sees and predicts numbers of size 1 at every noise level, and what
    bodies don't do, such as tremble from frame to frame, is as unlikely in the result as in the data.
    """

    def __init__(self, model: nn.Module, schedule: Schedule, frames: int, channels: int) -> None:
        super().__init__()
        self.model: Any = model  # a ConditionalModel; nn.Module's type hides its methods
        self.mean: Tensor
        self.axes: Tensor
        self.std: Tensor
        self.alpha_bar: Tensor
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("axes", torch.eye(channels))
        self.register_buffer("std", torch.ones(frames, channels))
        self.register_buffer("alpha_bar", schedule.alphas_cumprod.float(), persistent=False)

    def fit(self, x0: Tensor) -> None:
        """Take μ, the axes and σ from clean windows `[N, frames, D]`, normalised as the model sees them."""
        frames = x0.flatten(0, 1)
        self.mean.copy_(frames.mean(0))
        self.axes.copy_(torch.linalg.eigh(torch.cov(frames.double().T)).eigenvectors)
        waves = _cosines(x0.shape[1]) @ (x0 - self.mean) @ self.axes
        self.std.copy_(waves.square().mean(0).sqrt())

    def encode(self, cond: Tensor) -> Condition:
        """The network's own, `[B, S, C]`."""
        condition: Condition = self.model.encode(cond)
        return condition

    def null(self, batch: int, frames: int) -> Condition:
        """The network's own."""
        condition: Condition = self.model.null(batch, frames)
        return condition

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """`x [B, S, D]`, `t [B]` int, 0 to T - 1 -> x0_hat `[B, S, D]`; any S.

        With `t [B, S]` raises ValueError unless it is the same in all frames: noise that changes along a window is not
        white at its frequencies.
        """
        signal = self.alpha_bar[_one_a_clip(t)][:, None, None]
        std, cosines = self._std(x.shape[1]), _cosines(x.shape[1]).to(x)
        total = signal * std.square() + 1 - signal
        with torch.autocast(x.device.type, enabled=False):  # what is lost here is not the network's to mend
            z = cosines @ (x - signal.sqrt() * self.mean) @ self.axes
            shown = cosines.T @ (z / total.sqrt())
        answer = self.model(shown, t, condition)
        with torch.autocast(x.device.type, enabled=False):
            linear = signal.sqrt() * std.square() / total * z
            left = std * ((1 - signal) / total).sqrt() * (cosines @ answer.float())
            return self.mean + cosines.T @ (linear + left) @ self.axes.T

    def _std(self, frames: int) -> Tensor:
        """σ `[frames, D]` at the frequencies of a window of another length."""
        if frames == len(self.std):
            return self.std
        return F.interpolate(self.std.T[None], frames, mode="linear", align_corners=True)[0].T


@lru_cache(maxsize=16)
def _cosines(frames: int) -> Tensor:
    """The orthonormal cosine transform (DCT-II) as a matrix `[frames, frames]`: row k has k half waves."""
    k, n = torch.arange(frames, dtype=torch.float64)[:, None], torch.arange(frames, dtype=torch.float64)
    waves = math.sqrt(2 / frames) * torch.cos(math.pi * k * (2 * n + 1) / (2 * frames))
    waves[0] /= math.sqrt(2)
    return waves.float()


def _one_a_clip(t: Tensor) -> Tensor:
    """`[B]`, of `[B]` or of a `[B, S]` that is the same in all frames."""
    if t.ndim == 1:
        return t
    if not bool((t == t[:, :1]).all()):
        raise ValueError("a model that is preconditioned over time takes one timestep a clip; train without ptss")
    return t[:, 0]
