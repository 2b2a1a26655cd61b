"""The completion benchmark: gaps lie where they should, the truth has no error, lost bits are noticed."""

import math
from dataclasses import replace

import pytest
import torch

from benchmarks.completion.clips import KNOWN, held_out, joint_deviation_m
from benchmarks.completion.measurement import difference, fill, markdown, numbers, row, ways
from core_vimo.motion import move
from core_vimo.rotations import FRONT, heading
from core_vimo.video_to_motion.motion_set import StoredMotion, write_motion_set
from edge_adapter.build import load_dance_model
from edge_adapter.long_song import SongDancer


@pytest.fixture(scope="module")
def motion_set(tmp_path_factory, invented_dance):
    folder = tmp_path_factory.mktemp("motions") / "set"
    splits = ["train", "train", "test", "test"]
    write_motion_set(
        (StoredMotion(f"m{i}", invented_dance(220, i), split=split) for i, split in enumerate(splits)), folder
    )
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
        for name, way in ways(dancer, 2, music=False, ptss=False).items()
        if name in ("ours", "slerp", "ground truth")
    }
    rows = {name: row(found, 0) for name, found in filled.items()}
    apart = difference(filled["ours"], filled["slerp"], 0)
    for name in ("npss", "l2p", "border_jerk"):
        assert apart[name].value == pytest.approx(rows["ours"][name].value - rows["slerp"][name].value, rel=1e-4)
    assert rows["ground truth"]["l2p"].value == rows["ground truth"]["npss"].value == 0
    assert rows["slerp"]["l2q"].value > 0
    assert math.isnan(rows["slerp"]["diversity_m"].value)
    assert numbers(rows)["slerp"]["diversity_m"]["value"] is None
    assert markdown(rows).count("\n") == 5


def test_a_way_that_moves_what_is_known_is_not_measured(motion_set):
    clips = held_out(motion_set, 15, 1)
    with pytest.raises(AssertionError, match="root_m"):
        fill(lambda clip, seed: [move(clip.motion, torch.tensor([0.0, 0.0, 1e-3]))], clips, torch.ones(24, 3), 0)
    kept = replace(clips[0].motion, root_m=clips[0].motion.root_m.clone())
    assert fill(lambda clip, seed: [kept], clips, torch.ones(24, 3), 0)[0].numbers["l2p"] == 0
