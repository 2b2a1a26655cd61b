import pytest
import torch

from core_vimo.diffusion import weighting
from core_vimo.diffusion.schedule import cosine_schedule, linear_schedule
from core_vimo.diffusion.weighting import WEIGHTINGS


@pytest.mark.parametrize(
    ("name", "percent"), [("min_cap", 35.57), ("sqrt_cap", 33.72), ("linear_cap", 31.84), ("average", 51.14)]
)
def test_mean_weights_are_those_of_the_report(name: str, percent: float) -> None:
    assert 100 * float(WEIGHTINGS[name](linear_schedule()).mean()) == pytest.approx(percent, abs=0.005)


@pytest.mark.parametrize("name", WEIGHTINGS)
@pytest.mark.parametrize("schedule", [linear_schedule(200), cosine_schedule()])
def test_every_weight_is_positive_and_finite(name: str, schedule) -> None:
    weights = WEIGHTINGS[name](schedule)
    assert weights.shape == (schedule.steps,) and weights.dtype == torch.float64
    assert bool((weights > 0).all()) and bool(weights.isfinite().all())


def test_caps_hold_and_snr_rules_below_them() -> None:
    schedule = linear_schedule()
    snr = schedule.snr()
    assert float(weighting.min_snr(schedule).max()) == 5.0
    assert float(weighting.min_cap(schedule).max()) == 1.0
    for name in ("min_snr", "min_cap", "sqrt_cap", "linear_cap"):
        assert torch.equal(WEIGHTINGS[name](schedule)[-10:], snr[-10:])


def test_the_average_leaves_no_dead_zone() -> None:
    schedule = linear_schedule()
    late = slice(500, 900)
    assert (
        float(weighting.min_cap(schedule)[late].mean()) < 0.04 < 0.25 < float(weighting.average(schedule)[late].mean())
    )


def test_p2_bends_from_constant_against_snr() -> None:
    schedule = linear_schedule()
    assert torch.equal(weighting.p2(schedule, gamma=0.0), weighting.constant(schedule))
    torch.testing.assert_close(weighting.p2(schedule), 1 - schedule.alphas_cumprod)


def test_normalised_weights_average_one_and_keep_their_ratios() -> None:
    weights = weighting.snr(linear_schedule())
    normalised = weighting.normalise(weights)
    assert float(normalised.mean()) == pytest.approx(1.0)
    torch.testing.assert_close(normalised / normalised[0], weights / weights[0])
