from itertools import pairwise

import pytest
import torch

from core_vimo.diffusion.timesteps import ptss_probability, sample_timesteps


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


def test_timesteps_are_uniform_from_0_to_the_last() -> None:
    t = sample_timesteps(range(400), 50, 10, 1.0, seed=0, step=0)
    counts = torch.bincount(t.flatten(), minlength=10) / t.numel()
    assert counts.shape == (10,)
    assert float((counts - 0.1).abs().max()) < 0.01


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_an_impossible_probability_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        sample_timesteps([0], 3, 10, probability, seed=0, step=0)


def test_the_probability_rises_holds_and_falls_back() -> None:
    schedule = [ptss_probability(epoch) for epoch in range(100)]
    assert schedule[0] == 0.2 and schedule[50] == pytest.approx(0.5) == schedule[59] and set(schedule[60:]) == {0.2}
    assert all(later > sooner for sooner, later in pairwise(schedule[:51]))
