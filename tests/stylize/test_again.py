"""A dance made again from its manifest: the same, one of its takes, or with a few seconds anew."""

import json

import av
import numpy as np
import pytest
import torch

from core_vimo.formats import read_motion
from edge_adapter.audio import write_audio
from edge_adapter.sequencer import make_score, render
from stylize.cli import main

TAKES = ("take1", "take2")


@pytest.fixture(scope="module")
def long_song(tmp_path_factory):
    """Sixteen seconds, several windows."""
    track = render(make_score(2, 16.0, "pop", 120.0), 22050)
    path = tmp_path_factory.mktemp("songs") / "long.wav"
    write_audio(path, track.samples, track.rate)
    return path


@pytest.fixture(scope="module")
def dance(long_song, tiny_bundle, tmp_path_factory):
    """Runs `vimo dance` on the long song without a film; the folder it wrote."""
    place = tmp_path_factory.mktemp("dances")

    def run(name, *options):
        fixed = ["--bundle", str(tiny_bundle), "--no-video"]
        assert main(["dance", str(long_song), "--out", str(place / name), *fixed, *map(str, options)]) == 0
        return place / name

    return run


@pytest.fixture(scope="module")
def first(dance):
    return dance("first", "--steps", 3, "--seed", 4)


@pytest.fixture(scope="module")
def remade(dance, first):
    return dance("remade", "--again", first / "manifest.json", "--remake", 7)


def _motion(folder):
    return read_motion(folder / "dance.npz")


def _same(one, other, frames=slice(None)):
    return all(
        torch.equal(getattr(one, name)[frames], getattr(other, name)[frames])
        for name in ("rotations", "root_m", "contacts")
    )


def _remade_frames(folder):
    spans = json.loads((folder / "manifest.json").read_text())["remade_s"]
    inside = np.zeros(len(_motion(folder)), bool)
    for start_s, end_s in spans:
        inside[round(start_s * 30) : round(end_s * 30)] = True
    return spans, inside


def test_the_manifest_makes_the_same_dance_and_film_again(made, song, tiny_bundle, tmp_path, capsys):
    again = ["--again", str(made[0] / "manifest.json"), "--bundle", str(tiny_bundle)]
    assert main(["dance", str(song), "--out", str(tmp_path / "again"), *again]) == 0
    films = [[_pictures(folder / f"{take}.mp4") for folder in (made[0], tmp_path / "again")] for take in TAKES]
    for take, (before, after) in zip(TAKES, films, strict=True):
        assert _same(read_motion(made[0] / f"{take}.npz"), read_motion(tmp_path / "again" / f"{take}.npz"))
        assert _apart(before, after) < 0.2 * _apart(films[0][0], films[1][0]), "far less than two takes are"
    shown = capsys.readouterr().out
    assert "best take first, by its ranks in low leaps, high beat F1, low feet sliding, low jitter" in shown


def _apart(one, other):
    return np.abs(one - other).mean()


def _pictures(video):
    """`[frames, H, W, 3]`. Given the same pictures twice, libx264 writes other bytes about once in a hundred times."""
    with av.open(str(video)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]).astype(np.int16)


def test_the_film_may_be_another_one_this_time(made, song, tiny_bundle, tmp_path):
    again = ["--again", str(made[0] / "manifest.json"), "--take", "2", "--bundle", str(tiny_bundle)]
    assert main(["dance", str(song), "--out", str(tmp_path), *again, "--size", "64x96", "--no-counts"]) == 0
    assert _same(read_motion(made[0] / "take2.npz"), _motion(tmp_path))
    with av.open(str(tmp_path / "dance.mp4")) as video:
        assert (video.streams.video[0].width, video.streams.video[0].height) == (64, 96)
    noted = json.loads((tmp_path / "manifest.json").read_text())["film"]
    assert noted == {"film": True, "size": [64, 96], "follow": False, "counts": False}


def test_a_dance_without_a_film_has_none_again(first, long_song, tiny_bundle, tmp_path):
    again = ["--again", str(first / "manifest.json"), "--bundle", str(tiny_bundle)]
    assert main(["dance", str(long_song), "--out", str(tmp_path), *again]) == 0
    assert not (tmp_path / "dance.mp4").exists() and (tmp_path / "dance.npz").exists()


def test_a_part_is_danced_anew_and_all_else_keeps_its_bits(first, remade):
    spans, inside = _remade_frames(remade)
    before, after = _motion(first), _motion(remade)
    assert len(spans) == 1 and spans[0][0] < 7 < spans[0][1] and spans[0][1] - spans[0][0] == 5
    assert _same(before, after, torch.from_numpy(~inside))
    assert not torch.allclose(before.rotations[inside], after.rotations[inside], atol=1e-3)
    assert json.loads((first / "manifest.json").read_text())["remade_s"] == []


def test_the_part_joins_the_rest_without_a_jump(remade):
    """At the part's ends no joint goes farther in a frame than it goes elsewhere."""
    _, inside = _remade_frames(remade)
    steps_m = _motion(remade).joints_m().diff(dim=0).norm(dim=-1).amax(dim=-1)
    ends = np.flatnonzero(np.diff(inside.astype(int)))
    assert len(ends) == 2
    assert steps_m[ends].max() <= steps_m.quantile(0.99) * 1.5


def test_a_dance_with_parts_anew_is_made_again_bit_for_bit(remade, dance):
    assert _same(_motion(remade), _motion(dance("remade again", "--again", remade / "manifest.json")))


def test_parts_are_made_anew_one_after_the_other(first, remade, dance):
    """Another part of a dance that has one; the same part again comes out as a third one, or as the seed says."""
    both = dance("both", "--again", remade / "manifest.json", "--remake", 14, 1, "--seed", 99)
    spans, inside = _remade_frames(both)
    noted = json.loads((both / "manifest.json").read_text())["settings"]["remakes"]
    assert noted == [{"at_s": 7.0, "seed": 5}, {"at_s": 14.0, "seed": 99}, {"at_s": 1.0, "seed": 99}]
    assert [start_s <= at_s <= end_s for (start_s, end_s), at_s in zip(spans, (7, 14, 1), strict=True)] == [True] * 3
    assert _same(_motion(first), _motion(both), torch.from_numpy(~inside))
    third = dance("third", "--again", remade / "manifest.json", "--remake", 7)
    assert not _same(_motion(third), _motion(remade))
    assert _same(_motion(third), _motion(remade), torch.from_numpy(~_remade_frames(third)[1]))


def test_the_part_of_a_take_is_that_takes(made, song, tiny_bundle, tmp_path, monkeypatch):
    """Six seconds are two windows; by default it is the best take, and the folder is a new one."""
    monkeypatch.chdir(tmp_path)
    again = ["dance", str(song), "--again", str(made[0] / "manifest.json"), "--bundle", str(tiny_bundle), "--no-video"]
    for place, number in ((tmp_path / "my song_dance_remade", 1), (tmp_path / "second", 2)):
        chosen = [] if number == 1 else ["--take", "2", "--out", str(place)]
        assert main([*again, "--remake", "6", *chosen]) == 2, "the dance ends here"
        assert main([*again, "--remake", "5.9", *chosen]) == 0
        assert json.loads((place / "manifest.json").read_text())["remade_s"] == [[1.0, 6.0]]
        assert _same(read_motion(made[0] / f"take{number}.npz"), _motion(place), slice(0, 30))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--remake", "3"], "name its manifest.json with --again"),
        (["--take", "1"], "name its manifest.json with --again"),
        (["--again", "{made}/manifest.json", "--take", "3"], "takes 1 to 2"),
        (["--again", "{made}/manifest.json", "--remake", "-1"], "0 or later"),
        (["--again", "{made}/manifest.json", "--remake", "3", "--out", "{made}"], "choose another folder"),
        (["--again", "{made}/missing.json"], "missing.json: there is no such file"),
        (["--again", "{made}"], "is a folder; give the manifest.json"),
        (["--again", "{made}/take1.npz"], "not a manifest"),
    ],
)
def test_what_cannot_be_made_again_is_one_sentence(made, song, tiny_bundle, tmp_path, options, said, capsys):
    before = {path.name: path.stat().st_mtime_ns for path in made[0].iterdir()}
    options = [option.replace("{made}", str(made[0])) for option in options]
    out = [] if "--out" in options else ["--out", str(tmp_path / "out")]
    assert main(["dance", str(song), "--bundle", str(tiny_bundle), "--no-video", *out, *options]) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert {path.name: path.stat().st_mtime_ns for path in made[0].iterdir()} == before


@pytest.mark.parametrize(
    "damage",
    [
        {"film": {"size": 720}},
        {"film": {"size": [96, "96"]}},
        {"film": {"size": [96, 96], "follow": "no"}},
        {"film": {"size": [96, 96], "sound": 1}},
        {"settings": {"remakes": [{"at_s": "soon", "seed": 1}]}},
        {"settings": {"remakes": 7}},
        {"settings": {"seed": "1"}},
        {"takes": []},
        {"takes": [{"seed": None}]},
        {"settings": []},
    ],
)
def test_a_manifest_that_was_tampered_with_is_none(made, song, tiny_bundle, tmp_path, damage, capsys):
    content = json.loads((made[0] / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(content | damage))
    again = ["--again", str(tmp_path / "manifest.json"), "--bundle", str(tiny_bundle)]
    assert main(["dance", str(song), "--out", str(tmp_path / "out"), *again]) == 2
    assert "not a manifest of `vimo dance`" in capsys.readouterr().err


def test_another_song_is_not_danced_from_that_manifest(made, tmp_path, tiny_bundle, capsys):
    other = tmp_path / "other.wav"
    write_audio(other, np.zeros((22050 * 3, 1), np.float32), 22050)
    again = ["--again", str(made[0] / "manifest.json"), "--bundle", str(tiny_bundle)]
    assert main(["dance", str(other), "--out", str(tmp_path / "out"), *again]) == 2
    assert "not the song of" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_film_that_is_danced_to_is_not_replaced(made, tiny_bundle, capsys):
    video = made[0] / "take1.mp4"
    before = video.read_bytes()
    assert main(["dance", str(video), "--out", str(made[0]), "--bundle", str(tiny_bundle)]) == 2
    assert "choose another folder" in capsys.readouterr().err
    assert video.read_bytes() == before
