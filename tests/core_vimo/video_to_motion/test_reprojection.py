"""Reprojection: exact through cameras of its own kind, blind to what they do, not to what the body does."""

import pytest
import torch
from torch import Tensor

from core_vimo.camera import Camera
from core_vimo.coco_body import coco_joints_m
from core_vimo.errors import InputError
from core_vimo.footage import Footage
from core_vimo.motion import Motion, smooth, turn
from core_vimo.pose2d import Pose2D
from core_vimo.randomness import normal
from core_vimo.rotations import about_z
from core_vimo.video_to_motion.reprojection import STANDING_M, reproject


def _seen(motion: Motion, yaw: float, pitch: float, px_per_m: Tensor | float, offset: Tensor | float = 300.0) -> Tensor:
    """Keypoints of a scaled orthographic camera `[S, 17, 3]`, all seen."""
    turned = coco_joints_m(motion.rotations, motion.root_m) @ about_z(yaw)
    sin, cos = torch.tensor(pitch).sin(), torch.tensor(pitch).cos()
    across, away, up = turned.unbind(-1)
    picture = torch.stack((across, -cos * up - sin * away), dim=-1)
    scale = torch.as_tensor(px_per_m).expand(len(motion))[:, None, None]
    xy = scale * picture + torch.as_tensor(offset).expand(len(motion), 2)[:, None]
    return torch.cat((xy, torch.ones(len(motion), 17, 1)), dim=-1)


def _footage(keypoints: Tensor, cuts: tuple[int, ...] = ()) -> Footage:
    return Footage(Pose2D(keypoints, (640, 640)), cuts)


@pytest.mark.parametrize(("yaw", "pitch"), [(0.0, 0.0), (0.4, 0.2), (-2.5, 0.9), (3.1, -0.3)])
def test_a_scaled_orthographic_view_is_found_exactly_however_it_pans(invented_dance, yaw, pitch):
    motion = invented_dance(90, 1)
    pan = 300 + normal((90, 2), 1, "pan").cumsum(0) * 20
    seen = reproject(motion, _footage(_seen(motion, yaw, pitch, 180.0, pan)))
    assert seen.error_px.max() < 0.02 and seen.mean_px < 0.002
    assert torch.cos(seen.yaw - yaw) > 1 - 1e-6 and abs(seen.pitch - pitch) < 1e-3
    assert torch.allclose(seen.px_per_m, torch.tensor(180.0), rtol=1e-4)


def test_each_shot_has_a_camera_of_its_own(invented_dance):
    motion = invented_dance(120, 2)
    shots = [_seen(motion[:50], 0.3, 0.1, 150.0), _seen(motion[50:], -1.2, 0.4, 320.0, 100.0)]
    seen = reproject(motion, _footage(torch.cat(shots), cuts=(50,)))
    assert seen.error_px.max() < 0.02
    assert torch.allclose(seen.yaw, torch.tensor([0.3, -1.2]), atol=1e-3)
    together = reproject(motion, _footage(torch.cat(shots)))
    assert together.mean_px > 5


def test_who_is_seen_on_the_hands_while_the_motion_stands_has_an_error_that_is_a_number(invented_dance):
    """No scale but 0 suits a body that is upside down; a share of that height would be infinite."""
    motion = invented_dance(120, 5)
    keypoints = _seen(motion, 0.3, 0.0, 200.0)
    keypoints[80:, :, 1] *= -1
    seen = reproject(motion, _footage(keypoints))
    assert (seen.px_per_m == 0).any()
    assert 0 < seen.of_height < 10


def test_a_slow_zoom_costs_little_and_a_body_that_shrinks_for_a_moment_much(invented_dance):
    motion = invented_dance(120, 3)
    zoom = reproject(motion, _footage(_seen(motion, 0.2, 0.1, torch.linspace(150, 300, 120))))
    assert zoom.of_height < 0.005
    flicker = torch.full((120,), 200.0)
    flicker[60] = 120.0
    assert reproject(motion, _footage(_seen(motion, 0.2, 0.1, flicker))).error_px[60].mean() > 10


def test_the_error_is_that_of_the_keypoints_moved(invented_dance):
    motion = invented_dance(90, 4)
    keypoints = _seen(motion, 0.0, 0.0, 200.0)
    keypoints[:, 9, 0] += 17.0
    keypoints[:, 9, 2] = 0.31
    seen = reproject(motion, _footage(keypoints))
    assert seen.error_px[:, 9].mean() == pytest.approx(17, abs=2)
    assert seen.of_height == pytest.approx(seen.mean_px / (200 * STANDING_M), rel=0.05)


def test_unseen_joints_weigh_nothing_and_have_no_error(invented_dance):
    motion = invented_dance(90, 5)
    keypoints = _seen(motion, 0.5, 0.1, 200.0)
    keypoints[:, 5:9] = torch.tensor([-999.0, 5.0, 0.2])
    keypoints[40:60, :, 2] = 0
    seen = reproject(motion, _footage(keypoints))
    assert seen.error_px[:, 5:9].isnan().all() and seen.error_px[40:60].isnan().all()
    assert seen.mean_px < 0.01
    assert seen.xy.isfinite().all()


def test_another_motion_fits_worse_and_no_turn_changes_the_error(invented_dance):
    motion, other = invented_dance(90, 6), invented_dance(90, 7)
    footage = _footage(_seen(motion, 0.5, 0.1, 200.0))
    assert reproject(other, footage).mean_px > 5
    assert reproject(smooth(motion, 0.05), footage).mean_px < 1
    mean = reproject(other, footage).mean_px
    assert reproject(turn(other, 1.0), footage).mean_px == pytest.approx(mean, rel=1e-3)


def test_a_true_perspective_camera_far_away_fits_within_a_hundredth_of_the_height(invented_dance):
    motion = invented_dance(90, 8)
    camera = Camera.look_at(torch.tensor([[1.0, -8.0, 1.6]]), torch.tensor([[0.0, 0.0, 0.9]]), 900.0, (640, 640))
    xy = camera.project(coco_joints_m(motion.rotations, motion.root_m)).xy
    assert reproject(motion, _footage(torch.cat((xy, torch.ones(90, 17, 1)), -1))).of_height < 0.01


def test_nobody_seen_is_no_error_at_all(invented_dance):
    motion = invented_dance(60, 9)
    keypoints = torch.cat((_seen(motion[:30], 0.1, 0.0, 200.0), torch.zeros(30, 17, 3)))
    seen = reproject(motion, _footage(keypoints, cuts=(30,)))
    assert seen.mean_px < 0.01 and seen.xy[30:].isnan().all()


def test_motion_and_footage_of_other_lengths_are_refused(invented_dance):
    with pytest.raises(InputError, match="59 frames"):
        reproject(invented_dance(59, 0), _footage(torch.zeros(60, 17, 3)))
