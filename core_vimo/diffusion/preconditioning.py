"""Let a network predict only what a linear guess cannot: Karras et al. 2022 (EDM), equation 7, for x_t = √ᾱ x0 + √(1-ᾱ) ε.

Shapes: `B` clips, `S` frames, `D` motion channels, `C` condition channels, `T` timesteps.
"""

from typing import Protocol

import torch
from torch import Tensor, nn

from core_vimo.diffusion.guidance import Condition
from core_vimo.diffusion.schedule import Schedule


class ConditionalNetwork(Protocol):
    """A `ConditionalModel` that is a module."""

    def encode(self, cond: Tensor) -> Condition: ...
    def null(self, batch: int, frames: int) -> Condition: ...
    def __call__(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor: ...


class Preconditioned(nn.Module):
    """x0_hat = μ + c_skip (x_t - √ᾱ μ) + c_out · model((x_t - √ᾱ μ) / √(ᾱ σ² + 1-ᾱ), t, condition), channel by channel.

    With the data's mean μ and deviation σ, the first part is the best linear guess (c_skip = √ᾱ σ² / (ᾱ σ² + 1-ᾱ)), and
    c_out = σ √(1-ᾱ) / √(ᾱ σ² + 1-ᾱ) is how far that guess usually is off: the network sees and predicts numbers of size
    1 at every noise level, and near the clean motion it can do no harm. A channel that never moves is exactly its mean.
    """

    def __init__(self, model: nn.Module, schedule: Schedule, channels: int) -> None:
        super().__init__()
        self.model: ConditionalNetwork = model
        self.mean: Tensor
        self.std: Tensor
        self.alpha_bar: Tensor
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))
        self.register_buffer("alpha_bar", schedule.alphas_cumprod.float(), persistent=False)

    def fit(self, x0: Tensor) -> None:
        """Take μ and σ from clean motion `[N, D]`, normalised as the model sees it."""
        self.mean.copy_(x0.mean(0))
        self.std.copy_(x0.std(0))

    def encode(self, cond: Tensor) -> Condition:
        """The network's own, `[B, S, C]`."""
        return self.model.encode(cond)

    def null(self, batch: int, frames: int) -> Condition:
        """The network's own."""
        return self.model.null(batch, frames)

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """`x [B, S, D]`, `t [B]` or `[B, S]` int, 0 to T - 1 -> x0_hat `[B, S, D]`."""
        signal = self.alpha_bar[t].reshape(len(t), -1, 1)
        noise = 1 - signal
        total = signal * self.std.square() + noise
        centred = x - signal.sqrt() * self.mean
        linear = self.mean + signal.sqrt() * self.std.square() / total * centred
        return linear + self.std * (noise / total).sqrt() * self.model(centred / total.sqrt(), t, condition)
