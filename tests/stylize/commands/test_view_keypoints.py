"""`vimo view` of keypoints and videos."""

import argparse

import numpy as np
import pytest
import torch
from PIL import Image

from core_vimo.errors import InputError
from core_vimo.footage import Footage, write_footage
from core_vimo.pose2d import Pose2D
from stylize.commands import view


def footage(frames=60, size=(640, 360)):
    keypoints = torch.zeros(frames, 17, 3)
    keypoints[..., 0], keypoints[..., 1], keypoints[..., 2] = 300, torch.linspace(20, 300, 17), 0.9
    keypoints[30:, 10, 2] = 0.1
    return Footage(Pose2D(keypoints, size), (45,))


@pytest.fixture
def poses(tmp_path):
    path = tmp_path / "clip.poses.json"
    write_footage(footage(), path)
    return path


def call(*words):
    parser = argparse.ArgumentParser()
    view.add_arguments(parser)
    return view.run(parser.parse_args([str(word) for word in words]))


def test_facts_are_printed_and_the_sheet_lies_beside_the_keypoints(poses, capsys):
    assert call(poses) == 0
    told = capsys.readouterr().out
    assert "60 at 30 a second" in told and "2, beginning at 0.0 s, 1.5 s" in told and "right wrist 50%" in told
    assert str(poses.with_suffix(".png")) in told
    assert Image.open(poses.with_suffix(".png")).size[0] > 1000


def test_keypoints_lie_over_the_video_they_were_found_in(poses, shared_data, tmp_path):
    video = shared_data / "videos" / "chaplin.mp4"
    call(poses, "--video", video, "--start", 2, "--out", tmp_path / "over.png", "--poses", 2)
    call(poses, "--out", tmp_path / "plain.png", "--poses", 2)
    over, plain = (np.asarray(Image.open(tmp_path / name), float) for name in ("over.png", "plain.png"))
    assert over.shape == plain.shape and over.std() > plain.std() + 10


def test_a_video_is_looked_at(shared_data, tmp_path, monkeypatch, capsys):
    asked = {}

    def seen(path, **excerpt):
        asked.update(excerpt, path=path)
        return footage()[:30]

    monkeypatch.setattr("core_vimo.video.watch.footage_of", seen)
    video = shared_data / "videos" / "chaplin.mp4"
    call(video, "--start", 1, "--seconds", 1, "--out", tmp_path / "clip.png", "--poses", 3)
    assert (asked["path"], asked["start_s"], asked["seconds"]) == (video, 1.0, 1.0)
    assert "person seen" in capsys.readouterr().out and (tmp_path / "clip.png").is_file()


@pytest.mark.parametrize("name", ["notes.txt", "empty.mp4", "missing.mp4", "bad.json"])
def test_what_is_neither_ends_in_a_sentence_that_names_it(tmp_path, name):
    if name != "missing.mp4":
        (tmp_path / name).write_text("" if name == "empty.mp4" else "not a motion " * 9)
    with pytest.raises(InputError, match=name.replace(".", "[.]")):
        call(tmp_path / name, "--out", tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()


def test_the_sheet_replaces_nothing_that_is_read(poses, tmp_path):
    with pytest.raises(InputError, match="choose another place"):
        call(poses, "--out", poses)
