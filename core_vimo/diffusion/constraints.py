"""What is applied to x after a sampling step. A constraint is `(x [B, S, D], step) -> x`; constraints compose."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core_vimo.diffusion.schedule import CLEAN, Schedule

NoiseSource = Callable[[int], Tensor]
"""Step index (0 is the first taken) -> standard normal noise `[B, S, D]`."""


@dataclass(frozen=True)
class Step:
    """One sampling step, from timestep `t` to `t_next`; the last arrives at -1, the clean motion."""

    index: int
    t: int
    t_next: int

    @property
    def is_last(self) -> bool:
        return self.t_next == CLEAN


Constraint = Callable[[Tensor, Step], Tensor]


def compose(*constraints: Constraint) -> Constraint:
    """All of them, first to last."""

    def composed(x: Tensor, step: Step) -> Tensor:
        for constraint in constraints:
            x = constraint(x, step)
        return x

    return composed


def keep_known(known: Tensor, mask: Tensor, schedule: Schedule, noise: NoiseSource) -> Constraint:
    """x_{t-1} = b ⊙ q(known, t-1) + (1-b) ⊙ x̂_{t-1} at every step (ViMo eq. 8); the last pastes `known` bit for bit.

    `known` `[B, S, D]` is normalised like x; `mask` b is bool, broadcasting to it, True where known. `noise` noises
    the known part: a source of its own with `ddpm`, one draw for all steps with a deterministic sampler. It is not
    asked at the last step.
    """
    if mask.dtype != torch.bool:
        raise ValueError(f"the mask of known values must be bool, not {mask.dtype}")

    def constrain(x: Tensor, step: Step) -> Tensor:
        value = known
        if not step.is_last:
            value = schedule.q_sample(known, torch.full(known.shape[:1], step.t_next), noise(step.index))
        return torch.where(mask, value, x)

    return constrain


def tie_overlaps(overlap: int, *, last: bool = False) -> Constraint:
    """The first `overlap` frames of each window become the last `overlap` of the one before (EDGE §3.3).

    x `[W, S, D]` holds the consecutive windows of one song, S ≥ 2 `overlap`. As in EDGE the last step is left
    untied, so that windows may differ where they overlap, unless `last` is set.
    """

    def constrain(x: Tensor, step: Step) -> Tensor:
        if 2 * overlap > x.shape[1]:
            raise ValueError(f"an overlap of {overlap} frames is more than half of a window of {x.shape[1]}")
        if step.is_last and not last:
            return x
        tied = x.clone()
        tied[1:, :overlap] = x[:-1, x.shape[1] - overlap :]
        return tied

    return constrain
