"""What keypoints tell of a teacher's errors is mended, and nothing else is touched."""

import math

import pytest
import torch

from core_vimo.camera import Camera
from core_vimo.coco_body import coco_joints_m
from core_vimo.correcting import corrected
from core_vimo.motion import Motion
from core_vimo.pose2d import COCO_NAMES
from core_vimo.randomness import normal
from core_vimo.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from core_vimo.seen import Seen
from core_vimo.skeleton import JOINT_NAMES

FRAMES, SIZE = 60, (1280, 720)
LIMBS = ("left_shoulder", "right_elbow", "left_hip", "right_knee")


def camera_at(yaw: float) -> Camera:
    eye = torch.tensor([[4 * math.sin(yaw), -4 * math.cos(yaw), 1.3]])
    return Camera.look_at(eye, torch.tensor([[0.0, 0.0, 0.9]]), 1100.0, SIZE)


def points_m(motion: Motion) -> torch.Tensor:
    return coco_joints_m(motion.rotations, motion.root_m)


def seen(motion: Motion, camera: Camera, noise_px: float = 0.0) -> Seen:
    xy = camera.project(points_m(motion)).xy + noise_px * normal((FRAMES, 17, 2), "detector")
    return Seen(torch.cat((xy, torch.ones(FRAMES, 17, 1)), dim=-1), torch.zeros(FRAMES, dtype=torch.bool), camera)


@pytest.fixture
def dance(invented_dance) -> Motion:
    motion = invented_dance(FRAMES, 30)
    return Motion(motion.rotations, motion.root_m * torch.tensor([0.2, 0.2, 1.0]), motion.contacts)


@pytest.fixture
def teachers(dance) -> Motion:
    """The dance with limbs that point elsewhere all the time."""
    rotations = dance.rotations.clone()
    for name in LIMBS:
        joint = JOINT_NAMES.index(name)
        rotations[:, joint] = rotations[:, joint] @ axis_angle_to_matrix(0.5 * normal((3,), name))
    return Motion(rotations, dance.root_m, dance.contacts)


def off_m(motion: Motion, truth: Motion) -> float:
    return float((points_m(motion) - points_m(truth)).norm(dim=-1).mean())


def test_limbs_point_where_several_views_saw_them(dance, teachers) -> None:
    views = [seen(dance, camera_at(yaw)) for yaw in (0.0, 1.6)]
    mended = corrected(teachers, views)
    # What no point tells, such as how hands and feet point, and where joints lie beside points, is left.
    assert off_m(mended, dance) < 0.25 * off_m(teachers, dance)
    assert torch.equal(mended.root_m, teachers.root_m) and torch.equal(mended.contacts, teachers.contacts)


def test_a_single_view_mends_its_picture_and_leaves_the_depth(dance, teachers) -> None:
    camera = camera_at(0.0)
    mended = corrected(teachers, [seen(dance, camera, noise_px=5.0)])
    picture, depth = (points_m(m)[..., [0, 2]] for m in (mended, teachers)), points_m(mended)[..., 1]
    off = [float((xz - points_m(dance)[..., [0, 2]]).norm(dim=-1).mean()) for xz in picture]
    assert off[0] < 0.5 * off[1]
    assert (depth - points_m(teachers)[..., 1]).abs().mean() < 0.05


def test_who_is_right_or_unseen_stays(dance) -> None:
    right = corrected(dance, [seen(dance, camera_at(0.4))])
    assert off_m(right, dance) < 1e-3
    unseen = seen(dance, camera_at(0.4))
    unseen.keypoints[..., :2] += 300
    unseen.keypoints[..., 2] = 0.1
    assert (corrected(dance, [unseen]).rotations - dance.rotations).abs().max() < 1e-4


@pytest.mark.parametrize("unseen", [("right_hip",), ("left_shoulder", "right_ear"), ("left_hip", "nose", "left_ankle")])
def test_who_is_only_elsewhere_isnt_turned_by_what_wasnt_seen(dance, unseen) -> None:
    view = seen(dance, camera_at(0.0))
    view.keypoints[:, [COCO_NAMES.index(name) for name in unseen]] = 0
    low = Motion(dance.rotations, dance.root_m - torch.tensor([0, 0, 0.1]), dance.contacts)
    mended = corrected(low, [view])
    turned = matrix_to_axis_angle(mended.rotations[:, 0].mT @ dance.rotations[:, 0]).norm(dim=-1)
    assert turned.mean() < math.radians(4)  # 24 degrees where a hip that wasn't seen stays
