"""The commands as a person calls them, through `vimo`'s argument parsing of one command."""

import argparse

import av
import numpy as np
import pytest
import torch

from core_vimo.errors import InputError
from core_vimo.formats import write_motion
from core_vimo.motion import Motion, ground
from edge_adapter.audio import write_audio
from stylize.commands import render, view


@pytest.fixture
def motion_file(tmp_path):
    still = torch.zeros(12, 24, 3)
    still[:, 0, 0] = np.pi / 2
    glide = torch.linspace(0, 0.6, 12)[:, None] * torch.tensor([1.0, 0, 0])
    path = tmp_path / "glide.npz"
    write_motion(ground(Motion.from_axis_angle(still, glide)), path)
    return path


def call(command, *words):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(word) for word in words]))


def test_render_writes_the_video_beside_the_motion_and_says_so(motion_file, tmp_path, capsys):
    song = tmp_path / "hum.wav"
    write_audio(song, 0.1 * np.sin(np.arange(48000) / 20), 48000)
    assert call(render, motion_file, "--song", song, "--size", "96x128", "--workers", 1) == 0
    video = motion_file.with_suffix(".mp4")
    assert str(video) in capsys.readouterr().out
    with av.open(str(video)) as container:
        picture = container.streams.video[0]
        assert (picture.width, picture.height, picture.frames) == (96, 128, 12)
        assert container.streams.audio[0].codec_context.name == "aac"


def test_render_goes_where_it_is_told(motion_file, tmp_path):
    assert call(render, motion_file, "--size", "64x64", "--follow", "--out", tmp_path / "new" / "d.mp4") == 0
    assert (tmp_path / "new" / "d.mp4").is_file()


@pytest.mark.parametrize("named", [False, True])
def test_the_video_that_gives_the_sound_is_never_replaced(motion_file, named):
    song = motion_file.with_suffix(".mp4")
    song.write_bytes(b"a video with sound")
    with pytest.raises(InputError, match="choose another place with --out"):
        call(render, motion_file, "--song", song, *(["--out", song] if named else []))
    assert song.read_bytes() == b"a video with sound"


def test_older_pictures_and_videos_are_replaced_and_that_is_said(motion_file, tmp_path, capsys):
    for command, suffix, options in ((render, ".mp4", ("--size", "64x64")), (view, ".png", ("--poses", 1))):
        path = motion_file.with_suffix(suffix)
        for words in (str(path), f"{path} (an older file was replaced)"):
            call(command, motion_file, *options)
            assert capsys.readouterr().out.splitlines()[-1] == words


def test_a_loop_has_no_sound(motion_file, tmp_path):
    with pytest.raises(InputError, match=r"neither sound nor counts.*\.mp4"):
        call(render, motion_file, "--song", tmp_path / "song.mp3", "--out", tmp_path / "loop.webp")
    assert not (tmp_path / "loop.webp").exists()


@pytest.mark.parametrize("size", ["720", "720x", "axb", "720x720x3", "-64x64"])
def test_a_size_that_is_none_is_explained(motion_file, size):
    with pytest.raises(InputError, match="720x720"):
        call(render, motion_file, f"--size={size}")


def test_counts_need_a_song(motion_file):
    with pytest.raises(InputError, match="--song"):
        call(render, motion_file, "--counts")


def test_view_prints_facts_and_draws_the_sheet(motion_file, capsys):
    assert call(view, motion_file, "--poses", 2) == 0
    printed = capsys.readouterr().out
    assert "12 at 30 a second" in printed
    assert "0.60 m" in printed, "the way travelled"
    assert "left ankle 8%" in printed, "a gliding foot stands in the last frame only"
    assert str(motion_file.with_suffix(".png")) in printed
    assert motion_file.with_suffix(".png").is_file()


def test_view_opens_the_picture_when_asked(motion_file, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    call(view, motion_file, "--poses", 1, "--open")
    assert opened == [motion_file.with_suffix(".png").resolve().as_uri()]
