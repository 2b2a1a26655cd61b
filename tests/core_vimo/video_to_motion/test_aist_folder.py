import json
import pickle
import shutil

import numpy as np
import pytest
import torch

from core_vimo.coco_body import coco_joints_m
from core_vimo.errors import InputError
from core_vimo.motion import ground, turn
from core_vimo.video_to_motion.aist import AistFolder
from core_vimo.video_to_motion.motion_set import MotionSet, write_motion_set

BREAK, WAACK, IGNORED = "gBR_sBM_cAll_d04_mBR0_ch02", "gWA_sFM_cAll_d27_mWA2_ch21", "gLO_sBM_cAll_d13_mLO1_ch01"


@pytest.fixture
def broken(aist_folder, tmp_path):
    """A copy to be damaged."""
    return shutil.copytree(aist_folder, tmp_path / "aist")


def test_break_is_held_out_and_the_ignored_left_out(aist_folder):
    aist = AistFolder(aist_folder)
    assert aist.sequences == [BREAK, WAACK]
    assert {clip.split for clip in aist.clips(BREAK)} == {"test"}
    assert {clip.split for clip in aist.clips(WAACK)} == {"train"}
    assert "3 motion files (1365 were published), 1 on the ignore list, 2 used" in aist.summary()


def test_aists_own_lists_split_otherwise(aist_folder):
    aist = AistFolder(aist_folder, "crossmodal")
    assert [next(aist.clips(name)).split for name in (BREAK, WAACK)] == ["train", "test"]


def test_clips_are_five_seconds_that_do_not_overlap(aist_folder, invented_dance):
    clips = list(AistFolder(aist_folder).clips(WAACK, mirrored=False))
    assert [clip.name for clip in clips] == [f"{WAACK}.1", f"{WAACK}.2"]
    whole = ground(turn(invented_dance(320, 1), 0.7))
    for number, clip in enumerate(clips):
        true = whole[150 * number : 150 * (number + 1)]
        assert clip.motion.fps == 30
        torch.testing.assert_close(clip.motion.rotations, true.rotations, atol=1e-5, rtol=0)
        torch.testing.assert_close(clip.motion.root_m[:, :2], true.root_m[:, :2], atol=1e-4, rtol=0)


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_cameras_and_motion_and_keypoints_agree(aist_folder, number):
    """Seen by a stored camera, the stored body lies where the stored keypoints are; so does its mirror image."""
    clip = list(AistFolder(aist_folder).clips(WAACK))[number]
    most_px = 15 if clip.name.endswith("+mirrored") else 1  # SMPL's left and right differ by up to 3 cm
    points_m = coco_joints_m(clip.motion.rotations, clip.motion.root_m)
    for view in range(9):
        keypoints = clip.views.keypoints[view]
        there = keypoints[..., 2] > 0
        off_px = (clip.views.camera(view).project(points_m).xy - keypoints[..., :2]).norm(dim=-1)
        assert there.any() == (view != 3)
        assert not there.any() or off_px[there].max() < most_px


def test_nan_and_undetected_and_doubtful_views_are_unseen(aist_folder):
    keypoints = next(AistFolder(aist_folder).clips(WAACK)).views.keypoints
    assert keypoints.isfinite().all()
    assert not keypoints[1, 10:15, 5].any() and keypoints[1, 10:15, 6].all()
    assert not keypoints[2, :20].any() and keypoints[2, 20:].all()
    assert not keypoints[3].any()


def test_a_view_known_to_be_out_of_time_is_unseen(aist_folder, broken):
    name = "gBR_sBM_cAll_d04_mBR0_ch01"
    for folder in ("motions", "keypoints2d"):
        shutil.copy(broken / folder / f"{BREAK}.pkl", broken / folder / f"{name}.pkl")
    (broken / "cameras" / "mapping.txt").write_text(f"{name} setting1\n")
    keypoints = next(AistFolder(broken).clips(name)).views.keypoints
    assert not keypoints[4].any() and keypoints[5].any()


def test_a_data_set_of_it_is_read_as_written(aist_folder, tmp_path):
    aist = AistFolder(aist_folder)
    clips = [clip for name in aist.sequences for clip in aist.clips(name)]
    write_motion_set(clips, tmp_path / "set")
    train, test = MotionSet(tmp_path / "set"), MotionSet(tmp_path / "set", "test")
    assert [row["name"] for row in train.rows] == [
        f"{WAACK}.1", f"{WAACK}.1+mirrored", f"{WAACK}.2", f"{WAACK}.2+mirrored"
    ]  # fmt: skip
    assert len(test) == 2 and test[0].source == BREAK
    part = train.read(0, 30, 40)
    assert torch.equal(part.views.keypoints, train[0].views.keypoints[:, 30:70])
    assert part.views.keypoints.shape == (9, 40, 17, 3)


def test_a_folder_that_is_not_aist(tmp_path, broken):
    with pytest.raises(InputError, match="holds no motions"):
        AistFolder(tmp_path)
    (broken / "ignore_list.txt").unlink()
    with pytest.raises(InputError, match=r"ignore_list\.txt: cannot be read"):
        AistFolder(broken)


def test_a_dance_without_cameras_is_named(broken):
    (broken / "cameras" / "mapping.txt").write_text(f"{BREAK} setting1\n")
    with pytest.raises(InputError, match=rf"mapping\.txt: doesn't name '{WAACK}'"):
        next(AistFolder(broken).clips(WAACK))


def test_a_mapping_cannot_lead_out_of_the_folder(broken):
    (broken / "cameras" / "mapping.txt").write_text(f"{BREAK} ../../setting1\n")
    with pytest.raises(InputError, match="every line must be a dance and its cameras' setting"):
        AistFolder(broken)


@pytest.mark.parametrize(
    "setting",
    [{}, [], [{"name": "c01"}], [{"name": "c01", "size": 3, "matrix": [], "rotation": "x", "translation": 0}]],
)
def test_broken_cameras_are_named(broken, setting):
    (broken / "cameras" / "setting2.json").write_text(json.dumps(setting))
    with pytest.raises(InputError, match=r"setting2\.json: |views, its setting"):
        next(AistFolder(broken).clips(WAACK))


@pytest.mark.parametrize(
    "content",
    [
        {"keypoints2d": np.zeros((9, 600, 17)), "det_scores": np.ones((9, 600))},
        {"keypoints2d": np.zeros((9, 600, 17, 3)), "det_scores": np.ones((9, 599))},
        {"keypoints2d": np.zeros((8, 600, 17, 3)), "det_scores": np.ones((8, 600))},
        {"keypoints2d": np.zeros((9, 600, 17, 3))},
    ],
)
def test_keypoints_of_another_shape_are_named(broken, content):
    (broken / "keypoints2d" / f"{WAACK}.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match=rf"{WAACK}\.pkl: "):
        next(AistFolder(broken).clips(WAACK))


def test_a_dance_that_cannot_be_read_is_told_and_the_others_stored(broken, tmp_path, capsys):
    from stylize.cli import main

    (broken / "motions" / f"{BREAK}.pkl").write_bytes(pickle.dumps({"smpl_poses": shutil.copytree}))
    assert main(["dataset", "aist", str(broken), "--out", str(tmp_path / "set"), "--no-mirror"]) == 0
    said = capsys.readouterr().out
    assert f"{BREAK}.pkl: wants to use shutil.copytree" in said and "1 on the ignore list, 2 used" in said
    assert len(MotionSet(tmp_path / "set")) == 2
