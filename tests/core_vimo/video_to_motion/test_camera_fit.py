"""A body placed before a camera is seen where the keypoints are, and a camera nobody told of is found."""

import math

import pytest
import torch
from filmed_toy import SIZE, coco, off_px, seen_by, spot, standing_at

from core_vimo.camera import Camera
from core_vimo.errors import InputError
from core_vimo.footage import Footage
from core_vimo.motion import Motion, concatenate, ground, move, turn
from core_vimo.pose2d import Pose2D
from core_vimo.randomness import generator, normal
from core_vimo.rotations import heading
from core_vimo.video_to_motion.camera_fit import fit_camera, placed
from core_vimo.virtual_cameras import facing_camera, film


@pytest.fixture
def filmed(invented_dance):
    """A dance, seen by a moving camera in several shots without any error."""
    motion = invented_dance(150, 5)
    seen = film(coco(motion), generator(6), "cut")
    keypoints = torch.cat((seen.true_xy, torch.full((150, 17, 1), 0.9)), dim=-1)
    cuts = tuple(seen.cuts.nonzero()[:, 0].tolist())
    return motion, Footage(Pose2D(keypoints, seen.size), cuts, "a film.mp4"), seen.camera


def wandering(motion: Motion) -> Motion:
    """The same body on quite another path."""
    time = torch.arange(len(motion))[:, None] / 30
    return move(motion, torch.tensor([2.0, -1.0, 0.4]) + torch.sin(time + torch.arange(3)) * 0.5)


def test_a_displaced_body_is_put_back_also_where_it_was_unseen_or_wrongly_seen(filmed):
    motion, footage, camera = filmed
    back = placed(wandering(motion), footage, camera)
    assert torch.equal(back.rotations, motion.rotations) and torch.equal(back.contacts, motion.contacts)
    assert (back.root_m - motion.root_m).norm(dim=-1).max() < 0.02  # at the ends; 0.002 within
    keypoints = footage.pose.keypoints.clone()
    keypoints[60:75] = 0.0
    wrong = torch.rand(150, 17, generator=generator(7)) < 0.05
    keypoints[..., :2] += wrong[..., None] * 200.0
    poor = Footage(Pose2D(keypoints, footage.pose.size), footage.cuts)
    away_m = (placed(wandering(motion), poor, camera).root_m - motion.root_m).norm(dim=-1)
    assert away_m[:60].mean() < 0.03 and away_m[60:75].max() < 0.15


def test_noise_in_depth_is_smoothed_more_than_across(invented_dance):
    motion = move(invented_dance(150, 8), torch.tensor([0.0, 0.0, 0.0]))
    camera = standing_at(0.0, 5.0, 1.2, 1)
    footage = seen_by(motion, camera)
    keypoints = footage.pose.keypoints.clone()
    keypoints[..., :2] += 8 * normal((150, 17, 2), 9)
    error = placed(motion, Footage(Pose2D(keypoints, SIZE)), camera).root_m - motion.root_m
    assert error[:, [0, 2]].abs().mean() < 0.02 and error[:, 1].abs().mean() < 0.08


def test_a_motion_that_faces_elsewhere_is_turned_to_a_given_camera(filmed):
    motion, footage, camera = filmed
    teachers = turn(wandering(facing_camera(motion, camera)), math.radians(20))
    fitted, same = fit_camera(teachers, footage, camera)
    assert same is camera
    turned = heading(fitted.rotations[:, 0]) - heading(motion.rotations[:, 0])
    assert torch.atan2(turned.sin(), turned.cos()).abs().max() < math.radians(0.5)
    assert off_px(fitted, camera, footage).median() < 2


def test_a_teacher_that_loses_itself_over_a_cut_is_turned_back(filmed):
    motion, footage, camera = filmed
    cut, teachers = footage.cuts[0], facing_camera(motion, camera)
    lost = concatenate([teachers[:cut], turn(teachers[cut:], 2.0)])
    fitted, _ = fit_camera(lost, footage, camera)
    turned = heading(fitted.rotations[:, 0]) - heading(motion.rotations[:, 0])
    assert torch.atan2(turned.sin(), turned.cos()).abs().max() < math.radians(0.5)
    assert (fitted.root_m - motion.root_m).norm(dim=-1).mean() < 0.02


@pytest.mark.parametrize("yaw", [0.0, 2.0])
def test_an_unknown_camera_is_found_where_its_lens_is_as_assumed(invented_dance, yaw):
    motion = ground(invented_dance(90, 10))
    true = standing_at(yaw, 4.0, 1.6, 1)
    footage = seen_by(motion, true)
    same, camera = fit_camera(motion, footage)
    assert torch.equal(same.rotations, motion.rotations) and len(camera.t_camera_m) == 90
    apart = (camera.R_camera_world[0, 2] * true.R_camera_world[0, 2]).sum().clamp(max=1).acos()
    assert apart < math.radians(1) and (spot(camera) - spot(true)).norm(dim=-1).max() < 0.1
    assert off_px(same, camera, footage).max() < 3


def test_each_shot_has_its_own_camera_and_one_that_shows_nobody_harms_none(invented_dance):
    motion = ground(invented_dance(120, 11))
    cameras = [standing_at(yaw, away, 1.5, 40) for yaw, away in ((0.3, 4.0), (-1.0, 6.0), (1.0, 5.0))]
    true = Camera(
        cameras[0].intrinsics,
        torch.cat([camera.R_camera_world for camera in cameras]),
        torch.cat([camera.t_camera_m for camera in cameras]),
    )
    footage = seen_by(motion, true, cuts=(40, 80))
    footage.pose.keypoints[80:] = 0.0
    _, camera = fit_camera(motion, footage)
    assert (spot(camera) - spot(true))[:80].norm(dim=-1).max() < 0.15
    assert camera.t_camera_m.isfinite().all() and camera.R_camera_world.isfinite().all()


def test_before_a_camera_that_stands_still_the_picture_tells_the_path(invented_dance):
    motion = ground(invented_dance(120, 12))
    footage = seen_by(motion, standing_at(0.0, 4.0, 1.4, 1))
    on_the_spot = Motion(motion.rotations, torch.zeros(120, 3), motion.contacts)
    walked, camera = fit_camera(on_the_spot, footage, still=True)
    gone, true = walked.root_m - walked.root_m[0], motion.root_m - motion.root_m[0]
    assert (gone - true).norm(dim=-1).max() < 0.1
    assert (spot(camera) - spot(camera)[0]).abs().max() < 1e-4
    assert off_px(walked, camera, footage).max() < 3
    assert abs(float(walked.root_m[:, 2].mean() - motion.root_m[:, 2].mean())) < 0.03


def test_a_path_goes_on_through_a_cut(invented_dance):
    motion = ground(invented_dance(80, 13))
    cameras = standing_at(0.2, 4.0, 1.5, 40), standing_at(0.8, 5.0, 1.5, 40)
    true = Camera(
        cameras[0].intrinsics,
        *(torch.cat([getattr(c, name) for c in cameras]) for name in ("R_camera_world", "t_camera_m")),
    )
    walked, _ = fit_camera(motion, seen_by(motion, true, cuts=(40,)), still=True)
    assert (walked.root_m[1:] - walked.root_m[:-1]).norm(dim=-1).max() < 0.08


def test_what_can_not_be_placed_is_told(invented_dance):
    motion, camera = invented_dance(30, 14), standing_at(0.0, 4.0, 1.5, 1)
    footage = seen_by(motion, camera)
    with pytest.raises(InputError, match="20 frames, the footage 30"):
        placed(motion[:20], footage, camera)
    footage.pose.keypoints[..., 2] = 0.1
    with pytest.raises(InputError, match=r"a film\.mp4: nobody is seen clearly"):
        fit_camera(motion, footage)
