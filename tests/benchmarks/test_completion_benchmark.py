"""The completion benchmark: gaps lie where they should, the truth has no error, lost bits are noticed."""

import math
from dataclasses import replace

import pytest
import torch

from benchmarks.completion.clips import KNOWN, held_out, joint_deviation_m
from benchmarks.completion.measurement import (
    CLEAN,
    REPLACED,
    SLERP,
    TRUTH,
    difference,
    fill,
    markdown,
    numbers,
    row,
    ways,
)
from core_vimo.evidence import EVIDENCE
from core_vimo.motion import move
from core_vimo.randomness import normal
from core_vimo.rotations import FRONT, heading
from core_vimo.video_to_motion.build import VideoMotionModel
from core_vimo.video_to_motion.motion_set import StoredMotion, write_motion_set
from core_vimo.video_to_motion.network import ViMo, ViMoConfig
from core_vimo.video_to_motion.video_motion import VideoMotion
from edge_adapter.build import load_dance_model
from edge_adapter.dance_data import PairedDance, write_dance_set
from edge_adapter.long_song import SongDancer


@pytest.fixture(scope="module")
def motion_set(tmp_path_factory, invented_dance):
    folder = tmp_path_factory.mktemp("motions") / "set"
    splits = ["train", "train", "test", "test"]
    write_motion_set(
        (StoredMotion(f"m{i}", invented_dance(220, i), split=split) for i, split in enumerate(splits)), folder
    )
    return folder


@pytest.fixture(scope="module")
def dance_set(tmp_path_factory, invented_dance):
    folder = tmp_path_factory.mktemp("dances") / "set"
    beats_s = torch.arange(0, 6, 0.5, dtype=torch.float64)
    dances = [
        PairedDance(f"d{i}", invented_dance(180, i), normal((180, 35), i, "music"), beats_s, "invented", split)
        for i, split in enumerate(("train", "test"))
    ]
    write_dance_set(dances, folder, "librosa35")
    return folder


def test_clips_are_held_out_and_laid_on_one_place(motion_set):
    clips = held_out(motion_set, 30, 5)
    assert len(clips) == 5
    assert {clip.name.split()[0] for clip in clips} == {"m2", "m3"}
    for clip in clips:
        assert clip.gap == (KNOWN, KNOWN + 30)
        assert len(clip.motion) == 2 * KNOWN + 30
        assert clip.motion.root_m[KNOWN - 1, :2].norm() < 1e-6
        assert float(heading(clip.motion.rotations[KNOWN - 1, 0])) == pytest.approx(FRONT, abs=1e-5)
    assert held_out(motion_set, 120, 5) == []


def test_every_way_is_measured_and_the_truth_is_perfect(motion_set, tiny_bundle):
    model = load_dance_model(tiny_bundle)
    dancer = SongDancer(model.backbone, model.codec, model.schedule, steps=2)
    clips, deviation_m = held_out(motion_set, 15, 2), joint_deviation_m(motion_set)
    filled = {
        name: fill(way, clips, deviation_m, 0)
        for name, way in ways(dancer, 2, knows_clean=False, music=False).items()
        if name in (REPLACED, SLERP, TRUTH)
    }
    rows = {name: row(found, 0) for name, found in filled.items()}
    apart = difference(filled[REPLACED], filled[SLERP], 0)
    for name in ("npss", "l2p", "border_jerk"):
        assert apart[name].value == pytest.approx(rows[REPLACED][name].value - rows[SLERP][name].value, rel=1e-4)
    assert rows[TRUTH]["l2p"].value == rows[TRUTH]["npss"].value == 0
    assert rows[SLERP]["l2q"].value > 0
    assert math.isnan(rows[SLERP]["diversity_m"].value)
    assert numbers(rows)[SLERP]["diversity_m"]["value"] is None
    assert markdown(rows).count("\n") == 5


def test_clean_frames_songs_and_videos_are_ways_where_there_are_such(motion_set, tiny_bundle):
    model = load_dance_model(tiny_bundle)
    dancer = SongDancer(model.backbone, model.codec, model.schedule, steps=2)
    network = ViMo(ViMoConfig(latent=16, feed_forward=32, blocks=1, heads=2)).eval()
    watcher = VideoMotion(VideoMotionModel(network, model.codec, model.schedule, "random"), steps=2)
    few = ways(dancer, 1, knows_clean=False, music=False)
    more = ways(dancer, 1, knows_clean=True, music=True, watcher=watcher)
    assert {CLEAN, "default, to its song", "default, like its video"} < set(more) - set(few)
    clip = held_out(motion_set, 15, 1)[0]
    assert clip.music is None
    told = clip.filmed(0)
    assert told.shape == (1, len(clip.motion), EVIDENCE) and torch.equal(told, clip.filmed(0))
    assert not torch.equal(told, clip.filmed(1))
    for name in (CLEAN, "default, like its video"):
        (made,) = more[name](clip, 0)
        assert not torch.equal(made.rotations[KNOWN], clip.motion.rotations[KNOWN])


def test_music_is_as_the_model_is_told_of_it(dance_set):
    clip, plain = (held_out(dance_set, 15, 1, extractor)[0] for extractor in ("librosa35+beats", "librosa35"))
    assert clip.music.shape == (len(clip.motion), 38) and plain.music.shape == (len(clip.motion), 35)
    assert held_out(dance_set, 15, 1, "jukebox")[0].music is None


def test_a_way_that_moves_what_is_known_is_not_measured(motion_set):
    clips = held_out(motion_set, 15, 1)
    with pytest.raises(AssertionError, match="root_m"):
        fill(lambda clip, seed: [move(clip.motion, torch.tensor([0.0, 0.0, 1e-3]))], clips, torch.ones(24, 3), 0)
    kept = replace(clips[0].motion, root_m=clips[0].motion.root_m.clone())
    assert fill(lambda clip, seed: [kept], clips, torch.ones(24, 3), 0)[0].numbers["l2p"] == 0
