"""Samplers: plain functions of a denoiser that predicts the clean motion, in the manner of k-diffusion.

`ddpm`, `ddim` and `dpmpp_2m` are called alike and run from noise to the clean motion over the timesteps of a `spacing`.
Their single steps, `ddpm_step` and so on, also take one timestep a frame; a frame whose `t_next` equals its `t` keeps
its bits. Coefficients are computed in float64 and cast to x. B clips, S frames, D channels; -1 is the clean motion.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from core_vimo.diffusion.constraints import Constraint, NoiseSource, Step
from core_vimo.diffusion.guidance import Denoiser
from core_vimo.diffusion.schedule import Schedule, per_frame

Callback = Callable[[Step, Tensor], None]
"""Called with each step and the x it led to, the constraint applied; may raise to stop."""

Spacing = Callable[[int, int], list[int]]
"""(T, steps) -> falling timesteps, T-1 first and -1 last."""


def even_timesteps(total: int, steps: int) -> list[int]:
    """`steps` timesteps evenly spaced from `total`-1 down, and -1 at the end: EDGE's 999, 979, …, 19, -1."""
    _check_steps(total, steps)
    return [total * left // steps - 1 for left in range(steps, -1, -1)]


def quadratic_timesteps(total: int, steps: int) -> list[int]:
    """As the square of even ones, so closer together towards the clean motion (DDIM, appendix D.2), and -1.

    With 10 to 20 steps of `dpmpp_2m` and exactly known denoisers (a Gaussian with a 1/k spectrum, two narrow modes)
    the error is a half to a tenth of that of even spacing, for the linear and the cosine schedule.
    """
    _check_steps(total, steps)
    return [max(total * left**2 // steps**2, left) - 1 for left in range(steps, -1, -1)]


def _check_steps(total: int, steps: int) -> None:
    if not 1 <= steps <= total:
        raise ValueError(f"{steps} sampling steps asked of a schedule of {total}; give 1 to {total}")


class Sampler(Protocol):
    """What `ddpm`, `ddim` and `dpmpp_2m` have in common."""

    def __call__(
        self,
        denoise: Denoiser,
        x: Tensor,
        schedule: Schedule,
        *,
        steps: int,
        noise: NoiseSource | None = None,
        spacing: Spacing = ...,
        clip: float | None = None,
        constrain: Constraint | None = None,
        callback: Callback | None = None,
    ) -> Tensor: ...


def ddpm(
    denoise: Denoiser,
    x: Tensor,
    schedule: Schedule,
    *,
    steps: int,
    noise: NoiseSource | None = None,
    spacing: Spacing = even_timesteps,
    clip: float | None = None,
    constrain: Constraint | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """Ancestral sampling (Ho et al. 2020, Algorithm 2; the report's Algorithm 2) from noise `x` `[B, S, D]`.

    With fewer steps than T it takes the posterior between the timesteps that are left. Without `noise` each step
    goes to the posterior's mean, the report's σ_flag = False: not a sample, but a smooth guess. The last step adds
    no noise.
    """

    def advance(x: Tensor, x0_hat: Tensor, move: _Move) -> Tensor:
        return ddpm_step(x, x0_hat, move.t, move.t_next, schedule, noise=move.draw(noise))

    return _run(denoise, x, advance, spacing(schedule.steps, steps), clip, constrain, callback)


def ddim(
    denoise: Denoiser,
    x: Tensor,
    schedule: Schedule,
    *,
    steps: int,
    noise: NoiseSource | None = None,
    eta: float = 0.0,
    spacing: Spacing = even_timesteps,
    clip: float | None = None,
    constrain: Constraint | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """DDIM (Song et al. 2021, eq. 12) from noise `x` `[B, S, D]`; η = 0 is deterministic, η = 1 is `ddpm`.

    EDGE samples with 50 steps, η = 1 and clip 1. The last step adds no noise.
    """
    if eta > 0 and noise is None:
        raise ValueError(f"ddim with eta {eta} needs noise; give a noise source, or eta 0")

    def advance(x: Tensor, x0_hat: Tensor, move: _Move) -> Tensor:
        drawn = move.draw(noise) if eta > 0 else None
        return ddim_step(x, x0_hat, move.t, move.t_next, schedule, eta=eta, noise=drawn)

    return _run(denoise, x, advance, spacing(schedule.steps, steps), clip, constrain, callback)


def dpmpp_2m(
    denoise: Denoiser,
    x: Tensor,
    schedule: Schedule,
    *,
    steps: int,
    noise: NoiseSource | None = None,
    spacing: Spacing = quadratic_timesteps,
    clip: float | None = None,
    constrain: Constraint | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """DPM-Solver++(2M) (Lu et al. 2022, Algorithm 2, data prediction) from noise `x` `[B, S, D]`.

    Deterministic: `noise` is taken so that samplers can stand in for one another, and never asked. The first and the
    last step are of first order.
    """
    before: tuple[Tensor, Tensor] | None = None

    def advance(x: Tensor, x0_hat: Tensor, move: _Move) -> Tensor:
        nonlocal before
        x = dpmpp_2m_step(x, x0_hat, move.t, move.t_next, schedule, before=before)
        before = (x0_hat, move.t)
        return x

    return _run(denoise, x, advance, spacing(schedule.steps, steps), clip, constrain, callback)


def ddpm_step(
    x: Tensor, x0_hat: Tensor, t: Tensor, t_next: Tensor, schedule: Schedule, *, noise: Tensor | None
) -> Tensor:
    """One draw of q(x_next | x, x0_hat), or its mean where `noise` is None: `ddim_step` with η = 1."""
    return ddim_step(x, x0_hat, t, t_next, schedule, eta=1.0, noise=noise)


def ddim_step(
    x: Tensor,
    x0_hat: Tensor,
    t: Tensor,
    t_next: Tensor,
    schedule: Schedule,
    *,
    eta: float,
    noise: Tensor | None = None,
) -> Tensor:
    """x_next = √ᾱ' x0_hat + √(1-ᾱ'-σ²) ε_hat + σ noise, with ε_hat what separates x from x0_hat.

    σ² = η² (1-ᾱ')/(1-ᾱ) (1-ᾱ/ᾱ'). `t`, `t_next` int64 `[B]` or `[B, S]`, t_next ≤ t. Without `noise` its term is
    left out and σ stays in the second.
    """
    now, then = schedule.alpha_bar(t), schedule.alpha_bar(t_next)
    left = (1 - now).clamp(min=torch.finfo(now.dtype).tiny)  # only where t is clean already, and x is kept
    sigma = eta * ((1 - then) / left * (1 - now / then)).clamp(min=0).sqrt()
    on_x = (1 - then - sigma.square()).clamp(min=0).sqrt() / left.sqrt()
    on_x0 = then.sqrt() - on_x * now.sqrt()
    stepped = per_frame(on_x0, x) * x0_hat + per_frame(on_x, x) * x
    if noise is not None:
        stepped = stepped + per_frame(sigma, x) * noise
    return _keep_unmoved(x, stepped, t, t_next)


def dpmpp_2m_step(
    x: Tensor,
    x0_hat: Tensor,
    t: Tensor,
    t_next: Tensor,
    schedule: Schedule,
    *,
    before: tuple[Tensor, Tensor] | None,
) -> Tensor:
    """x_next = σ'/σ x - α' (e^-h - 1) D, with h the rise of λ = ½ log SNR and D the prediction led on to mid-step.

    `before` is the last step's (x0_hat, t), None for first order. Steps to the clean motion, and frames that did not
    move in the last step, are of first order.
    """
    now, then = schedule.alpha_bar(t), schedule.alpha_bar(t_next)
    # σ'/σ and -α'(e^-h - 1) = α' - α σ'/σ, written so that the clean end (h infinite) needs no special case.
    on_x = ((1 - then) / (1 - now).clamp(min=torch.finfo(now.dtype).tiny)).sqrt()
    on_x0 = then.sqrt() - on_x * now.sqrt()
    prediction = x0_hat
    if before is not None:
        x0_before, t_before = before
        ahead = _extrapolation(schedule.alpha_bar(t_before), now, then)
        prediction = x0_hat + per_frame(ahead, x) * (x0_hat - x0_before)
    return _keep_unmoved(x, per_frame(on_x0, x) * prediction + per_frame(on_x, x) * x, t, t_next)


def _extrapolation(before: Tensor, now: Tensor, then: Tensor) -> Tensor:
    """1/(2r) of DPM-Solver++ from the ᾱ of three timesteps, and 0 where the order falls to the first."""
    rise_before, rise = (now.logit() - before.logit()) / 2, (then.logit() - now.logit()) / 2
    second_order = rise.isfinite() & rise_before.isfinite() & (rise_before > 0)
    return torch.where(second_order, rise / (2 * rise_before), 0.0)


def _keep_unmoved(x: Tensor, stepped: Tensor, t: Tensor, t_next: Tensor) -> Tensor:
    moved = t_next != t
    return torch.where(moved.to(x.device).reshape(moved.shape + (1,) * (x.ndim - moved.ndim)), stepped, x)


@dataclass(frozen=True)
class _Move:
    """A step and its timesteps `[B]` on the CPU, where the schedule looks coefficients up without waiting for a GPU."""

    step: Step
    t: Tensor
    t_next: Tensor

    def draw(self, noise: NoiseSource | None) -> Tensor | None:
        return None if noise is None or self.step.is_last else noise(self.step.index)


def _moves(timesteps: list[int], clips: int) -> Iterator[_Move]:
    for index, (t, t_next) in enumerate(pairwise(timesteps)):
        yield _Move(Step(index, t, t_next), torch.full((clips,), t), torch.full((clips,), t_next))


@torch.no_grad()
def _run(
    denoise: Denoiser,
    x: Tensor,
    advance: Callable[[Tensor, Tensor, _Move], Tensor],
    timesteps: list[int],
    clip: float | None,
    constrain: Constraint | None,
    callback: Callback | None,
) -> Tensor:
    for move in _moves(timesteps, len(x)):
        x0_hat = denoise(x, move.t.to(x.device))
        if clip is not None:
            x0_hat = x0_hat.clamp(-clip, clip)
        x = advance(x, x0_hat, move)
        if constrain is not None:
            x = constrain(x, move.step)
        if callback is not None:
            callback(move.step, x)
    return x


SAMPLERS: dict[str, Sampler] = {"ddpm": ddpm, "ddim": ddim, "dpmpp_2m": dpmpp_2m}
