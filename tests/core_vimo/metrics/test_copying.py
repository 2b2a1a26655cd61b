from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.metrics.copying import COPY_FPS, facing_poses, nearest_training_clips, warped_distance_m
from core_vimo.motion import Motion, move, resample, turn
from core_vimo.randomness import normal

MakeDance = Callable[..., Motion]


def _joints(motion: Motion) -> Tensor:
    return resample(motion, COPY_FPS).joints_m()


@pytest.fixture
def training(make_dance: MakeDance) -> list[Tensor]:
    return [_joints(make_dance(seed, seconds=8)) for seed in range(5)]


def test_a_copy_is_found_though_moved_turned_and_cut_out(make_dance: MakeDance, training: list[Tensor]) -> None:
    copied = move(turn(make_dance(3, seconds=8)[60:210], 2.0), torch.tensor([4.0, -1.0, 0.3]))
    nearest = nearest_training_clips([_joints(copied)], training)
    assert float(nearest.distance_m[0]) < 1e-3
    assert int(nearest.training_clip[0]) == 3


def test_another_dance_is_far_and_clips_do_not_depend_on_each_other(
    make_dance: MakeDance, training: list[Tensor]
) -> None:
    others = [_joints(make_dance(seed, seconds=6)) for seed in (11, 12)]
    together = nearest_training_clips(others, training)
    assert float(together.distance_m.min()) > 0.03
    alone = nearest_training_clips(others[1:], training)
    assert float(alone.distance_m[0]) == pytest.approx(float(together.distance_m[1]))


def test_a_copy_a_little_late_is_nearer_by_warping_than_frame_by_frame(training: list[Tensor]) -> None:
    poses = facing_poses(training[0]).flatten(-2)
    here, late = poses[None, 10:50], poses[None, 13:53]
    assert float(warped_distance_m(here, late)) < 0.6 * float(warped_distance_m(here, late, band=0))


def test_warping_agrees_with_the_textbook_recurrence() -> None:
    first, second = normal((2, 9, 6), 0, 0, "first"), normal((3, 9, 6), 1, 0, "second")
    expected = [[_textbook(a, b, band=2) for b in second] for a in first]
    np.testing.assert_allclose(warped_distance_m(first, second, band=2), expected, rtol=1e-5)


def _textbook(first: Tensor, second: Tensor, band: int) -> float:
    local = torch.cdist(first, second).double().numpy() * (3 / first.shape[-1]) ** 0.5
    width = len(local)
    cost = np.full((width, width), np.inf)
    for i in range(width):
        for j in range(max(0, i - band), min(width, i + band + 1)):
            if i == j == 0:
                cost[i, j] = 2 * local[i, j]
                continue
            ahead = cost[i - 1, j - 1] + 2 * local[i, j] if i and j else np.inf
            aside = min(cost[i - 1, j] if i else np.inf, cost[i, j - 1] if j else np.inf) + local[i, j]
            cost[i, j] = min(ahead, aside)
    return cost[-1, -1] / (2 * width)


def test_a_pose_off_by_a_constant_is_off_by_that_many_metres() -> None:
    poses = normal((1, 12, 72), 0, 0, "poses")
    shifted = poses + torch.tensor([0.0, 0.3, 0.4]).repeat(24)
    assert float(warped_distance_m(poses, shifted, band=0)) == pytest.approx(0.5, rel=1e-3)


def test_short_clips_are_compared_over_their_own_length(make_dance: MakeDance, training: list[Tensor]) -> None:
    short = _joints(make_dance(2, seconds=8)[30:90])
    assert float(nearest_training_clips([short], training).distance_m[0]) < 1e-3
    nearest = nearest_training_clips([training[4]], [*training[:2], training[4][5:18]])
    assert int(nearest.training_clip[0]) == 2


def test_no_training_clips_are_refused(training: list[Tensor]) -> None:
    with pytest.raises(InputError, match="training clip"):
        nearest_training_clips(training, [])
