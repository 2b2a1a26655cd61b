"""Samplers against their mathematics: closed forms, order of convergence, per-frame steps, what they ask for.

Parity with diffusers stands in `test_sampling_parity.py`.
"""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from core_vimo.diffusion.constraints import Step, keep_known
from core_vimo.diffusion.guidance import Denoiser
from core_vimo.diffusion.sampling import (
    SAMPLERS,
    Sampler,
    ddim,
    ddim_step,
    ddpm,
    ddpm_step,
    dpmpp_2m,
    dpmpp_2m_step,
    even_timesteps,
    quadratic_timesteps,
)
from core_vimo.diffusion.schedule import Schedule, cosine_schedule, linear_schedule

MEAN, SPREAD = 0.7, 0.3
BOTH_SCHEDULES = pytest.mark.parametrize("schedule", [linear_schedule(), cosine_schedule()], ids=lambda s: s.name)
EVERY_SAMPLER = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)


def gaussian(schedule: Schedule) -> Denoiser:
    """The exact denoiser of data that are N(MEAN, SPREAD²) in every channel."""

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        a = schedule.alpha_bar(t).to(x)[:, None, None]
        return MEAN + SPREAD**2 * a.sqrt() / (a * SPREAD**2 + 1 - a) * (x - a.sqrt() * MEAN)

    return denoise


def flow(schedule: Schedule, x: Tensor, t: int, t_next: int) -> Tensor:
    """Where the probability flow of `gaussian` carries x: the same number of standard deviations from the mean."""
    now, then = (float(schedule.alpha_bar(torch.tensor(time))) for time in (t, t_next))

    def spread(a: float) -> float:
        return math.sqrt(a * SPREAD**2 + 1 - a)

    return math.sqrt(then) * MEAN + spread(then) / spread(now) * (x - math.sqrt(now) * MEAN)


def curved(x: Tensor, t: Tensor) -> Tensor:
    """A denoiser that is exact for nothing, but smooth; each clip for itself."""
    return torch.sin(2 * x + x.roll(1, -1)) * (1 - t / 2000).to(x)[:, None, None]


def seeded(shape: tuple[int, ...], seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def noise_of(shape: tuple[int, ...]):
    return lambda index: seeded(shape, index + 1)


def no_noise(index: int) -> Tensor:
    raise AssertionError(f"noise asked at step {index}")


@BOTH_SCHEDULES
def test_ddpm_samples_have_the_mean_and_spread_of_the_data(schedule: Schedule) -> None:
    shape = (1, 200, 100)
    x = ddpm(gaussian(schedule), seeded(shape), schedule, steps=500, noise=noise_of(shape))
    assert float(x.mean()) == pytest.approx(MEAN, abs=0.01)
    assert float(x.std()) == pytest.approx(SPREAD, rel=0.02)


@BOTH_SCHEDULES
def test_ddpm_without_noise_keeps_the_mean_but_not_the_spread(schedule: Schedule) -> None:
    x = ddpm(gaussian(schedule), seeded((1, 200, 100)), schedule, steps=1000)
    assert float(x.mean()) == pytest.approx(MEAN, abs=0.01)
    assert float(x.std()) < 0.1 * SPREAD


@BOTH_SCHEDULES
@pytest.mark.parametrize(("sampler", "steps", "error"), [(ddim, 1000, 5e-3), (dpmpp_2m, 60, 5e-3)])
def test_deterministic_samplers_follow_the_probability_flow(
    schedule: Schedule, sampler: Sampler, steps: int, error: float
) -> None:
    x = seeded((2, 20, 10), dtype=torch.float64)
    ours = sampler(gaussian(schedule), x, schedule, steps=steps)
    torch.testing.assert_close(ours, flow(schedule, x, 999, -1), rtol=0, atol=error)


def test_orders_of_convergence() -> None:
    """From one noise level to another in N equal steps of λ: the error of DDIM falls as 1/N, of 2M as 1/N²."""
    fine = linear_schedule(200_000, 1e-4 / 200, 0.02 / 200)
    rises = fine.alphas_cumprod.logit() / 2
    x = seeded((1, 4, 5), dtype=torch.float64)

    def errors(steps: int) -> tuple[float, float]:
        levels = torch.linspace(-3, 3, steps + 1, dtype=torch.float64)
        times = [int((rises - level).abs().argmin()) for level in levels]
        first, second, before = x, x, None
        for time, time_next in pairwise(times):
            t, t_next = torch.tensor([time]), torch.tensor([time_next])
            first = ddim_step(first, gaussian(fine)(first, t), t, t_next, fine, eta=0.0)
            x0_hat = gaussian(fine)(second, t)
            second = dpmpp_2m_step(second, x0_hat, t, t_next, fine, before=before)
            before = (x0_hat, t)
        exact = flow(fine, x, times[0], times[-1])
        return float((first - exact).abs().max()), float((second - exact).abs().max())

    (ddim_few, dpmpp_few), (ddim_many, dpmpp_many) = errors(20), errors(80)
    assert 0.8 < math.log(ddim_few / ddim_many, 4) < 1.2
    assert 1.7 < math.log(dpmpp_few / dpmpp_many, 4) < 2.3
    assert dpmpp_few < ddim_few / 5


@BOTH_SCHEDULES
def test_quadratic_spacing_halves_the_error_of_few_steps(schedule: Schedule) -> None:
    x = seeded((2, 20, 10), dtype=torch.float64)
    exact = flow(schedule, x, 999, -1)
    quadratic = dpmpp_2m(gaussian(schedule), x, schedule, steps=15)
    even = dpmpp_2m(gaussian(schedule), x, schedule, steps=15, spacing=even_timesteps)
    assert float((quadratic - exact).abs().mean()) < 0.5 * float((even - exact).abs().mean())


def test_ddim_with_eta_one_is_ddpm() -> None:
    schedule, shape = cosine_schedule(), (2, 5, 3)
    assert torch.equal(
        ddim(curved, seeded(shape), schedule, steps=20, eta=1.0, noise=noise_of(shape)),
        ddpm(curved, seeded(shape), schedule, steps=20, noise=noise_of(shape)),
    )


def test_ddpm_step_is_the_posterior_of_two_adjacent_timesteps() -> None:
    schedule = linear_schedule(100)
    x, x0, noise = (seeded((1, 2, 3), seed, torch.float64) for seed in range(3))
    a, a_next = schedule.alphas_cumprod[40], schedule.alphas_cumprod[39]
    beta = 1 - a / a_next
    mean = a_next.sqrt() * beta / (1 - a) * x0 + (1 - beta).sqrt() * (1 - a_next) / (1 - a) * x
    variance = beta * (1 - a_next) / (1 - a)
    t, t_next = torch.tensor([40]), torch.tensor([39])
    torch.testing.assert_close(ddpm_step(x, x0, t, t_next, schedule, noise=None), mean)
    torch.testing.assert_close(ddpm_step(x, x0, t, t_next, schedule, noise=noise), mean + variance.sqrt() * noise)


def every_step(x: Tensor, t: Tensor, t_next: Tensor, schedule: Schedule) -> list[Tensor]:
    x0_hat, x0_before, noise = (seeded(tuple(x.shape), seed) for seed in (7, 8, 9))
    before = (x0_before, (t + 10).clamp(max=schedule.steps - 1))
    return [
        ddpm_step(x, x0_hat, t, t_next, schedule, noise=noise),
        ddim_step(x, x0_hat, t, t_next, schedule, eta=0.0),
        ddim_step(x, x0_hat, t, t_next, schedule, eta=0.5, noise=noise),
        dpmpp_2m_step(x, x0_hat, t, t_next, schedule, before=None),
        dpmpp_2m_step(x, x0_hat, t, t_next, schedule, before=before),
    ]


def test_the_same_timestep_for_all_frames_equals_the_scalar() -> None:
    schedule, x = cosine_schedule(), seeded((2, 6, 3))
    t, t_next = torch.tensor([900, 30]), torch.tensor([700, -1])
    per_frame = every_step(x, t[:, None].repeat(1, 6), t_next[:, None].repeat(1, 6), schedule)
    for ours, scalar in zip(per_frame, every_step(x, t, t_next, schedule), strict=True):
        assert torch.equal(ours, scalar)


def test_each_frame_takes_its_own_step() -> None:
    schedule, x = linear_schedule(), seeded((1, 4, 3))
    t, t_next = torch.tensor([[999, 500, 20, 3]]), torch.tensor([[700, 499, -1, 0]])
    mixed = every_step(x, t, t_next, schedule)
    for frame in range(4):
        alone = every_step(x, t[:, frame], t_next[:, frame], schedule)
        for ours, scalar in zip(mixed, alone, strict=True):
            assert torch.equal(ours[:, frame], scalar[:, frame])


def test_frames_that_do_not_move_keep_their_bits() -> None:
    schedule, x = linear_schedule(), seeded((1, 5, 3))
    t, t_next = torch.tensor([[-1, 0, 500, 999, 80]]), torch.tensor([[-1, 0, 500, 999, 60]])
    for stepped in every_step(x, t, t_next, schedule):
        assert torch.equal(stepped[:, :4], x[:, :4])
        assert bool((stepped[:, 4] != x[:, 4]).all())


def test_a_step_to_the_clean_motion_is_the_prediction() -> None:
    schedule, x, x0_hat = cosine_schedule(), seeded((2, 4, 3)), seeded((2, 4, 3), 1)
    t, clean = torch.tensor([999, 0]), torch.tensor([-1, -1])
    assert torch.equal(ddpm_step(x, x0_hat, t, clean, schedule, noise=x), x0_hat)
    assert torch.equal(dpmpp_2m_step(x, x0_hat, t, clean, schedule, before=(x, t)), x0_hat)


@EVERY_SAMPLER
def test_the_same_noise_gives_the_same_bits_and_other_noise_others(sampler: Sampler) -> None:
    schedule, shape = cosine_schedule(), (2, 5, 3)
    x = seeded(shape)
    first, again = (sampler(curved, x, schedule, steps=12, noise=noise_of(shape)) for _ in range(2))
    assert torch.equal(first, again) and torch.equal(x, seeded(shape))
    assert not torch.equal(first, sampler(curved, seeded(shape, 99), schedule, steps=12, noise=noise_of(shape)))


@EVERY_SAMPLER
def test_a_clip_does_not_depend_on_its_batch_mates(sampler: Sampler) -> None:
    schedule, shape = cosine_schedule(), (3, 5, 4)
    together = sampler(curved, seeded(shape), schedule, steps=8, noise=noise_of(shape))
    alone = sampler(curved, seeded(shape)[1:2], schedule, steps=8, noise=lambda index: noise_of(shape)(index)[1:2])
    torch.testing.assert_close(together[1:2], alone, rtol=1e-5, atol=1e-6)


@EVERY_SAMPLER
@pytest.mark.parametrize("steps", [1, 2, 15])
def test_known_values_come_back_exactly(sampler: Sampler, steps: int) -> None:
    schedule, shape = cosine_schedule(), (2, 8, 3)
    known = seeded(shape, 50)
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(1)) < 0.5
    constrain = keep_known(known, mask, schedule, noise_of(shape))
    x = sampler(curved, seeded(shape), schedule, steps=steps, noise=noise_of(shape), constrain=constrain)
    assert torch.equal(x[mask], known[mask]) and not bool((x[~mask] == known[~mask]).any())


def test_ddim_asks_for_noise_only_when_it_adds_some() -> None:
    schedule, shape, asked = cosine_schedule(), (1, 4, 2), []
    ddim(curved, seeded(shape), schedule, steps=6, noise=no_noise)
    dpmpp_2m(curved, seeded(shape), schedule, steps=6, noise=no_noise)
    ddim(curved, seeded(shape), schedule, steps=6, eta=1.0, noise=lambda index: asked.append(index) or seeded(shape))
    assert asked == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="needs noise"):
        ddim(curved, seeded(shape), schedule, steps=6, eta=1.0)


@EVERY_SAMPLER
def test_the_denoiser_is_clipped(sampler: Sampler) -> None:
    x = sampler(lambda x, t: 5 * x.sign(), seeded((1, 4, 2)), cosine_schedule(), steps=5, clip=1.0)
    assert float(x.abs().max()) == 1.0


@EVERY_SAMPLER
def test_every_step_is_reported_with_the_x_it_led_to(sampler: Sampler) -> None:
    seen: list[tuple[Step, Tensor]] = []
    x = sampler(
        curved,
        seeded((1, 4, 2)),
        linear_schedule(100),
        steps=4,
        constrain=lambda x, step: x + 1,
        callback=lambda step, x: seen.append((step, x)),
    )
    steps = [step for step, _ in seen]
    assert [step.index for step in steps] == [0, 1, 2, 3]
    assert steps[0].t == 99 and steps[-1].is_last
    assert all(step.t_next == later.t for step, later in pairwise(steps))
    assert torch.equal(seen[-1][1], x)


@EVERY_SAMPLER
def test_an_interrupt_in_the_callback_stops_at_that_step(sampler: Sampler) -> None:
    calls = []

    def stop(step: Step, x: Tensor) -> None:
        calls.append(step.index)
        if step.index == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sampler(curved, seeded((1, 4, 2)), linear_schedule(), steps=10, callback=stop)
    assert calls == [0, 1, 2]


@EVERY_SAMPLER
@pytest.mark.parametrize("steps", [0, -1, 101])
def test_a_number_of_steps_that_cannot_be_is_refused(sampler: Sampler, steps: int) -> None:
    with pytest.raises(ValueError, match=f"{steps} sampling steps asked of a schedule of 100; give 1 to 100"):
        sampler(curved, seeded((1, 4, 2)), linear_schedule(100), steps=steps)


@pytest.mark.parametrize("spacing", [even_timesteps, quadratic_timesteps])
@pytest.mark.parametrize("total", [1, 2, 37, 1000])
def test_spacings_fall_strictly_from_the_noisiest_to_the_clean(spacing, total: int) -> None:
    for steps in range(1, total + 1):
        times = spacing(total, steps)
        assert len(times) == steps + 1 and times[0] == total - 1 and times[-1] == -1
        assert all(later < sooner for sooner, later in pairwise(times))


def test_even_spacing_is_that_of_edge() -> None:
    assert even_timesteps(1000, 50) == [*range(999, 0, -20), -1]


@EVERY_SAMPLER
def test_sampling_keeps_the_type_and_builds_no_graph(sampler: Sampler) -> None:
    scale = torch.ones((), requires_grad=True)
    for dtype in (torch.float32, torch.float64):
        x = sampler(lambda x, t: scale.to(x) * x, seeded((1, 4, 2), dtype=dtype), linear_schedule(), steps=3)
        assert x.dtype == dtype and not x.requires_grad


@EVERY_SAMPLER
def test_coefficients_follow_x_to_its_device(sampler: Sampler) -> None:
    """The meta device refuses to mix with the CPU as a GPU does."""
    x = torch.empty(2, 6, 3, device="meta")
    devices = set()

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        devices.add(t.device.type)
        return x * t[:, None, None]

    known = keep_known(x, torch.empty(6, 1, dtype=torch.bool, device="meta"), linear_schedule(), lambda index: x)
    sampled = sampler(denoise, x, linear_schedule(), steps=3, noise=lambda index: x, constrain=known)
    assert sampled.device.type == "meta" and devices == {"meta"}
