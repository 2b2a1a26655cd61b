"""A running mean of the weights, which is what samples are drawn with."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from core_vimo.errors import InputError


class Ema:
    """Exponential moving average of a module's trainable parameters, in float32 or wider.

    The decay of update n (from 1) is min(decay, (1 + n) / (10 + n)), so that the first thousands of steps are not
    weighed down by the initial weights.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise InputError(f"the EMA's decay must lie in [0, 1), not {decay}")
        self.decay = decay
        self.updates = 0
        self._live = {name: p for name, p in module.named_parameters() if p.requires_grad}
        self._mean = {name: p.detach().to(_wide(p.dtype), copy=True) for name, p in self._live.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Move towards the module's weights as they are now."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        means = list(self._mean.values())
        live = [p.detach().to(mean.dtype) for p, mean in zip(self._live.values(), means, strict=True)]
        torch._foreach_lerp_(means, live, 1 - decay)

    def state_dict(self) -> dict[str, Tensor]:
        """The mean by parameter name; not copied."""
        return dict(self._mean)

    @torch.no_grad()
    def load_state_dict(self, mean: Mapping[str, Tensor], updates: int) -> None:
        """Take up a saved mean and its number of updates exactly."""
        for name, value in self._mean.items():
            value.copy_(mean[name])
        self.updates = updates

    @contextmanager
    @torch.no_grad()
    def swapped_in(self) -> Iterator[None]:
        """The module has the mean as its weights inside the block, and its own, bit for bit, after it."""
        own = {name: p.detach().clone() for name, p in self._live.items()}
        for name, p in self._live.items():
            p.copy_(self._mean[name])
        try:
            yield
        finally:
            for name, p in self._live.items():
                p.copy_(own[name])


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)
