import pytest
import roma
import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.metrics.reconstruction import CHUNK, accel_error, mpjpe, pa_mpjpe, rte, w_mpjpe, wa_mpjpe
from core_vimo.randomness import generator, normal


@pytest.fixture
def true_m() -> Tensor:
    """A body of random joints whose root travels."""
    body = normal((1, 24, 3), 0, 0, "body") + 0.1 * normal((230, 24, 3), 0, 1, "limbs")
    return body.double() + 0.02 * torch.arange(230)[:, None, None]


@pytest.fixture
def turn() -> Tensor:
    torch_generator = generator(0, 0, "turn")
    return roma.special_gramschmidt(torch.randn(3, 3, generator=torch_generator, dtype=torch.float64))


def test_a_shifted_body_has_no_mpjpe(true_m: Tensor) -> None:
    assert mpjpe(true_m + torch.tensor([1.0, -2.0, 0.5]), true_m).max() < 1e-6


def test_one_joint_off_by_24_mm_is_1_mm(true_m: Tensor) -> None:
    predicted = true_m.clone()
    predicted[:, 20, 1] += 0.024
    torch.testing.assert_close(mpjpe(predicted, true_m), torch.ones(230, dtype=torch.float64))


def test_a_similar_body_has_no_pa_mpjpe_but_a_reflected_one_has(true_m: Tensor, turn: Tensor) -> None:
    similar = 1.3 * true_m @ turn.T + torch.tensor([0.2, 0.0, 1.0])
    assert pa_mpjpe(similar, true_m).max() < 1e-6
    assert pa_mpjpe(true_m * torch.tensor([-1.0, 1.0, 1.0]), true_m).min() > 10


def test_acceleration_is_in_metres_a_second_squared_at_any_rate() -> None:
    for fps in (30, 60):
        time_s = torch.arange(fps, dtype=torch.float64) / fps
        still = torch.zeros(fps, 24, 3, dtype=torch.float64)
        moving = still.clone()
        moving[:, 3:, 2] = (0.5 * 4.0 * time_s**2)[:, None]
        expected = torch.full((fps - 2,), 4.0 * 21 / 24, dtype=torch.float64)
        torch.testing.assert_close(accel_error(moving, still, fps), expected)


def test_world_errors_forgive_a_similarity_a_chunk(true_m: Tensor, turn: Tensor) -> None:
    placed = 0.8 * true_m @ turn.T + 3
    assert wa_mpjpe(placed, true_m).max() < 1e-6
    assert w_mpjpe(placed, true_m).max() < 1e-6


def test_drift_grows_from_the_aligned_start_of_each_chunk(true_m: Tensor) -> None:
    drifting = true_m.clone()
    drifting[:, :, 0] += 0.001 * torch.arange(230)[:, None]
    world, aligned = w_mpjpe(drifting, true_m), wa_mpjpe(drifting, true_m)
    assert world[CHUNK - 1] == pytest.approx(99, rel=0.1)
    assert world[CHUNK] < 2
    assert aligned[:CHUNK].mean() < 0.5 * world[:CHUNK].mean()


def test_root_error_is_a_share_of_the_path(turn: Tensor) -> None:
    path = torch.stack([torch.linspace(0, 4, 101, dtype=torch.float64)] + [torch.zeros(101).double()] * 2, -1)
    path[50:, 1] = path[50:, 0] - 2
    assert rte(path @ turn.T + 7, path).max() < 1e-9
    shrunk = rte(0.5 * path, path)
    assert shrunk.mean() > 5
    torch.testing.assert_close(rte(5 * 0.5 * path, 5 * path), shrunk)


def test_different_lengths_are_refused(true_m: Tensor) -> None:
    with pytest.raises(InputError, match="same frames"):
        mpjpe(true_m[:10], true_m)
