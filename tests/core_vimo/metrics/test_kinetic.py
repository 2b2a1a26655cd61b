import math

import pytest
import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.metrics.frechet import Standardiser, frechet_distance
from core_vimo.metrics.kinetic import KINETIC_FPS, Acceleration, kinetic_features
from core_vimo.randomness import normal


def _path(positions: Tensor) -> Tensor:
    """One path `[S, 3]` for all 24 joints."""
    return positions[:, None, :].expand(-1, 24, 3)


def test_a_steady_glide_has_its_energies_and_no_acceleration() -> None:
    time_s = torch.arange(90, dtype=torch.float64) / KINETIC_FPS
    glide = _path(torch.stack((3 * time_s, 2 * time_s, 4 * time_s), dim=-1))
    per_joint = kinetic_features(glide, "fixed").reshape(24, 3)
    torch.testing.assert_close(per_joint[:, 0], torch.full((24,), 25.0, dtype=torch.float64))
    torch.testing.assert_close(per_joint[:, 1], torch.full((24,), 4.0, dtype=torch.float64))
    assert per_joint[:, 2].abs().max() < 1e-9


def test_a_fall_accelerates_by_g() -> None:
    time_s = torch.arange(60, dtype=torch.float64) / KINETIC_FPS
    height = -0.5 * 9.81 * time_s**2
    fall = _path(torch.stack((torch.zeros_like(height), height, torch.zeros_like(height)), dim=-1))
    torch.testing.assert_close(kinetic_features(fall, "fixed")[2::3], torch.full((24,), 9.81, dtype=torch.float64))


def test_moving_the_clip_changes_the_published_features_and_not_the_fixed_ones() -> None:
    joints = normal((80, 24, 3), 0, 0, "joints").cumsum(dim=0).double() * 0.01
    moved = joints + torch.tensor([1.0, 0.0, 0.0])
    torch.testing.assert_close(kinetic_features(moved, "fixed"), kinetic_features(joints, "fixed"))
    published = kinetic_features(moved)[2::3] - kinetic_features(joints)[2::3]
    assert published.abs().min() > 100


def test_moving_the_generated_clips_changes_fid_k_and_not_fid_k_fixed() -> None:
    clips = (normal((16, 60, 24, 3), 0, 0, "clips").double() * 0.01).cumsum(dim=1)
    pool, generated = clips[:8], clips[8:]
    moved = generated + torch.tensor([0.0, 0.0, 2.0])
    assert _fid(moved, pool, "fixed") == pytest.approx(_fid(generated, pool, "fixed"), rel=1e-6)
    assert _fid(moved, pool, "published") > 10 * _fid(generated, pool, "published")


def _fid(generated: Tensor, pool: Tensor, acceleration: Acceleration) -> float:
    features = kinetic_features(pool, acceleration)
    scale = Standardiser.of(features)
    return float(frechet_distance(scale(kinetic_features(generated, acceleration)), scale(features)))


def test_relabelling_30_fps_as_60_makes_true_energies_and_accelerations_four_times_too_large() -> None:
    time_s = torch.arange(600, dtype=torch.float64) / KINETIC_FPS
    swing = _path(torch.stack([0.3 * torch.sin(0.5 * math.pi * time_s + phase) for phase in range(3)], dim=-1))
    ratio = kinetic_features(swing[::2], "fixed") / kinetic_features(swing, "fixed")
    torch.testing.assert_close(ratio, torch.full_like(ratio, 4.0), rtol=0.03, atol=0)
    published = kinetic_features(swing[::2])[2::3] / kinetic_features(swing)[2::3]
    torch.testing.assert_close(published, torch.ones_like(published), rtol=0.03, atol=0)


def test_a_batch_gives_what_its_clips_give_alone() -> None:
    joints = normal((2, 3, 40, 24, 3), 1, 0, "joints")
    torch.testing.assert_close(kinetic_features(joints)[1, 2], kinetic_features(joints[1, 2]))


def test_two_frames_are_refused() -> None:
    with pytest.raises(InputError, match="at least 3 frames"):
        kinetic_features(torch.zeros(2, 24, 3))
