"""One trainer for every stage: what an objective returns and what stops a run.

An objective is a module whose forward is the training loss: `objective(batch, samples, step) -> Losses`. `batch` holds
stacked tensors `[B, ...]`, `samples` `[B]` int64 the draws' own numbers (see `plan.Draw`), `step` the optimiser step.
It makes its noise and timesteps from (its seed, step, sample) through `core_vimo.randomness`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from core_vimo.errors import InputError


class TrainingError(InputError):
    """Training cannot go on; the message names the samples to look at."""


class Losses(NamedTuple):
    """What an objective returns for B samples; everything but `loss` is for the log and may be detached.

    `loss` [] is the mean over the samples (so that micro-batches and processes average to the whole batch); `terms`
    hold the same names at every step; `per_sample` [B]; `noise_level` [B] in [0, 1) is t / T; `predicted_std` [] and
    `target_std` [] are standard deviations over the batch in normalised space, which reveal a collapse to stillness.
    """

    loss: Tensor
    terms: dict[str, Tensor]
    per_sample: Tensor
    noise_level: Tensor
    predicted_std: Tensor
    target_std: Tensor

    @classmethod
    def of(cls, terms: Mapping[str, Tensor], predicted: Tensor, target: Tensor, noise_level: Tensor) -> "Losses":
        """Of weighed terms `[B]` by name, whose sum is a sample's loss."""
        per_sample = torch.stack(list(terms.values())).sum(0)
        return cls(
            loss=per_sample.mean(),
            terms={name: term.mean().detach() for name, term in terms.items()},
            per_sample=per_sample.detach(),
            noise_level=noise_level,
            predicted_std=predicted.detach().float().std(),
            target_std=target.std(),
        )
