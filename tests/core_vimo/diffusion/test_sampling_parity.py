"""Scalar samplers against diffusers, on its own table of ᾱ.

Its DDIM and DDPM are run in float64: in float32 they drift from themselves by up to 2e-4 over a thousand steps. Its
DPM-Solver makes its own float32 tables, whatever it is given.
"""

import pytest
import torch
from torch import Tensor

from core_vimo.diffusion.sampling import ddim, ddpm, dpmpp_2m, even_timesteps, quadratic_timesteps
from core_vimo.diffusion.schedule import Schedule

diffusers = pytest.importorskip("diffusers")

SHAPE = (2, 6, 5)
KNOBS = {"num_train_timesteps": 1000, "beta_start": 1e-4, "beta_end": 0.02, "prediction_type": "sample"}


def denoise(x: Tensor, t: Tensor) -> Tensor:
    return torch.tanh(1.3 * x + 0.4 * x.roll(1, -1)) * (1 - t / 2000)[:, None, None]


def start() -> tuple[Tensor, list[Tensor]]:
    source = torch.Generator().manual_seed(0)
    draws = [torch.randn(SHAPE, generator=source, dtype=torch.float64) for _ in range(1001)]
    return draws[0], draws[1:]


def theirs(scheduler, x: Tensor, step) -> Tensor:
    for index, t in enumerate(scheduler.timesteps):
        x = step(index, denoise(x, t.repeat(len(x))), t, x).prev_sample
    return x


def table(scheduler) -> Schedule:
    """Its ᾱ as our schedule; it goes on with the same numbers in float64 itself."""
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
    return Schedule("diffusers", scheduler.alphas_cumprod)


@pytest.mark.parametrize("beta_schedule", ["linear", "squaredcos_cap_v2"])
@pytest.mark.parametrize("steps", [10, 50])
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim(beta_schedule: str, steps: int, eta: float) -> None:
    scheduler = diffusers.DDIMScheduler(
        **KNOBS, beta_schedule=beta_schedule, clip_sample=False, timestep_spacing="trailing"
    )
    scheduler.set_timesteps(steps)
    schedule = table(scheduler)
    x, noises = start()
    expected = theirs(
        scheduler, x, lambda i, x0, t, x: scheduler.step(x0, t, x, eta=eta, variance_noise=noises[i] if eta else None)
    )
    ours = ddim(denoise, x, schedule, steps=steps, eta=eta, noise=noises.__getitem__)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("beta_schedule", ["linear", "squaredcos_cap_v2"])
@pytest.mark.parametrize("steps", [20, 1000])
def test_ddpm(beta_schedule: str, steps: int) -> None:
    scheduler = diffusers.DDPMScheduler(**KNOBS, beta_schedule=beta_schedule, clip_sample=False)
    scheduler.set_timesteps(timesteps=even_timesteps(1000, steps)[:-1])
    schedule = table(scheduler)
    x, noises = start()
    source = torch.Generator().manual_seed(0)
    torch.randn(SHAPE, generator=source, dtype=torch.float64)
    expected = theirs(scheduler, x, lambda i, x0, t, x: scheduler.step(x0, t, x, generator=source))
    ours = ddpm(denoise, x, schedule, steps=steps, noise=noises.__getitem__)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("beta_schedule", ["linear", "squaredcos_cap_v2"])
@pytest.mark.parametrize("spacing", [even_timesteps, quadratic_timesteps])
@pytest.mark.parametrize("steps", [1, 2, 10, 25])
def test_dpmpp_2m(beta_schedule: str, spacing, steps: int) -> None:
    scheduler = diffusers.DPMSolverMultistepScheduler(
        **KNOBS, beta_schedule=beta_schedule, algorithm_type="dpmsolver++", solver_order=2
    )
    scheduler.set_timesteps(timesteps=spacing(1000, steps)[:-1])
    schedule = table(scheduler)
    x, _ = start()
    expected = theirs(scheduler, x, lambda i, x0, t, x: scheduler.step(x0, t, x))
    ours = dpmpp_2m(denoise, x, schedule, steps=steps, spacing=spacing)
    torch.testing.assert_close(ours, expected.double(), rtol=0, atol=1e-5)
