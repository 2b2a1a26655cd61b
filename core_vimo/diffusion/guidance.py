"""Classifier-free guidance: a model and a condition, encoded once, become a denoiser.

B clips, S frames, D motion channels, C condition channels, N condition tokens, d the model's width.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from core_vimo.diffusion.schedule import per_frame

Denoiser = Callable[[Tensor, Tensor], Tensor]
"""(x_t `[B, S, D]`, t `[B]` or `[B, S]` int64) -> x0_hat `[B, S, D]`."""

Weight = float | Callable[[Tensor], Tensor]
"""A number, or a function of t that gives one weight for each entry of t."""


@dataclass(frozen=True, eq=False)
class Condition:
    """An encoded condition: `tokens` `[B, N, d]` for cross-attention, `pooled` `[B, d]` for FiLM.

    `strengths` `[B, S, K]` are those of a model's K styles, frame by frame; None stands for 1 throughout.
    """

    tokens: Tensor
    pooled: Tensor
    strengths: Tensor | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, clips: slice | Tensor) -> "Condition":
        """Some of the clips; an index tensor may repeat them."""
        strengths = None if self.strengths is None else self.strengths[clips]
        return Condition(self.tokens[clips], self.pooled[clips], strengths)

    def cat(self, other: "Condition") -> "Condition":
        """The clips of both, in this order."""
        return Condition(
            torch.cat([self.tokens, other.tokens]), torch.cat([self.pooled, other.pooled]), self._strengths_and(other)
        )

    def _strengths_and(self, other: "Condition") -> Tensor | None:
        given = [part.strengths for part in (self, other) if part.strengths is not None]
        if not given:
            return None
        full = given[0].new_ones(1, *given[0].shape[1:])
        parts = (full.expand(len(part), -1, -1) if part.strengths is None else part.strengths for part in (self, other))
        return torch.cat(list(parts))


class ConditionalModel(Protocol):
    """A model of the clean motion that is told of a condition."""

    def encode(self, cond: Tensor) -> Condition:
        """`cond` `[B, S, C]`, once for all steps."""

    def null(self, batch: int, frames: int) -> Condition:
        """The learnt absence of a condition, shaped as `encode` would for `frames` frames."""

    def __call__(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """x0_hat `[B, S, D]`."""


def guided(model: ConditionalModel, condition: Condition, weight: Weight) -> Denoiser:
    """x0_hat = unc + w (cond - unc) (Ho and Salimans 2022, in EDGE's convention), both halves in one batch.

    w = 1 is the condition alone and w = 0 none; where that holds for the whole batch only that half is computed.
    The two are also exact then, where the formula would round. Styles are as strong in both: no music is not no style.
    """
    null = replace(model.null(*condition.tokens.shape[:2]), strengths=condition.strengths)
    both = null.cat(condition)

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        if len(x) != len(condition):
            raise ValueError(f"{len(x)} clips to denoise, but a condition for {len(condition)}")
        w = per_frame(weight(t), x) if callable(weight) else weight
        if _everywhere(w, 1):
            return model(x, t, condition)
        if _everywhere(w, 0):
            return model(x, t, null)
        unconditional, conditional = model(torch.cat([x, x]), torch.cat([t, t]), both).chunk(2)
        return unconditional + w * (conditional - unconditional)

    return denoise


def _everywhere(weight: float | Tensor, value: float) -> bool:
    return bool((weight == value).all()) if isinstance(weight, Tensor) else weight == value


def vimo_weight(weight: float) -> float:
    """ViMo's and the report's weight, (1+w) cond - w unc, in the convention of `guided`: 1 + w."""
    return 1 + weight
