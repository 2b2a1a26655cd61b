"""A style taught in two ways: what is learned is not measured against, and each number tells what it says."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.fit_to_song.excerpts import paired_excerpts
from benchmarks.styles.classifier import StyleClassifier
from benchmarks.styles.domains import Style, measured, windows_of, write_clips
from benchmarks.styles.measurement import _change, _step
from benchmarks.styles.systems import told
from core_vimo.clip_set import ClipSet
from core_vimo.errors import InputError
from core_vimo.motion import Motion, resample
from core_vimo.randomness import normal
from edge_adapter.dance_data import DanceSet, PairedDance, write_dance_set

FRAMES = 460


@pytest.fixture(scope="module")
def dances(tmp_path_factory, invented_dance) -> Path:
    """Three slow dances and, of another style, four that move three times as fast."""

    def paired(name: str, key: int, fast: bool, split: str) -> PairedDance:
        motion = invented_dance(3 * FRAMES if fast else FRAMES, key)
        if fast:
            motion = resample(replace(motion, fps=90.0), 30)[:FRAMES]
        music = normal((FRAMES, 35), key, "music").abs()
        return PairedDance(name, motion[: len(music)], music, torch.arange(0.2, 15, 0.5), "invented", split)

    rows = [paired(f"slow_{n}", n, False, "test" if n == 2 else "train") for n in range(3)]
    rows += [paired(f"fast_{n}", n, True, "test" if n == 3 else "train") for n in range(4)]
    folder = tmp_path_factory.mktemp("styles") / "set"
    write_dance_set(rows, folder, "librosa35")
    return folder


@pytest.fixture(scope="module")
def style(dances) -> Style:
    return Style.of(dances, "fast_*", ["fast_0", "fast_1"])


def test_what_is_learned_is_not_what_is_measured_against(style):
    assert [dance.name for dance in style.learned] == ["fast_0", "fast_1"]
    assert [dance.name for dance in style.held_out] == ["fast_2", "fast_3"]


def test_a_name_that_is_not_there_is_told(dances):
    with pytest.raises(InputError, match=r"1 of 2 clips to learn"):
        Style.of(dances, "fast_*", ["fast_0", "fast_9"])


def test_the_clips_to_learn_are_a_clip_set_whose_end_is_held_out(style, dances, tmp_path):
    write_clips(style.learned, tmp_path / "clips", dances)
    clips = ClipSet(tmp_path / "clips")
    assert (len(clips.kept("train")), len(clips.kept("test"))) == (4, 2)
    motion, features, beats_s = clips.read(int(clips.kept("test")[0]))
    assert torch.allclose(motion.root_m, style.learned[0].motion.root_m[300:450])
    assert torch.equal(features, style.learned[0].features[300:450])
    assert float(beats_s[0]) == pytest.approx(0.2 - 10)


def test_windows_are_measured_with_their_own_beats(style):
    dance = style.held_out[0]
    found = windows_of("fast", dance.motion, dance.beats_s.numpy())
    assert [round(clip.seconds, 2) for clip in found] == [5.0, 5.0, 5.0]
    alone = windows_of("cut", dance.motion[150:300], dance.beats_s.numpy() - 5)[0]
    assert found[1].numbers["beat_f1"] == pytest.approx(alone.numbers["beat_f1"])


def test_the_classifier_tells_fast_from_slow_dances_it_never_saw(style, dances):
    slow = DanceSet(dances, "train")
    known = measured([slow[i] for i, row in enumerate(slow.rows) if row["name"].startswith("slow")])
    unseen_slow = DanceSet(dances, "test")
    others = measured([unseen_slow[i] for i, row in enumerate(unseen_slow.rows) if row["name"].startswith("slow")])
    classifier = StyleClassifier(measured(style.learned), known)
    assert classifier.accuracy(measured(style.held_out), others) == 1.0
    assert classifier(measured(style.held_out)).mean() > 0.6 > 0.4 > classifier(others).mean()


def test_a_change_is_told_by_whom_the_dance_is_like_on_either_side(dances, invented_dance):
    excerpt = next(e for e in paired_excerpts(dances, "test", "librosa35", 15, 0) if e.name == "fast_3")
    without, within = invented_dance(len(excerpt), 1), invented_dance(len(excerpt), 2)
    strength = _step(excerpt)
    assert strength[0] == 0 and strength[-1] == 1 and bool((strength.diff() >= 0).all())
    changing = Motion(
        torch.where(strength[:, None, None, None] > 0.5, within.rotations, without.rotations),
        without.root_m,
        without.contacts,
    )
    found = _change(excerpt, without, within, changing)
    assert found["before, m from off"] == found["after, m from on"] == 0
    assert min(found["before, m from on"], found["after, m from off"]) > 0.01
    cut, control = found["jerk at the change over the median"], found["the same frames without a change"]
    assert cut > 2 * control and math.isfinite(cut)


def test_a_strength_is_one_more_channel_of_the_music(dances):
    excerpts = paired_excerpts(dances, "test", "librosa35", 15, 0)
    heard = told(excerpts, 0.25)[0].heard.features
    assert torch.equal(heard[:, :-1], excerpts[0].heard.features) and bool((heard[:, -1] == 0.25).all())
    ramp = torch.linspace(0, 1, len(excerpts[0]))
    assert np.array_equal(told(excerpts[:1], ramp)[0].heard.features[:, -1], ramp)
