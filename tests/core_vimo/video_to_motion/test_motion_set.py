import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from core_vimo.coco_body import coco_joints_m
from core_vimo.errors import InputError
from core_vimo.footage import Footage
from core_vimo.formats import write_motion
from core_vimo.formats.sources import Source
from core_vimo.motion_store import data_hash
from core_vimo.pose2d import Pose2D
from core_vimo.randomness import generator
from core_vimo.video_to_motion.aist import AistFolder
from core_vimo.video_to_motion.motion_set import (
    MotionSet,
    StoredMotion,
    Views,
    mirror,
    stored_motions,
    write_motion_set,
)
from core_vimo.virtual_cameras import film


def test_what_is_written_is_read(motion_folder, invented_dance):
    motions = MotionSet(motion_folder)
    assert [row["name"] for row in motions.rows] == ["walk0", "walk1", "walk2"] and len(motions) == 3
    assert motions.seconds == pytest.approx((200 + 170 + 90) / 30)
    part = motions.read(0, 40, 30)
    assert torch.equal(part.motion.root_m, invented_dance(200, 0).root_m[40:70])
    assert part.views is None and part.source == "invented"
    assert [len(motion) for motion in MotionSet(motion_folder, "test").motions()] == [160]


def test_a_mirrored_view_twice_is_the_view(aist_folder):
    clip = next(AistFolder(aist_folder).clips("gWA_sFM_cAll_d27_mWA2_ch21"))
    twice = mirror(mirror(clip))
    for name in ("keypoints", "intrinsics", "R_camera_world", "t_camera_m"):
        torch.testing.assert_close(getattr(twice.views, name), getattr(clip.views, name))
    once = mirror(clip).views.keypoints
    left, right = 9, 10  # wrists
    torch.testing.assert_close(once[0, :, left, 0], 1920 - clip.views.keypoints[0, :, right, 0])
    torch.testing.assert_close(once[0, :, left, 1:], clip.views.keypoints[0, :, right, 1:])


def test_a_training_motion_is_stored_mirrored_too_and_a_test_motion_is_not(tmp_path, invented_dance):
    write_motion(invented_dance(120, 0), tmp_path / "walk.npz")
    source = Source(tmp_path / "walk.npz")
    names = [(stored.name, stored.split) for stored in stored_motions(source, held_out=False)]
    assert names == [("walk", "train"), ("walk+mirrored", "train")]
    assert [stored.name for stored in stored_motions(source, held_out=False, mirrored=False)] == ["walk"]
    assert [stored.split for stored in stored_motions(source, held_out=True)] == ["test"]


def test_two_of_one_name_leave_nothing_behind(tmp_path, invented_dance):
    twice = [StoredMotion("walk", invented_dance(60, 0))] * 2
    with pytest.raises(InputError, match="two motions are called so"):
        write_motion_set(twice, tmp_path / "set")
    with pytest.raises(InputError, match="no motion was given"):
        write_motion_set([], tmp_path / "set")
    assert list(tmp_path.iterdir()) == []


def test_a_data_set_of_dances_is_no_set_of_motions(motion_folder, tmp_path):
    index = json.loads((motion_folder / "index.json").read_text())
    dances = {"format": 1, "extractor": "librosa35", "dances": index["motions"]}
    (tmp_path / "index.json").write_text(json.dumps(dances))
    with pytest.raises(InputError, match=r"not a data set of motions; make one with `vimo dataset motions`"):
        MotionSet(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "not finite", "a tensor missing", "another count", "short"])
def test_damaged_views_are_named(aist_folder, tmp_path, damage):
    clip = next(AistFolder(aist_folder).clips("gWA_sFM_cAll_d27_mWA2_ch21"))
    write_motion_set([clip], tmp_path / "set")
    (file,) = (tmp_path / "set" / "motions").iterdir()
    tensors = load_file(file)
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    else:
        if damage == "not finite":
            tensors["keypoints"][0, 3, 4, 0] = torch.nan
        elif damage == "a tensor missing":
            del tensors["t_camera_m"]
        elif damage == "another count":
            tensors["sizes"] = tensors["sizes"][:5].clone()
        else:
            tensors["keypoints"] = tensors["keypoints"][:, :90].clone()
        save_file(tensors, file)
    with pytest.raises(InputError, match=r"gWA.*\.safetensors: .*make the data set again"):
        _ = MotionSet(tmp_path / "set")[0]


def test_views_of_another_length_are_refused(aist_folder, tmp_path):
    clip = next(AistFolder(aist_folder).clips("gWA_sFM_cAll_d27_mWA2_ch21"))
    short = StoredMotion("short", clip.motion[:100], clip.views)
    with pytest.raises(InputError, match="short: 150 frames of views, 100 of motion"):
        write_motion_set([short], tmp_path / "set")


def test_the_hash_tells_other_numbers(motion_folder, tmp_path, invented_dance):
    shutil.copytree(motion_folder, tmp_path / "same")
    assert data_hash(tmp_path / "same") == data_hash(motion_folder)
    write_motion_set([StoredMotion("walk0", invented_dance(200, 9))], tmp_path / "other")
    assert data_hash(tmp_path / "other") != data_hash(motion_folder)


@pytest.fixture
def filmed_dance(invented_dance):
    """A dance seen exactly by a camera that moves, in several shots."""
    motion = invented_dance(120, 3)
    seen = film(coco_joints_m(motion.rotations, motion.root_m), generator(4), "cut")
    keypoints = torch.cat((seen.true_xy, torch.full((120, 17, 1), 0.8)), dim=-1)
    cuts = tuple(seen.cuts.nonzero()[:, 0].tolist())
    views = Views.of(Footage(Pose2D(keypoints, seen.size), cuts), seen.camera, following=True)
    return StoredMotion("filmed", motion, views)


def test_views_of_moving_cameras_are_read_by_windows(filmed_dance, tmp_path):
    write_motion_set([filmed_dance], tmp_path / "set")
    views = filmed_dance.views
    assert views.cuts.any() and views.R_camera_world.ndim == 4
    whole, part = MotionSet(tmp_path / "set")[0].views, MotionSet(tmp_path / "set").read(0, 40, 30).views
    assert views.follows(0) and part.following.tolist() == [True]
    for name in ("keypoints", "sizes", "intrinsics", "R_camera_world", "t_camera_m", "cuts"):
        assert torch.equal(getattr(whole, name), getattr(views, name))
        assert torch.equal(getattr(part, name), getattr(views.frames(slice(40, 70)), name))
    assert torch.equal(part.cuts_of(0), views.cuts[0, 40:70]) and len(part.camera(0).t_camera_m) == 30


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_moving_camera_sees_the_motion_where_the_keypoints_are(filmed_dance, mirrored):
    stored = mirror(filmed_dance) if mirrored else filmed_dance
    seen = stored.views.camera(0).project(coco_joints_m(stored.motion.rotations, stored.motion.root_m))
    off = (seen.xy - stored.views.keypoints[0, ..., :2]).norm(dim=-1)
    face = torch.arange(17) < 7  # our face, hips and shoulders are not quite symmetric
    assert off[:, ~face].max() < (12 if mirrored else 0.01) and off[:, ~face].median() < (2 if mirrored else 0.01)


def test_views_without_cuts_have_none(aist_folder):
    views = next(AistFolder(aist_folder).clips("gWA_sFM_cAll_d27_mWA2_ch21")).views
    assert views.cuts is None and not views.cuts_of(0).any() and not views.follows(0)
    assert torch.equal(views.frames(slice(10, 20)).R_camera_world, views.R_camera_world)


@pytest.mark.parametrize("damage", ["cuts", "camera"])
def test_damaged_moving_views_are_named(filmed_dance, tmp_path, damage):
    write_motion_set([filmed_dance], tmp_path / "set")
    file = tmp_path / "set" / "motions" / "filmed.safetensors"
    tensors = load_file(file)
    if damage == "cuts":
        tensors["cuts"] = tensors["cuts"].float()
    else:
        tensors["R_camera_world"] = tensors["R_camera_world"][:, :50].clone()
    save_file(tensors, file)
    with pytest.raises(InputError, match=r"filmed\.safetensors: its views don't fit its motion"):
        _ = MotionSet(tmp_path / "set")[0]
