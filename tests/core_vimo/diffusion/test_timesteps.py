from itertools import pairwise

import pytest
import torch

from core_vimo.diffusion.timesteps import build_ptss, sample_timesteps
from core_vimo.errors import InputError


def shared(t: torch.Tensor) -> torch.Tensor:
    return (t == t[:, :1]).all(dim=1)


def test_probability_zero_gives_one_timestep_a_clip() -> None:
    t = sample_timesteps(range(8), 30, 1000, 0.0, seed=1, step=2)
    assert t.shape == (8,) and t.dtype == torch.int64


def test_a_row_depends_on_its_own_sample_alone() -> None:
    together = sample_timesteps([5, 9, 2], 30, 1000, 0.5, seed=1, step=2)
    for place, sample in enumerate([5, 9, 2]):
        assert torch.equal(sample_timesteps([sample], 30, 1000, 0.5, seed=1, step=2)[0], together[place])


def test_seed_step_and_sample_each_change_the_draw() -> None:
    draws = {
        int(sample_timesteps([sample], 1, 10**9, 0.0, seed=seed, step=step))
        for sample in (0, 1)
        for seed in (0, 1)
        for step in (0, 1)
    }
    assert len(draws) == 8


def test_the_share_of_per_frame_clips_is_the_probability() -> None:
    t = sample_timesteps(range(1000), 20, 1000, 0.3, seed=0, step=0)
    assert t.shape == (1000, 20)
    assert float((~shared(t)).float().mean()) == pytest.approx(0.3, abs=0.05)
    assert bool(shared(sample_timesteps(range(50), 20, 1000, 1e-12, seed=0, step=0)).all())
    assert not bool(shared(sample_timesteps(range(50), 20, 1000, 1.0, seed=0, step=0)).any())


def test_a_shared_timestep_does_not_depend_on_the_probability() -> None:
    mixed = sample_timesteps(range(40), 20, 1000, 0.5, seed=3, step=4)
    plain = sample_timesteps(range(40), 20, 1000, 0.0, seed=3, step=4)
    assert torch.equal(mixed[shared(mixed), 0], plain[shared(mixed)])


def test_clean_frames_are_a_windows_ends_or_keyframes_and_the_rest_is_as_it_was() -> None:
    shown = sample_timesteps(range(2000), 50, 10**6, 0.0, seed=0, step=0, clean=0.5)
    plain = sample_timesteps(range(2000), 50, 10**6, 0.0, seed=0, step=0)
    clean = shown == 0
    assert torch.equal(shown[~clean], plain[:, None].expand(-1, 50)[~clean])
    changes = clean.int().diff(dim=1).abs().sum(1)
    one_gap = clean.any(1) & (changes <= 2) & (~clean.all(1))
    assert float((clean.any(1) & ~one_gap).float().mean()) == pytest.approx(0.125, abs=0.04)  # keyframes
    assert float(one_gap.float().mean()) == pytest.approx(0.36, abs=0.05)  # a gap as long as the window leaves none
    assert (~clean[one_gap][:, 0]).any() and (~clean[one_gap][:, -1]).any()  # gaps begin windows, and end them
    gaps = (~clean[one_gap]).sum(1)
    assert gaps.min() < 5 and gaps.max() > 45


def test_clean_frames_hang_on_seed_step_and_sample_alone() -> None:
    together = sample_timesteps([5, 9, 2], 30, 1000, 0.5, seed=1, step=2, clean=0.9)
    for place, sample in enumerate([5, 9, 2]):
        assert torch.equal(sample_timesteps([sample], 30, 1000, 0.5, seed=1, step=2, clean=0.9)[0], together[place])
    with pytest.raises(ValueError, match="must lie in"):
        sample_timesteps([0], 30, 1000, 0.0, seed=0, step=0, clean=1.5)


def test_timesteps_are_uniform_from_0_to_the_last() -> None:
    t = sample_timesteps(range(400), 50, 10, 1.0, seed=0, step=0)
    counts = torch.bincount(t.flatten(), minlength=10) / t.numel()
    assert counts.shape == (10,)
    assert float((counts - 0.1).abs().max()) < 0.01


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_an_impossible_probability_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        sample_timesteps([0], 3, 10, probability, seed=0, step=0)


REPORT = [[0, 0.2], [0.5, 0.5], [0.6, 0.5], [0.6, 0.2]]


def test_the_probability_rises_holds_and_falls_back() -> None:
    at = [build_ptss(REPORT, run_steps=100).at(step) for step in range(120)]
    assert at[0] == 0.2 and at[25] == pytest.approx(0.35) and at[50:60] == [0.5] * 10 and set(at[60:]) == {0.2}
    assert all(later > sooner for sooner, later in pairwise(at[:51]))


def test_a_longer_run_takes_its_time() -> None:
    short, long = build_ptss(REPORT, run_steps=100), build_ptss(REPORT, run_steps=1000)
    assert [short.at(step) for step in range(100)] == pytest.approx([long.at(10 * step) for step in range(100)])


def test_before_the_first_knot_and_after_the_last_it_stays() -> None:
    schedule = build_ptss([[0.4, 0.1], [0.6, 0.3]], run_steps=10)
    assert [schedule.at(step) for step in (0, 4, 5, 6, 99)] == pytest.approx([0.1, 0.1, 0.2, 0.3, 0.3])


@pytest.mark.parametrize("probability", [0, 0.2, 1])
def test_one_number_holds_throughout_and_needs_no_end(probability: float) -> None:
    schedule = build_ptss(probability, run_steps=None)
    assert {schedule.at(step) for step in (0, 1, 10**6)} == {probability}
    assert schedule.ever == (probability > 0)


@pytest.mark.parametrize(
    "setting", [1.5, -0.1, float("nan"), True, "often", None, [], [0.2, 0.5], [[0, 2]], [[0, 0.2, 0.3]], [["a", 0.2]]]
)
def test_a_setting_that_is_no_schedule_is_refused(setting: object) -> None:
    with pytest.raises(InputError, match=r"diffusion\.ptss=.* must be a number from 0 to 1"):
        build_ptss(setting, run_steps=100)


def test_knots_out_of_order_or_without_an_end_are_refused() -> None:
    with pytest.raises(InputError, match="must rise"):
        build_ptss([[0.5, 0.2], [0.1, 0.5]], run_steps=100)
    with pytest.raises(InputError, match=r"give trainer\.steps"):
        build_ptss(REPORT, run_steps=None)
