"""A teacher's motion comes with a camera that sees it where the keypoints are."""

import pytest
import torch

from core_vimo.bundle import Bundle
from core_vimo.coco_body import coco_joints_m
from core_vimo.codec import MotionCodec
from core_vimo.errors import InputError
from core_vimo.evidence import EVIDENCE, evidence
from core_vimo.footage import Footage
from core_vimo.pose2d import Pose2D
from core_vimo.randomness import generator
from core_vimo.video_to_motion.build import LifterModel
from core_vimo.video_to_motion.lifter import Lifter, LifterConfig
from core_vimo.video_to_motion.motion_set import MotionSet, write_motion_set
from core_vimo.video_to_motion.teacher import Teacher, lifted, lifter_teacher, named_teacher, seen_stretches, taught
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


@pytest.fixture
def lifter_bundle(lifter, tmp_path):
    config = {"kind": "lifter", "model": {"width": 16, "blocks": 1}, "evidence": EVIDENCE}
    Bundle(lifter.network.state_dict(), config, lifter.codec, "# Tiny\n").save(tmp_path / "lifter")
    return tmp_path / "lifter"


def test_teachers_are_found_by_name_and_by_folder(lifter_bundle, filmed, lifter):
    assert named_teacher("landmarks").travels is False and named_teacher("vimo").name.startswith("a ViMo (")
    teacher, footage = named_teacher(lifter_bundle), filmed[1]
    assert torch.equal(teacher(footage).rotations, lifter_teacher(lifter)(footage).rotations)


def test_a_teacher_that_is_none_is_told(tmp_path, tiny_bundle):
    with pytest.raises(InputError, match="no teacher 'nobody'; take vimo, landmarks or the folder"):
        named_teacher("nobody")
    with pytest.raises(InputError, match="which makes no motions of videos"):
        named_teacher(tiny_bundle)


def test_stretches_in_which_nobody_is_seen_are_left_out():
    keypoints = torch.full((300, 17, 3), 0.9)
    for unseen in (slice(0, 10), slice(60, 80), slice(120, 200), slice(220, 260)):
        keypoints[unseen] = 0.0
    footage = Footage(Pose2D(keypoints, (640, 480)), (70, 150))
    stretches = seen_stretches(footage)
    assert [(len(s), s.cuts) for s in stretches] == [(110, (60,)), (40, ())]
    assert [len(s) for s in seen_stretches(footage[200:220])] == []
    assert seen_stretches(Footage(Pose2D(torch.zeros(90, 17, 3), (640, 480)))) == []
