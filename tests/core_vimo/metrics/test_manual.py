from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.metrics.manual import HIPS_M, HUMERUS_M, SHOULDERS_M, manual_features
from core_vimo.metrics.protocol import published_joints_m
from core_vimo.motion import Motion
from core_vimo.skeleton import MIRROR, rest_joints_m

# Pairs that are each other's mirror image; those built on a cross product aren't, since it turns round in a mirror.
MIRRORED = [(2, 3), (6, 7), (10, 11), (12, 13), (16, 17), (19, 20), (21, 22), (23, 24), (25, 26), (29, 30)]


@pytest.fixture
def standing() -> Tensor:
    """The rest pose (y-up) for ten frames."""
    return rest_joints_m().double().expand(10, 24, 3).clone()


def test_lengths_are_those_the_thresholds_were_set_for() -> None:
    assert pytest.approx((0.2568, 0.3908, 0.1192), abs=6e-5) == (HUMERUS_M, SHOULDERS_M, HIPS_M)


def test_mirroring_a_dance_swaps_left_and_right(make_dance: Callable[..., Motion]) -> None:
    joints = published_joints_m(make_dance(3))
    straight = manual_features(joints)
    mirrored = manual_features(joints[:, MIRROR] * torch.tensor([-1.0, 1.0, 1.0]))
    right, left = torch.tensor(MIRRORED).unbind(-1)
    torch.testing.assert_close(straight[right], mirrored[left])
    torch.testing.assert_close(straight[left], mirrored[right])


def test_published_features_5_and_6_never_see_a_wrist(standing: Tensor) -> None:
    standing[:, 21, 1] += 0.05 * torch.arange(10)
    published, fixed = manual_features(standing), manual_features(standing, "fixed")
    assert published[4] == published[5] == 0
    assert (fixed[4], fixed[5]) == (1, 0)


def test_only_the_moves_differ_between_published_and_fixed(make_dance: Callable[..., Motion]) -> None:
    joints = published_joints_m(make_dance(1))
    differing = torch.nonzero(manual_features(joints) != manual_features(joints, "fixed")).flatten()
    assert set(differing.tolist()) <= {4, 5, 9, 10, 11}
    assert len(differing)


def test_speeds_are_read_double_at_60_fps(standing: Tensor) -> None:
    threshold_m_s = 2.3 * HUMERUS_M
    for speed, share in ((0.51, 1.0), (0.49, 0.0)):
        moving = standing + torch.arange(10)[:, None, None] * torch.tensor([speed * threshold_m_s / 60, 0, 0])
        assert manual_features(moving)[31] == share


def test_a_still_body_votes_the_same_in_every_frame(standing: Tensor) -> None:
    assert set(manual_features(standing).tolist()) <= {0.0, 1.0}


def test_one_frame_is_refused() -> None:
    with pytest.raises(InputError, match="at least 2 frames"):
        manual_features(torch.zeros(1, 24, 3))
