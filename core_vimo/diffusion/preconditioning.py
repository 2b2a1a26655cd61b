"""Let a network predict only what a linear guess cannot: Karras et al. 2022 (EDM), eq. 7, for x_t = √ᾱ x0 + √(1-ᾱ) ε.

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
    """x0_hat = μ + U [c_skip z + c_out · model(z / √(ᾱ σ² + 1-ᾱ), t, condition)], with z = Uᵀ (x_t - √ᾱ μ).

    μ is the data's mean, U its principal axes and σ the deviation along each. The first part is the best guess that is
    linear in the frame (c_skip = √ᾱ σ² / (ᾱ σ² + 1-ᾱ)); c_out = σ √(1-ᾱ) / √(ᾱ σ² + 1-ᾱ) is how far it usually is off.
    The network sees and predicts numbers of size 1 at every noise level, near the clean motion it can do no harm, and
    along axes that the data hardly use noise is gone before it looks: a narrow network need not carry it.
    """

    def __init__(self, model: nn.Module, schedule: Schedule, channels: int) -> None:
        super().__init__()
        self.model: ConditionalNetwork = model
        self.mean: Tensor
        self.axes: Tensor
        self.std: Tensor
        self.alpha_bar: Tensor
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("axes", torch.eye(channels))
        self.register_buffer("std", torch.ones(channels))
        self.register_buffer("alpha_bar", schedule.alphas_cumprod.float(), persistent=False)

    def fit(self, x0: Tensor) -> None:
        """Take μ, U and σ from clean motion `[N, D]`, normalised as the model sees it."""
        variances, axes = torch.linalg.eigh(torch.cov(x0.double().T))
        self.mean.copy_(x0.mean(0))
        self.axes.copy_(axes)
        self.std.copy_(variances.clamp(min=0).sqrt())

    def encode(self, cond: Tensor) -> Condition:
        """The network's own, `[B, S, C]`."""
        return self.model.encode(cond)

    def null(self, batch: int, frames: int) -> Condition:
        """The network's own."""
        return self.model.null(batch, frames)

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """`x [B, S, D]`, `t [B]` or `[B, S]` int, 0 to T - 1 -> x0_hat `[B, S, D]`."""
        signal = self.alpha_bar[t].reshape(len(t), -1, 1)
        variance = self.std.square()
        total = signal * variance + 1 - signal
        z = self._along_axes(x - signal.sqrt() * self.mean)
        linear = signal.sqrt() * variance / total * z
        left = self.std * ((1 - signal) / total).sqrt() * self.model(z / total.sqrt(), t, condition)
        return self.mean + self._along_axes(linear + left, back=True)

    def _along_axes(self, x: Tensor, back: bool = False) -> Tensor:
        # In full precision also under autocast: what is lost here is not the network's to mend.
        with torch.autocast(x.device.type, enabled=False):
            return x.float() @ (self.axes.T if back else self.axes)
