from collections.abc import Callable

import pytest
import torch

from core_vimo.errors import InputError
from core_vimo.metrics.kinetic import kinetic_features
from core_vimo.metrics.protocol import published_joints_m, require_length, y_up
from core_vimo.motion import Motion, move
from core_vimo.randomness import normal
from core_vimo.rotations import y_up_to_z_up

MakeDance = Callable[..., Motion]


def test_axes_are_turned() -> None:
    points = normal((5, 24, 3), 0, 0, "points")
    torch.testing.assert_close(y_up(points), points @ y_up_to_z_up())
    assert y_up(torch.tensor([1.0, 2.0, 3.0])).tolist() == [1, 3, -2]


def test_published_features_see_60_fps_whatever_the_rate(make_dance: MakeDance) -> None:
    at_30, at_60 = (published_joints_m(make_dance(1, fps=fps)) for fps in (30, 60))
    assert abs(len(at_60) - len(at_30)) <= 1
    true, resampled = (kinetic_features(joints, "fixed").reshape(24, 3) for joints in (at_60, at_30))
    torch.testing.assert_close(resampled[:, 0], true[:, 0], rtol=0.02, atol=1e-4)


def test_where_a_dance_starts_does_not_matter_to_published_features(make_dance: MakeDance) -> None:
    dance = make_dance(1)
    moved = move(dance, torch.tensor([3.0, -2.0, 0.1]))
    torch.testing.assert_close(published_joints_m(moved), published_joints_m(dance), atol=1e-5, rtol=0)
    assert published_joints_m(dance)[0, 0].tolist() == [0, 0, 0]


def test_a_short_motion_is_refused_by_name(make_dance: MakeDance) -> None:
    with pytest.raises(InputError, match=r"walk\.npz: lasts 0\.33 s"):
        require_length("walk.npz", make_dance(1)[:10])
