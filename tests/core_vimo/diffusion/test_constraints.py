import pytest
import torch

from core_vimo.diffusion.constraints import Step, compose, keep_known, tie_overlaps
from core_vimo.diffusion.schedule import linear_schedule

MIDDLE, LAST = Step(3, 40, 20), Step(9, 4, -1)


def test_only_the_step_to_the_clean_motion_is_the_last() -> None:
    assert LAST.is_last and not MIDDLE.is_last and not Step(0, 1, 0).is_last


def test_constraints_compose_first_to_last() -> None:
    both = compose(lambda x, step: x + 1, lambda x, step: x * step.index)
    assert float(both(torch.tensor(4.0), MIDDLE)) == 15.0
    assert float(compose()(torch.tensor(4.0), MIDDLE)) == 4.0


def test_known_values_are_noised_to_the_level_x_has_reached() -> None:
    schedule = linear_schedule(100)
    known, x, noise = (torch.randn(2, 6, 4) for _ in range(3))
    mask = torch.rand(2, 6, 4) < 0.5
    asked = []
    constrain = keep_known(known, mask, schedule, lambda index: asked.append(index) or noise)
    kept = constrain(x, MIDDLE)
    assert asked == [3]
    assert torch.equal(kept[mask], schedule.q_sample(known, torch.tensor([20, 20]), noise)[mask])
    assert torch.equal(kept[~mask], x[~mask])


def test_known_values_end_bit_for_bit_without_asking_for_noise() -> None:
    known, x = torch.randn(2, 6, 4), torch.randn(2, 6, 4)
    mask = (torch.arange(6) < 2)[:, None]

    def no_noise(index: int) -> torch.Tensor:
        raise AssertionError(index)

    kept = keep_known(known, mask, linear_schedule(100), no_noise)(x, LAST)
    assert torch.equal(kept[:, :2], known[:, :2]) and torch.equal(kept[:, 2:], x[:, 2:])


def test_a_mask_that_is_not_bool_is_refused() -> None:
    x = torch.zeros(1, 2, 3)
    with pytest.raises(ValueError, match="bool"):
        keep_known(x, torch.full_like(x, 0.5), linear_schedule(10), lambda index: x)


def test_windows_are_tied_where_they_overlap_and_x_is_left_alone() -> None:
    x = torch.randn(4, 10, 3)
    before = x.clone()
    tied = tie_overlaps(4)(x, MIDDLE)
    assert torch.equal(x, before)
    assert torch.equal(tied[1:, :4], tied[:-1, -4:]) and torch.equal(tied[1:, 4:], x[1:, 4:])
    assert torch.equal(tied[0], x[0])


def test_the_last_step_is_tied_only_when_asked() -> None:
    x = torch.randn(3, 10, 2)
    assert torch.equal(tie_overlaps(5)(x, LAST), x)
    tied = tie_overlaps(5, last=True)(x, LAST)
    assert torch.equal(tied[1:, :5], x[:-1, 5:])


def test_no_overlap_ties_nothing_and_too_much_is_refused() -> None:
    x = torch.randn(3, 10, 2)
    assert torch.equal(tie_overlaps(0)(x, MIDDLE), x)
    with pytest.raises(ValueError, match="more than half"):
        tie_overlaps(6)(x, MIDDLE)
