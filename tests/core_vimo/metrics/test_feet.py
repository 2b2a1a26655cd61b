import pytest
import torch
from torch import Tensor

from core_vimo.metrics.feet import float_m, foot_skating, jitter
from core_vimo.skeleton import FEET


def _standing(frames: int) -> Tensor:
    """Ankles at 8 cm, toes at 2 cm."""
    joints = torch.zeros(frames, 24, 3)
    joints[:, FEET, 2] = torch.tensor([0.08, 0.08, 0.02, 0.02])
    return joints


@pytest.mark.parametrize("fps", [30.0, 60.0, 120.0])
def test_a_slide_is_measured_in_metres_a_second_at_any_rate(fps: float) -> None:
    sliding = _standing(int(2 * fps))
    sliding[:, FEET, :2] += (torch.arange(len(sliding)) / fps)[:, None, None] * torch.tensor([0.3, 0.4])
    skating = foot_skating(sliding, fps)
    assert float(skating.foot_skate_ratio) == 1
    assert float(skating.foot_skate_speed) == pytest.approx(0.5, rel=1e-4)


def test_one_sliding_foot_joint_of_four_is_a_quarter() -> None:
    sliding = _standing(40)
    sliding[:, 10, 1] += 0.05 * torch.arange(40)
    assert float(foot_skating(sliding, 30).foot_skate_ratio) == pytest.approx(0.25)


def test_slow_drift_below_the_threshold_is_no_skate_but_has_a_speed() -> None:
    drifting = _standing(60)
    drifting[:, FEET, 0] += (0.1 / 30) * torch.arange(60)[:, None]
    skating = foot_skating(drifting, 30)
    assert float(skating.foot_skate_ratio) == 0
    assert float(skating.foot_skate_speed) == pytest.approx(0.1, rel=1e-3)


def test_a_lifted_foot_may_move() -> None:
    stepping = _standing(60)
    stepping[20:40, FEET, 2] += 0.2
    stepping[21:39, FEET, 0] += 0.1 * torch.arange(18)[:, None]
    stepping[39:, FEET, 0] = 1.7
    assert float(foot_skating(stepping, 30).foot_skate_ratio) == 0


def test_neither_height_of_the_floor_nor_stature_matters() -> None:
    sliding = _standing(40)
    sliding[:, 10, 1] += 0.05 * torch.arange(40)
    sliding[::3, 7, 2] += 0.1
    raised = sliding + torch.tensor([0.0, 0.0, 3.0])
    assert float(foot_skating(raised, 30).foot_skate_speed) == pytest.approx(
        float(foot_skating(sliding, 30).foot_skate_speed), rel=1e-3
    )


def test_float_is_the_height_of_the_lowest_foot() -> None:
    hovering = _standing(100)
    assert float(float_m(hovering)) == 0
    hovering[50:, FEET, 2] += 0.3
    assert float(float_m(hovering)) == pytest.approx(0.15, abs=1e-4)
    hovering[50:, 11, 2] -= 0.3
    assert float(float_m(hovering)) == 0


def test_jitter_is_a_tenth_of_the_third_derivative_at_any_rate() -> None:
    for fps in (30, 60):
        time_s = torch.arange(fps, dtype=torch.float64) / fps
        cubic = torch.zeros(fps, 24, 3, dtype=torch.float64)
        cubic[..., 1] = (7 * time_s**3 / 6)[:, None]
        assert float(jitter(cubic, fps)) == pytest.approx(0.7)
