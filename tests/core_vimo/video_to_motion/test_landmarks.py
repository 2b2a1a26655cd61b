"""Places in space, as an estimator says them, become the body that stood there."""

import pytest
import torch
from filmed_toy import off_px, seen_by, standing_at

from core_vimo.coco_body import coco_joints_m
from core_vimo.errors import InputError
from core_vimo.footage import Footage
from core_vimo.motion import Motion, ground
from core_vimo.pose2d import Pose2D
from core_vimo.randomness import normal
from core_vimo.rotations import about_z, axis_angle_to_matrix, heading
from core_vimo.video_to_motion.landmarks import posed_by_landmarks
from core_vimo.video_to_motion.teacher import landmark_teacher, taught


def guessed(motion: Motion, pitch: float = 0.0, error_m: float = 0.0, cuts: tuple[int, ...] = ()) -> Footage:
    """What an estimator would say of it through a camera that looks along +y and down by `pitch` radians."""
    points = coco_joints_m(motion.rotations, motion.root_m)
    points = points - points[:, 11:13].mean(1, keepdim=True) + error_m * normal(tuple(points.shape), 1)
    x, away, up = (points @ axis_angle_to_matrix(torch.tensor([-pitch, 0.0, 0.0]))).unbind(-1)
    seen = seen_by(motion, standing_at(0.0, 4.0, 1.0, 1), cuts=cuts)
    return Footage(seen.pose, cuts, "a film.mp4", torch.stack((x, -up, away), dim=-1))


def turned_by(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Degrees between two directions of the floor."""
    off = a - b
    return torch.rad2deg(torch.atan2(off.sin(), off.cos())).abs()


def shape_m(motion: Motion) -> torch.Tensor:
    """Joints around the pelvis, the body turned to the front."""
    joints = motion.joints_m() - motion.root_m[:, None]
    return joints @ about_z(-heading(motion.rotations[:, 0])).mT


@pytest.mark.parametrize("pitch", [-0.3, 0.0, 0.4])
def test_a_body_comes_back_however_the_camera_was_tilted(invented_dance, pitch):
    motion = invented_dance(60, 1)
    posed = posed_by_landmarks(guessed(motion, pitch))
    assert posed.root_m.abs().max() == 0
    apart = (shape_m(posed) - shape_m(motion)).norm(dim=-1)
    assert apart[:, [4, 5, 7, 8, 16, 17, 18, 19, 20, 21]].mean() < 0.1  # how the trunk bends isn't told
    level = posed_by_landmarks(guessed(motion)).rotations
    torch.testing.assert_close(posed.rotations, level, atol=1e-3, rtol=0)
    assert turned_by(heading(posed.rotations[:, 0]), heading(motion.rotations[:, 0])).mean() < 8


def test_unseen_frames_are_bridged_and_shots_without_anyone_hold_the_nearest_pose(invented_dance):
    motion = invented_dance(90, 2)
    footage = guessed(motion, cuts=(30, 60))
    for stretch in (slice(10, 14), slice(30, 60)):
        footage.pose.keypoints[stretch] = 0.0
        footage.world_m[stretch] = 0.0
    posed = posed_by_landmarks(footage)
    whole = posed_by_landmarks(guessed(motion, cuts=(30, 60)))
    assert (shape_m(posed) - shape_m(whole))[8:16].norm(dim=-1).max() < 0.05
    assert torch.equal(posed.rotations[30:45], posed.rotations[29:30].expand(15, -1, -1, -1))
    assert torch.equal(posed.rotations[45:60], posed.rotations[60:61].expand(15, -1, -1, -1))


def test_a_body_faces_on_through_a_cut(invented_dance):
    motion = invented_dance(60, 3)
    footage = guessed(motion, cuts=(30,))
    x, down, away = footage.world_m[30:].clone().unbind(-1)
    footage.world_m[30:] = torch.stack((away, down, -x), dim=-1)  # a camera that stands a quarter round
    facing = heading(posed_by_landmarks(footage).rotations[:, 0])
    assert turned_by(facing[29], facing[30]) < 0.1


def test_the_teacher_finds_the_path(invented_dance):
    motion = ground(invented_dance(90, 4))
    footage = guessed(motion, error_m=0.01)
    stored = taught(footage, landmark_teacher())
    gone, true = stored.motion.root_m - stored.motion.root_m[0], motion.root_m - motion.root_m[0]
    assert (gone - true).norm(dim=-1).mean() < 0.15
    height = (footage.pose.xy[..., 1].amax(1) - footage.pose.xy[..., 1].amin(1)).median()
    assert off_px(stored.motion, stored.views.camera(0), footage).median() < 0.05 * height


def test_keypoints_alone_are_not_enough():
    with pytest.raises(InputError, match="came without places in space"):
        posed_by_landmarks(Footage(Pose2D(torch.ones(30, 17, 3), (640, 480))))
    with pytest.raises(InputError, match="shows nobody"):
        posed_by_landmarks(Footage(Pose2D(torch.zeros(30, 17, 3), (640, 480)), world_m=torch.zeros(30, 17, 3)))
