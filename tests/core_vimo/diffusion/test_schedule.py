import pytest
import torch

from core_vimo.diffusion.schedule import Schedule, build_schedule, cosine_schedule, linear_schedule
from core_vimo.errors import InputError


@pytest.mark.parametrize(("name", "theirs"), [("linear", "linear"), ("cosine", "squaredcos_cap_v2")])
def test_schedules_agree_with_diffusers(name: str, theirs: str) -> None:
    diffusers = pytest.importorskip("diffusers")
    reference = diffusers.DDPMScheduler(num_train_timesteps=1000, beta_schedule=theirs)
    torch.testing.assert_close(
        build_schedule(name).alphas_cumprod, reference.alphas_cumprod.double(), rtol=1e-4, atol=0
    )


def test_q_sample_mixes_by_alpha_bar_per_clip_and_per_frame() -> None:
    schedule = linear_schedule(100)
    x0, noise = torch.randn(2, 5, 3), torch.randn(2, 5, 3)
    t = torch.tensor([[0, 10, 20, 30, 99], [-1, 1, 2, 3, 4]])
    noised = schedule.q_sample(x0, t, noise)
    for clip, frame in [(0, 1), (0, 4), (1, 2)]:
        a = float(schedule.alphas_cumprod[t[clip, frame]])
        torch.testing.assert_close(noised[clip, frame], a**0.5 * x0[clip, frame] + (1 - a) ** 0.5 * noise[clip, frame])
    assert torch.equal(noised[1, 0], x0[1, 0])


def test_one_timestep_for_all_frames_equals_the_scalar() -> None:
    schedule = cosine_schedule()
    x0, noise, t = torch.randn(3, 4, 2), torch.randn(3, 4, 2), torch.tensor([3, 500, 999])
    assert torch.equal(schedule.q_sample(x0, t, noise), schedule.q_sample(x0, t[:, None].expand(3, 4).clone(), noise))


def test_snr_falls_from_almost_clean_to_almost_noise() -> None:
    for schedule in (linear_schedule(), cosine_schedule()):
        assert schedule.steps == 1000
        assert schedule.snr()[0] > 1e3 and schedule.snr()[-1] < 1e-4
        assert bool((schedule.snr().diff() < 0).all())


@pytest.mark.parametrize("t", [-2, 100])
def test_timesteps_outside_the_schedule_are_refused(t: int) -> None:
    with pytest.raises(ValueError, match=r"-1\.\.99"):
        linear_schedule(100).alpha_bar(torch.tensor([t]))


@pytest.mark.parametrize("shape", [(3,), (2, 4), (5, 2), ()])
def test_timesteps_that_do_not_fit_the_clips_are_refused(shape: tuple[int, ...]) -> None:
    x = torch.zeros(2, 5, 3)
    with pytest.raises(ValueError, match=r"do not fit"):
        linear_schedule(10).q_sample(x, torch.zeros(shape, dtype=torch.int64), x)


@pytest.mark.parametrize("table", [[0.9, 0.9], [1.0, 0.5], [0.5, 0.0], []])
def test_a_schedule_that_does_not_fall_is_refused(table: list[float]) -> None:
    with pytest.raises(ValueError, match="must fall"):
        Schedule("odd", torch.tensor(table, dtype=torch.float64))


def test_an_unknown_schedule_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="linear, cosine"):
        build_schedule("quartic")
    with pytest.raises(InputError, match="at least 1"):
        build_schedule("linear", 0)
