import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.metrics.pfc import STRIDE, WINDOW, pfc_abs, pfc_edge, pfc_windows
from core_vimo.motion import Motion


@pytest.fixture
def joints_m(make_dance: Callable[..., Motion]) -> Tensor:
    return make_dance(2, seconds=5).joints_m()


def test_a_glitch_betters_the_published_score_and_worsens_the_mended_one(joints_m: Tensor) -> None:
    glitched = joints_m.clone()
    glitched[60, 0, 2] += 0.1
    assert pfc_edge(glitched) < 0.5 * pfc_edge(joints_m)
    assert pfc_abs(glitched) > pfc_abs(joints_m)


def test_twice_the_rate_changes_the_published_score_by_far(make_dance: Callable[..., Motion]) -> None:
    """Relabelled frames: what a script that assumes 30 fps makes of 60."""
    at_30, at_60 = (make_dance(2, seconds=5, fps=fps).joints_m() for fps in (30, 60))
    assert pfc_edge(at_60) == pytest.approx(float(pfc_edge(at_30)) / 4, rel=0.1)


def test_uniform_speed_of_feet_under_a_known_acceleration() -> None:
    time_s = torch.arange(30, dtype=torch.float64) / 30
    joints = torch.zeros(30, 24, 3, dtype=torch.float64)
    joints[:, 0, 0] = 0.5 * 2.0 * time_s**2
    joints[:, [7, 10], 1] = 3 * time_s[:, None]
    joints[:, [8, 11], 0] = 0.5 * time_s[:, None]
    assert float(pfc_abs(joints)) == pytest.approx(2.0 * 3 * 0.5)
    assert float(pfc_edge(joints)) == pytest.approx(1e4 * 3 * 0.5 / 30**2)


def test_falling_costs_nothing_and_one_still_foot_is_enough(joints_m: Tensor) -> None:
    planted = joints_m.clone()
    planted[:, 7] = planted[:1, 7]
    assert float(pfc_abs(planted)) == 0
    falling = torch.zeros(20, 24, 3)
    falling[:, :, 2] = -(torch.arange(20)[:, None].float() ** 2)
    falling[:, [7, 8, 10, 11], 0] = torch.arange(20)[:, None].float()
    assert float(pfc_abs(falling)) == 0


def test_a_motionless_root_scores_zero_rather_than_nan(joints_m: Tensor) -> None:
    joints_m[:, 0] = 0
    assert float(pfc_edge(joints_m)) == 0


def test_windows_overlap_by_half_and_a_short_dance_is_one() -> None:
    frames = torch.arange(400.0)[:, None, None].expand(400, 24, 3)
    windows = pfc_windows(frames)
    assert windows[:, 0, 0, 0].tolist() == [0, 75, 150, 225]
    assert windows.shape == (4, WINDOW, 24, 3)
    assert windows[1, -1, 0, 0] == STRIDE + WINDOW - 1
    assert pfc_windows(frames[:80]).shape == (1, 80, 24, 3)


def test_windows_are_scored_as_alone(joints_m: Tensor) -> None:
    both = torch.stack((joints_m, joints_m.flip(0)))
    assert math.isclose(float(pfc_edge(both)[1]), float(pfc_edge(joints_m.flip(0))), rel_tol=1e-9)


def test_two_frames_are_refused() -> None:
    with pytest.raises(InputError, match="at least 3 frames"):
        pfc_edge(torch.zeros(2, 24, 3))
