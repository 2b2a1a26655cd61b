"""A teacher's motion comes with a camera that sees it where the keypoints are."""

import pytest
import torch

from core_vimo.coco_body import coco_joints_m
from core_vimo.codec import MotionCodec
from core_vimo.evidence import evidence
from core_vimo.footage import Footage
from core_vimo.pose2d import Pose2D
from core_vimo.randomness import generator
from core_vimo.video_to_motion.build import LifterModel
from core_vimo.video_to_motion.lifter import Lifter, LifterConfig
from core_vimo.video_to_motion.motion_set import MotionSet, write_motion_set
from core_vimo.video_to_motion.teacher import Teacher, lifted, lifter_teacher, taught
from core_vimo.virtual_cameras import facing_camera, film


@pytest.fixture
def filmed(invented_dance):
    motion = invented_dance(100, 3)
    seen = film(coco_joints_m(motion.rotations, motion.root_m), generator(4), "moving")
    return motion, Footage(Pose2D(seen.keypoints, seen.size), source="two steps.poses.json"), seen.camera


@pytest.fixture
def lifter(invented_dance):
    torch.manual_seed(0)
    network = Lifter(LifterConfig(width=16, blocks=1)).eval()
    return LifterModel(network, MotionCodec.fit([invented_dance(300, 0)], any_heading=True), "none")


@pytest.mark.parametrize("known", [True, False])
def test_a_perfect_teacher_is_seen_where_the_keypoints_are(filmed, known):
    motion, footage, camera = filmed
    teacher = Teacher("truth", lambda footage: facing_camera(motion, camera))
    stored = taught(footage, teacher, camera if known else None)
    assert (stored.name, stored.source, stored.split) == ("two steps", "two steps.poses.json", "train")
    views = stored.views
    assert torch.equal(views.keypoints[0], footage.pose.keypoints) and views.sizes.tolist() == [list(footage.pose.size)]
    xy = views.camera(0).project(coco_joints_m(stored.motion.rotations, stored.motion.root_m)).xy
    seen = footage.pose.confidence > 0.5
    off = (xy - footage.pose.xy).norm(dim=-1)[seen].median()
    height = (footage.pose.xy[..., 1].amax(1) - footage.pose.xy[..., 1].amin(1)).median()
    assert off < 0.04 * height


def test_a_lifter_teaches_and_its_lesson_is_stored(filmed, lifter, tmp_path):
    _, footage, camera = filmed
    stored = taught(footage, lifter_teacher(lifter), camera)
    assert torch.equal(stored.motion.contacts, lifted(lifter, evidence(footage)[None]).contacts)
    write_motion_set([stored], tmp_path / "set")
    again = MotionSet(tmp_path / "set")[0]
    assert torch.equal(again.motion.root_m, stored.motion.root_m)
    assert torch.equal(again.views.R_camera_world[0], camera.R_camera_world)


def test_contacts_of_a_teacher_on_the_spot_are_those_of_the_path_that_is_found(filmed):
    motion, footage, camera = filmed
    spot = facing_camera(motion, camera)
    teacher = Teacher("spot", lambda footage: type(spot)(spot.rotations, 0 * spot.root_m, spot.contacts), travels=False)
    stored = taught(footage, teacher)
    assert not torch.equal(stored.motion.contacts, spot.contacts)
