"""How much the loss at each timestep counts: named functions of a schedule, each `[T]` float64.

They multiply a loss on the predicted clean motion (not on predicted noise). A training step takes `weights[t]`, with
`t` `[B]` or `[B, S]`. t counts from 0 to T-1.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from core_vimo.diffusion.schedule import Schedule


def constant(schedule: Schedule) -> Tensor:
    """1 at every timestep (Ho et al. 2020, L_simple)."""
    return torch.ones_like(schedule.alphas_cumprod)


def snr(schedule: Schedule) -> Tensor:
    """SNR, which for a clean-motion loss equals a constant weight on predicted noise (Salimans and Ho 2022)."""
    return schedule.snr()


def min_snr(schedule: Schedule, gamma: float = 5.0) -> Tensor:
    """min(SNR, γ) (Hang et al. 2023, Min-SNR)."""
    return schedule.snr().clamp(max=gamma)


def min_cap(schedule: Schedule, gamma: float = 1.0) -> Tensor:
    """min(SNR, γ) with the report's γ = 1: the weight never exceeds that of an even mix."""
    return min_snr(schedule, gamma)


def sqrt_cap(schedule: Schedule) -> Tensor:
    """min(SNR, √(1-t/T)) (the report, §3.4)."""
    return torch.minimum(schedule.snr(), _remaining(schedule).sqrt())


def linear_cap(schedule: Schedule) -> Tensor:
    """min(SNR, 1-t/T) (the report, §4, "decay min-cap")."""
    return torch.minimum(schedule.snr(), _remaining(schedule))


def average(schedule: Schedule) -> Tensor:
    """½ [min(SNR, 1) + √(1-t/T)], what the report recommends: no timestep is left almost without weight."""
    return (min_cap(schedule) + _remaining(schedule).sqrt()) / 2


def p2(schedule: Schedule, gamma: float = 1.0, k: float = 1.0) -> Tensor:
    """(k + SNR)^-γ (Choi et al. 2022, P2), put on the clean-motion loss as EDGE does; γ = 0 is `constant`."""
    return (k + schedule.snr()) ** -gamma


def normalise(weights: Tensor) -> Tensor:
    """Weights divided by their mean.

    On a table `[T]` this is one factor for all timesteps. On the weights of one batch it is the report's per-batch
    normalisation, which makes a sample's weight depend on its batch mates; the report advises against it.
    """
    return weights / weights.mean()


def _remaining(schedule: Schedule) -> Tensor:
    return 1 - torch.arange(schedule.steps, dtype=torch.float64) / schedule.steps


WEIGHTINGS: dict[str, Callable[[Schedule], Tensor]] = {
    "constant": constant,
    "snr": snr,
    "min_snr": min_snr,
    "min_cap": min_cap,
    "sqrt_cap": sqrt_cap,
    "linear_cap": linear_cap,
    "average": average,
    "p2": p2,
}
