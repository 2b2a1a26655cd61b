"""A teacher that loses its way is brought back to where the keypoints say a body faces, frame by frame."""

import math

import pytest
import torch
from filmed_toy import SIZE, coco, off_px, seen_by

from core_vimo.camera import Camera
from core_vimo.footage import Footage
from core_vimo.motion import Motion, ground
from core_vimo.pose2d import Pose2D
from core_vimo.randomness import normal
from core_vimo.rotations import about_z, heading
from core_vimo.video_to_motion.camera_fit import FIELD_OF_VIEW, fit_camera
from core_vimo.video_to_motion.headings import strayed

FRAMES = 360


def walking_round(yaw: torch.Tensor, height_m: float = 1.5) -> Camera:
    """A camera 4 m away that looks to `yaw [S]` at the origin's dancer."""
    eye = torch.stack((4 * yaw.sin(), -4 * yaw.cos(), torch.full_like(yaw, height_m)), dim=-1)
    focal_px = max(SIZE) / 2 / math.tan(FIELD_OF_VIEW / 2)
    return Camera.look_at(eye, torch.tensor([[0.0, 0.0, 0.9]]).expand(len(yaw), 3), focal_px, SIZE)


def turned(motion: Motion, radians: torch.Tensor) -> Motion:
    rotations = motion.rotations.clone()
    rotations[:, 0] = about_z(radians) @ rotations[:, 0]
    return Motion(rotations, motion.root_m, motion.contacts)


def degrees_apart(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return torch.rad2deg(torch.atan2((one - other).sin(), (one - other).cos())).abs()


@pytest.fixture
def orbited(invented_dance):
    """A dance, a camera that walks round it at 25 degrees a second, and the dance as one who knows no camera has it."""
    motion = ground(invented_dance(FRAMES, 20))
    yaw = math.radians(25) * torch.arange(FRAMES) / 30
    camera = walking_round(yaw)
    return motion, camera, seen_by(motion, camera), turned(motion, -yaw)


def test_a_camera_that_is_known_to_walk_round_turns_the_body_back(orbited):
    motion, camera, footage, teachers = orbited
    fitted, _ = fit_camera(teachers, footage, camera)
    apart = degrees_apart(heading(fitted.rotations[:, 0]), heading(motion.rotations[:, 0]))
    assert degrees_apart(heading(teachers.rotations[:, 0]), heading(motion.rotations[:, 0])).median() > 90
    assert apart.median() < 1 and apart.max() < 6
    assert off_px(fitted, camera, footage).median() < 2


@pytest.mark.parametrize(("height_m", "off_deg"), [(0.7, 1.5), (1.5, 1.5), (3.0, 4.0)])
def test_a_camera_that_nobody_told_of_walks_round_too(orbited, height_m, off_deg):
    motion = orbited[0]
    camera = walking_round(math.radians(25) * torch.arange(FRAMES) / 30, height_m)
    footage = seen_by(motion, camera)
    same, found = fit_camera(motion, footage)
    assert torch.equal(same.rotations, motion.rotations)
    looks, truly = (c.R_camera_world[:, 2] for c in (found, camera))
    apart = torch.rad2deg((looks * truly).sum(-1).clamp(-1, 1).acos())
    assert apart.median() < off_deg and apart.max() < 8 + off_deg
    assert off_px(same, found, footage).median() < 3


def test_a_front_that_was_taken_for_a_back_is_turned_round(invented_dance):
    motion = ground(invented_dance(240, 21))
    camera = walking_round(torch.zeros(240))
    wrong = torch.zeros(240)
    wrong[100:170] = math.pi
    fitted, _ = fit_camera(turned(motion, wrong), seen_by(motion, camera), camera)
    apart = degrees_apart(heading(fitted.rotations[:, 0]), heading(motion.rotations[:, 0]))
    assert (apart < 10).float().mean() > 0.75 and apart[125:145].max() < 10


def test_a_leap_that_nobody_saw_turns_nobody_who_was_seen(invented_dance):
    motion = ground(invented_dance(300, 24))
    camera = walking_round(torch.zeros(300))
    keypoints = seen_by(motion, camera).pose.keypoints.clone()
    keypoints[110:190] = 0
    wrong = torch.where(torch.arange(300) < 150, 0.0, math.pi)
    fitted, _ = fit_camera(turned(motion, wrong), Footage(Pose2D(keypoints, SIZE)), camera)
    apart = degrees_apart(heading(fitted.rotations[:, 0]), heading(motion.rotations[:, 0]))
    assert apart[:90].max() < 2 and apart[210:].max() < 2


def test_noise_and_unseen_seconds_are_bridged(orbited):
    motion, camera, footage, teachers = orbited
    keypoints = footage.pose.keypoints.clone()
    keypoints[..., :2] += 8 * normal((FRAMES, 17, 2), 22)
    keypoints[150:200] = 0
    fitted, _ = fit_camera(teachers, Footage(Pose2D(keypoints, SIZE)), camera)
    apart = degrees_apart(heading(fitted.rotations[:, 0]), heading(motion.rotations[:, 0]))
    assert apart.median() < 3 and apart.max() < 20


def test_where_too_little_was_seen_nobody_is_turned(invented_dance):
    motion = invented_dance(90, 23)
    camera = walking_round(torch.zeros(1))
    seen = torch.zeros(90, 17, 3, dtype=torch.float64)
    seen[:, :4] = 1.0
    found = strayed(coco(motion).double(), seen, camera.intrinsics.double(), camera.R_camera_world.double())
    assert torch.equal(found, torch.zeros(90, dtype=torch.float64))
