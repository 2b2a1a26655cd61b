import numpy as np
import pytest
import scipy.linalg
import torch

from core_vimo.errors import InputError
from core_vimo.metrics.frechet import Standardiser, diversity, frechet_distance
from core_vimo.randomness import normal


def test_a_set_is_at_no_distance_from_itself() -> None:
    features = normal((30, 72), 0, 0, "features")
    assert float(frechet_distance(features, features)) == pytest.approx(0, abs=1e-9)


def test_a_shift_costs_its_square() -> None:
    features = normal((100, 5), 0, 0, "features").double()
    shift = torch.tensor([3.0, 0.0, 4.0, 0.0, 0.0])
    assert float(frechet_distance(features + shift, features)) == pytest.approx(25)


def test_a_scale_costs_the_squared_difference_of_deviations() -> None:
    features = normal((100, 4), 0, 0, "features").double()
    wider = 3 * (features - features.mean(0)) + features.mean(0)
    expected = 4 * features.var(dim=0).sum()
    assert float(frechet_distance(wider, features)) == pytest.approx(float(expected))


def test_agrees_with_the_matrix_square_root_at_full_rank() -> None:
    a, b = normal((60, 8), 1, 0, "a").double().numpy(), 1.7 * normal((90, 8), 2, 0, "b").double().numpy()
    covariances = np.cov(a.T), np.cov(b.T)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert float(frechet_distance(torch.from_numpy(a), torch.from_numpy(b))) == pytest.approx(expected, rel=1e-9)


def test_singular_covariances_are_exact() -> None:
    """Two sets on one line: a one-dimensional problem, whatever the number of features."""
    direction = torch.tensor([0.6, 0.0, 0.8] + [0.0] * 69, dtype=torch.float64)
    a, b = normal((7, 1), 1, 0, "a").double(), 2 + 3 * normal((9, 1), 2, 0, "b").double()
    expected = (a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2
    assert float(frechet_distance(a * direction, b * direction)) == pytest.approx(float(expected), rel=1e-9)


def test_it_is_symmetric_and_batches_agree_with_single_sets() -> None:
    many, pool = normal((3, 20, 6), 0, 0, "many"), normal((50, 6), 0, 0, "pool")
    together = frechet_distance(many, pool)
    for index in range(3):
        assert float(together[index]) == pytest.approx(float(frechet_distance(pool, many[index])))


def test_a_column_constant_in_the_pool_is_left_out_and_named() -> None:
    pool, generated = normal((40, 3), 0, 0, "pool"), normal((40, 3), 1, 0, "generated")
    pool[:, 1] = 0.25
    scale = Standardiser.of(pool)
    assert scale.constant_columns == [1]
    assert float(frechet_distance(scale(generated), scale(pool))) < 10


def test_the_standardised_pool_has_unit_population_deviation() -> None:
    pool = 5 + 3 * normal((40, 3), 0, 0, "pool")
    standardised = Standardiser.of(pool)(pool)
    torch.testing.assert_close(standardised.mean(0), torch.zeros(3, dtype=torch.float64), atol=1e-9, rtol=0)
    torch.testing.assert_close(standardised.std(0, correction=0), torch.ones(3, dtype=torch.float64))


def test_diversity_is_the_mean_distance_of_pairs() -> None:
    corners = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    assert float(diversity(corners)) == pytest.approx((3 + 4 + 5) / 3)


@pytest.mark.parametrize("metric", [diversity, lambda one: frechet_distance(one, torch.zeros(5, 3))])
def test_one_clip_is_refused(metric: object) -> None:
    with pytest.raises(InputError, match="at least 2 clips"):
        metric(torch.zeros(1, 3))
