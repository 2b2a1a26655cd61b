"""Clips become a set: good ones whatever lies beside them, the same however often, wherever and by however many."""

import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from core_vimo.clip_set import ClipSet
from core_vimo.coco_body import coco_joints_m
from core_vimo.errors import InputError
from core_vimo.footage import read_footage
from core_vimo.formats import write_motion
from core_vimo.motion import resample
from stylize.style_clips import prepare
from stylize.style_clips.collect import CollectSettings, collect

SETTINGS = CollectSettings(samples=2, licence="CC0", source="invented")


@pytest.fixture(scope="module")
def clips(tmp_path_factory, invented_dance, poses, song):
    """Two motions (one with its song), keypoints of a video, and five files that are of no use."""
    folder = tmp_path_factory.mktemp("clips")
    write_motion(invented_dance(480, 1), folder / "long.npz")
    write_motion(invented_dance(170, 2), folder / "sung.bvh")
    shutil.copy(song, folder / "sung.wav")
    shutil.copy(poses, folder / "filmed.poses.json")
    write_motion(invented_dance(60, 3), folder / "short.npz")
    write_motion(resample(invented_dance(300, 4), 2), folder / "slow.npz")
    shutil.copy(folder / "long.npz", folder / "twin.npz")
    (folder / "broken.mp4").write_bytes(b"not a video at all")
    shutil.copy(song, folder / "pop song.wav")
    return folder


@pytest.fixture(scope="module")
def made(clips, vimo_bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("style") / "clips"
    return folder, collect([clips], folder, SETTINGS, bundle=vimo_bundle)


def digests(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


def test_good_clips_are_collected_and_every_bad_one_is_told_in_words(made):
    folder, summary = made
    assert summary.clips == 3
    assert summary.failed.keys() == {"broken", "short", "slow", "twin", "pop_song"}
    said = {name: sentence.lower() for name, sentence in summary.failed.items()}
    assert said["broken"].startswith("broken.mp4: cannot be read as a video")
    assert "short.npz: lasts 2.0 s, and a window needs 5 s" in said["short"]
    assert "slow.npz: has 2 poses a second" in said["slow"]
    assert "the same file as the clip 'long'" in said["twin"]
    assert said["pop_song"].startswith("pop song.wav: a song and no clip")
    assert not any(str(folder.parent) in sentence or "/" in sentence for sentence in summary.failed.values())


def test_a_clip_keeps_its_sound_its_takes_and_its_windows(made, invented_dance):
    folder, _ = made
    clips = ClipSet(folder)
    by_name = {clip.name: clip for clip in clips.clips}
    assert by_name["sung"].sound == "its own"
    assert by_name["long"].sound.startswith("none: rendered")
    assert [by_name[name].takes for name in ("filmed", "long", "sung")] == [2, 1, 1]
    assert by_name["long"].frames == 480
    item = [clip.name for clip in clips.clips].index("long")
    rows = np.flatnonzero(clips.windows["item"] == item)
    assert clips.windows["start"][rows].tolist() == list(range(0, 331, 15))
    motion, features, _ = clips.read(int(rows[2]))
    assert torch.allclose(
        motion.rotations[:, 1:], invented_dance(480, 1).rotations[30:180, 1:], atol=1e-4
    )  # the root is turned to the audience
    assert features.shape == (150, 35)
    assert (clips.index["licence"], clips.index["source"]) == ("CC0", "invented")


def test_a_filmed_clip_keeps_what_was_seen_in_the_world_of_each_take(made, poses):
    folder, _ = made
    clips = ClipSet(folder)
    item = [clip.name for clip in clips.clips].index("filmed")
    keypoints = read_footage(poses).pose.keypoints
    for take in (0, 1):
        rows = np.flatnonzero((clips.windows["item"] == item) & (clips.windows["take"] == take))
        window, start = int(rows[1]), int(clips.windows["start"][rows[1]])
        motion, views = clips.read(window)[0], clips.views(window)
        assert torch.equal(views.keypoints[0], keypoints[start : start + 150])
        assert views.cuts_of(0).nonzero()[:, 0].tolist() == [80 - start] and views.follows(0)
        xy = views.camera(0).project(coco_joints_m(motion.rotations, motion.root_m)).xy
        # The poses are a random model's; but where the body is, and how large, is what was seen.
        middle, seen = xy.mean((0, 1)), views.keypoints[0, ..., :2].mean((0, 1))
        assert (middle - seen).norm() < 12
    motion_rows = np.flatnonzero(clips.windows["item"] != item)
    assert clips.views(int(motion_rows[0])) is None


def test_few_clips_hold_out_their_ends(made):
    folder, summary = made
    clips = ClipSet(folder)
    long = clips.windows["item"] == [clip.name for clip in clips.clips].index("long")
    assert set(clips.windows["split"][long].tolist()) == {0, -1, 1}
    assert summary.held_out == len(clips.kept("test")) > 0
    assert not set(clips.kept("train")) & set(clips.kept("test"))


def test_every_window_is_on_the_page_which_reaches_out_to_nothing(made):
    folder, summary = made
    page = summary.page.read_text()
    clips = ClipSet(folder)
    assert page.count("<figure") == len(clips) == page.count("data:image/png;base64,")
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")
    assert all(sentence.replace("'", "&#x27;") in page for sentence in summary.failed.values())
    assert "$" not in page.split("<main>")[0]


def test_a_second_run_does_no_work(made, clips, vimo_bundle, monkeypatch):
    folder, summary = made
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    monkeypatch.setattr(prepare.Preparer, "_made", None)
    assert collect([clips], folder, SETTINGS, bundle=vimo_bundle) == summary
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_run_that_was_stopped_goes_on_and_ends_in_the_same_bytes(made, clips, vimo_bundle, tmp_path, monkeypatch):
    folder = tmp_path / "clips"
    make, seen = prepare.Preparer._made, []

    def stopped(self, item, key, aside):
        seen.append(item.name)
        if len(seen) == 4:
            (aside / "take0.safetensors").write_bytes(b"half")
            raise KeyboardInterrupt
        return make(self, item, key, aside)

    monkeypatch.setattr(prepare.Preparer, "_made", stopped)
    with pytest.raises(KeyboardInterrupt):
        collect([clips], folder, SETTINGS, bundle=vimo_bundle)
    with pytest.raises(InputError, match="holds no clips"):
        ClipSet(folder)
    (folder / "items" / ".left-writing-abc").mkdir()
    collect([clips], folder, SETTINGS, bundle=vimo_bundle)
    assert seen[4:][0] == seen[3]
    assert len(seen) == len(set(seen)) + 1
    wanted = digests(made[0])
    found = digests(folder)
    # The page is called after the style's folder.
    assert {name for name in wanted if wanted[name] != found.get(name)} <= {"page.html"}
    assert found.keys() == wanted.keys()


def test_a_clip_that_goes_leaves_the_set_and_one_that_changes_is_made_again(
    clips, vimo_bundle, invented_dance, tmp_path
):
    places, folder = tmp_path / "places", tmp_path / "clips"
    places.mkdir()
    for name in ("long.npz", "sung.bvh"):
        shutil.copy(clips / name, places)
    collect([places], folder, SETTINGS, bundle=vimo_bundle)
    kept = (folder / "items" / "long" / "windows.json").stat().st_mtime_ns
    (places / "sung.bvh").unlink()
    write_motion(invented_dance(160, 8), places / "new.npz")
    collect([places], folder, SETTINGS, bundle=vimo_bundle)
    assert [clip.name for clip in ClipSet(folder).clips] == ["long", "new"]
    assert {item.name for item in (folder / "items").iterdir()} == {"long", "new"}
    assert (folder / "items" / "long" / "windows.json").stat().st_mtime_ns == kept


def test_a_damaged_item_or_index_is_made_again(made, clips, vimo_bundle, tmp_path):
    folder = tmp_path / "clips"
    shutil.copytree(made[0], folder)
    (folder / "items" / "sung" / "windows.json").write_text("{")
    (folder / "windows.npy").write_bytes(b"")
    collect([clips], folder, SETTINGS, bundle=vimo_bundle)
    wanted, found = digests(made[0]), digests(folder)
    assert {name for name in wanted if wanted[name] != found[name]} <= {"page.html"}


def test_what_a_person_overruled_is_kept_and_shown(made, clips, vimo_bundle, tmp_path):
    folder = tmp_path / "clips"
    shutil.copytree(made[0], folder)
    (folder / "overrules.json").write_text(json.dumps({"long/0/0": False}))
    summary = collect([clips], folder, SETTINGS, bundle=vimo_bundle)
    assert summary.kept == made[1].kept - 1
    assert '{"long/0/0": false}' in summary.page.read_text()


def test_where_no_clip_is_of_use_nothing_is_left_and_the_reasons_are_given(tmp_path, vimo_bundle, invented_dance):
    places = tmp_path / "places"
    places.mkdir()
    write_motion(invented_dance(60, 3), places / "short.npz")
    with pytest.raises(InputError, match=r"none of the 1 clips can be used: short\.npz: lasts 2\.0 s"):
        collect([places], tmp_path / "style" / "clips", SETTINGS, bundle=vimo_bundle)
    assert not (tmp_path / "style" / "clips").exists()


def test_keypoints_in_which_nobody_is_seen_are_told(tmp_path, vimo_bundle, poses, invented_dance):
    places = tmp_path / "places"
    places.mkdir()
    content = json.loads(poses.read_text())
    content["keypoints"] = [[0.0] * 51 for _ in content["keypoints"]]
    (places / "empty room.poses.json").write_text(json.dumps(content))
    write_motion(invented_dance(160, 3), places / "good.npz")
    summary = collect([places], tmp_path / "clips", SETTINGS, bundle=vimo_bundle)
    assert "nobody" in summary.failed["empty_room"]
    assert summary.clips == 1


def test_a_video_of_two_pictures_a_second_is_told_before_anybody_looks_for_people(tmp_path, vimo_bundle, poses):
    places = tmp_path / "places"
    places.mkdir()
    shutil.copy(poses, places / "good.poses.json")
    with av.open(str(places / "slow.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=2)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for shade in range(14):
            grey = np.full((64, 64, 3), 10 * shade, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())
    summary = collect([places], tmp_path / "clips", SETTINGS, bundle=vimo_bundle)
    assert summary.failed["slow"].startswith("slow.mp4: has 2 pictures a second, and a movement needs 8 or more")
    assert summary.clips == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"samples": 0}, "samples must lie in 1 to 50"),
        ({"window_s": float("nan")}, "windows must last"),
        ({"stride_s": 9.0}, "a new window must begin"),
        ({"allow": ("ugly",)}, "'ugly' is no reason"),
        ({"estimator": "eyes"}, "no pose estimator 'eyes'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, said):
    with pytest.raises(InputError, match=said):
        CollectSettings(**wrong)


@pytest.mark.slow
def test_two_processes_make_the_bytes_of_one(tmp_path, clips, made, vimo_bundle):
    folder = tmp_path / "clips"
    script = tmp_path / "collecting.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom stylize.style_clips.collect import CollectSettings, collect\n"
        "places, folder, bundle = map(Path, sys.argv[1:])\n"
        "settings = CollectSettings(samples=2, licence='CC0', source='invented')\n"
        "collect([places], folder, settings, bundle=bundle)\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(script)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3]), "ACCELERATE_USE_CPU": "true"}
    subprocess.run([*command, str(clips), str(folder), str(vimo_bundle)], check=True, env=environment)
    wanted, found = digests(made[0]), digests(folder)
    assert found.keys() == wanted.keys()
    assert {name for name in wanted if wanted[name] != found[name]} <= {"page.html"}
