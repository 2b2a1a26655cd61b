"""A clip set is read as it was written, window by window, and what is wrong with one is said in a sentence."""

import json

import numpy as np
import pytest
import torch

from core_vimo.camera import Camera
from core_vimo.clip_set import (
    INDEX,
    OVERRULES,
    WINDOW,
    WINDOWS,
    Clip,
    ClipSet,
    write_clip_index,
    write_music,
    write_take,
)
from core_vimo.errors import InputError
from core_vimo.footage import Footage
from core_vimo.motion_store import write_motion_tensors
from core_vimo.pose2d import Pose2D
from core_vimo.randomness import normal
from core_vimo.video_to_motion.motion_set import Views

FRAMES = 40


@pytest.fixture
def folder(tmp_path, invented_dance):
    """Two clips of 90 frames, the first with two takes; windows of 40 frames."""
    rows = []
    clips = [Clip("a", "00", "video", "its own", 90, 2), Clip("b", "11", "motion", "none", 90, 1, "test")]
    for number, clip in enumerate(clips):
        item = tmp_path / "items" / clip.name
        item.mkdir(parents=True)
        for take in range(clip.takes):
            write_take(invented_dance(90, 10 * number + take), item, take)
            rows += [(number, take, start, start != 20, 3 * (start == 20), number, (1,) * 5) for start in (0, 20, 40)]
        write_music(normal((90, 35), number, "music"), torch.tensor([0.5, 1.0, 2.5]), item)
    write_clip_index(tmp_path, clips, np.array(rows, WINDOW), FRAMES, "librosa35")
    return tmp_path


def test_a_window_is_the_stretch_of_its_take_and_of_its_music(folder, invented_dance):
    clips = ClipSet(folder)
    motion, features, beats_s = clips.read(5)
    assert [clips.clips[0].name, len(clips), clips.extractor] == ["a", 9, "librosa35"]
    assert torch.equal(motion.rotations, invented_dance(90, 1).rotations[40:80])
    assert torch.equal(features, normal((90, 35), 0, "music")[40:80])
    assert torch.allclose(beats_s, torch.tensor([0.5, 1.0, 2.5], dtype=torch.float64) - 40 / 30)


def test_only_what_was_kept_is_learned_from_each_split_its_own(folder):
    clips = ClipSet(folder)
    assert clips.kept("train").tolist() == [0, 2, 3, 5]
    assert clips.kept("test").tolist() == [6, 8]


def test_a_person_overrules_a_verdict_either_way_but_not_where_a_window_lies_across_the_border(folder):
    (folder / OVERRULES).write_text(json.dumps({"a/0/20": True, "b/0/40": False, "gone/0/0": True, "a/1/20": True}))
    windows = np.load(folder / WINDOWS)
    windows["split"][4] = -1
    np.save(folder / WINDOWS, windows)
    clips = ClipSet(folder)
    assert clips.kept("train").tolist() == [0, 1, 2, 3, 5]
    assert clips.kept("test").tolist() == [6]


@pytest.mark.parametrize("said", ['["a"]', '{"a/0": true}', '{"a/0/x": true}', '{"a/0/0": 1}', "3"])
def test_overrules_that_say_anything_else_are_refused(folder, said):
    (folder / OVERRULES).write_text(said)
    with pytest.raises(InputError, match=r"overrules\.json.*remove it"):
        ClipSet(folder)


def test_a_million_windows_are_mapped_and_not_read(tmp_path):
    windows = np.zeros(1_000_000, WINDOW)
    windows["start"] = np.arange(len(windows))
    write_clip_index(tmp_path, [Clip("a", "0", "motion")], windows, FRAMES, "librosa35")
    clips = ClipSet(tmp_path)
    assert isinstance(clips.windows, np.memmap)
    assert clips.windows.mode == "r"
    assert clips.windows[777_777]["start"] == 777_777
    assert (tmp_path / WINDOWS).stat().st_size < 40e6


def test_the_index_runs_no_pickles(folder):
    np.save(folder / WINDOWS, np.array([{"a": 1}] * 9, object), allow_pickle=True)
    with pytest.raises(InputError, match=r"windows\.npy"):
        ClipSet(folder)


@pytest.mark.parametrize("name", ["../b", "a/b", "..", ""])
def test_names_that_lead_elsewhere_are_refused(folder, name):
    index = json.loads((folder / INDEX).read_text())
    index["clips"][0]["name"] = name
    (folder / INDEX).write_text(json.dumps(index))
    with pytest.raises(InputError, match="outside the clips"):
        ClipSet(folder)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", 2, "another version"),
        ("windows", 8, "doesn't hold the 8 windows"),
        ("window_frames", "150", "damaged"),
        ("clips", [3], "damaged"),
        ("clips", [{"name": "a"}], "damaged"),
    ],
)
def test_a_damaged_index_is_refused(folder, key, value, message):
    index = json.loads((folder / INDEX).read_text())
    (folder / INDEX).write_text(json.dumps(index | {key: value}))
    with pytest.raises(InputError, match=message):
        ClipSet(folder)


def test_a_folder_without_clips_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="holds no clips; collect some with `vimo style add`"):
        ClipSet(tmp_path)


@pytest.mark.parametrize("file", ["items/a/take0.safetensors", "items/a/music.safetensors"])
def test_a_damaged_item_is_named(folder, file):
    (folder / file).write_bytes(b"nothing of use")
    with pytest.raises(InputError, match=f"{file}: cannot be read"):
        ClipSet(folder).read(0)


def test_an_item_shorter_than_its_windows_is_named(folder, invented_dance):
    write_take(invented_dance(30, 0), folder / "items" / "a", 0)
    with pytest.raises(InputError, match=r"take0\.safetensors.*vimo style add"):
        ClipSet(folder).read(0)


def test_views_of_a_filmed_take_are_read_by_windows(folder, invented_dance):
    camera = Camera.look_at(normal((90, 3), "eye") + 5, torch.zeros(90, 3), 900.0, (640, 480))
    keypoints = torch.cat((100 * normal((90, 17, 2), "points"), torch.full((90, 17, 1), 0.7)), dim=-1)
    views = Views.of(Footage(Pose2D(keypoints, (640, 480)), (50,)), camera)
    write_take(invented_dance(90, 1), folder / "items" / "a", 1, views)
    clips = ClipSet(folder)
    assert clips.views(0) is None and clips.clip_of(5).name == "a"
    seen = clips.views(5)
    assert seen is not None and torch.equal(seen.keypoints[0], keypoints[40:80])
    assert seen.cuts_of(0).nonzero()[:, 0].tolist() == [10]
    assert torch.equal(seen.camera(0).t_camera_m, camera.t_camera_m[40:80])
    assert torch.equal(clips.read(5)[0].rotations, invented_dance(90, 1).rotations[40:80])


def test_damaged_views_are_told(folder, invented_dance):
    motion = invented_dance(90, 1)
    write_motion_tensors(motion, folder / "items" / "a" / "take1.safetensors", {"keypoints": torch.zeros(1, 90, 17, 3)})
    with pytest.raises(InputError, match=r"take1\.safetensors: its views don't fit .* `vimo style add`"):
        ClipSet(folder).views(5)
