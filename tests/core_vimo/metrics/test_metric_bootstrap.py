import math

import pytest
import torch

from core_vimo.metrics.bootstrap import mean_estimate, resamples, set_estimate
from core_vimo.randomness import normal


def test_draws_depend_on_seed_and_purpose_alone() -> None:
    assert resamples(9, 0, "fid").equal(resamples(9, 0, "fid"))
    assert not resamples(9, 0, "fid").equal(resamples(9, 1, "fid"))
    assert not resamples(9, 0, "fid").equal(resamples(9, 0, "div"))


def test_the_interval_of_a_mean_is_about_two_standard_errors() -> None:
    values = normal((400,), 0, 0, "values")
    estimate = mean_estimate(values, 0, "mean")
    standard_error = float(values.std()) / 20
    assert estimate.value == pytest.approx(float(values.mean()))
    assert estimate.high - estimate.low == pytest.approx(4 * standard_error, rel=0.2)


def test_clips_without_the_metric_are_not_counted() -> None:
    estimate = mean_estimate(torch.tensor([1.0, math.nan, 3.0]), 0, "mean")
    assert (estimate.value, estimate.clips) == (2.0, 2)
    assert mean_estimate(torch.tensor([math.nan]), 0, "mean").clips == 0


def test_the_interval_of_a_set_lies_around_its_value() -> None:
    """Resamples of a biased statistic may all lie above the value; the interval must not."""
    estimate = set_estimate(10.0, 5, lambda rows: 100 + rows.double().mean(dim=-1), 0, "fid")
    assert estimate.low < 10 < estimate.high
