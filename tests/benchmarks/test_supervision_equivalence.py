"""The study of equivalence finds what geometry says it must, and writes what it found."""

import argparse
import json
import sys

import pytest
import torch

from benchmarks.supervision import equivalence
from benchmarks.supervision.__main__ import main
from benchmarks.supervision.equivalence import AS_SET, _expected, _measured, _wrong
from core_vimo.codec import MotionCodec
from core_vimo.video_to_motion.motion_set import StoredMotion, write_motion_set


@pytest.fixture(scope="module")
def found(invented_dance):
    dances = [invented_dance(60, key) for key in range(2)]
    codec = MotionCodec.fit(dances, any_heading=True)
    return [_measured(wrong, codec, 16, 0) for wrong in _wrong(dances)]


def test_with_depth_squared_the_2d_loss_is_what_the_formula_says_of_the_3d_error(found):
    for one in found:
        assert float(one.in_2d[AS_SET].mean()) == pytest.approx(float(one.expected.mean()), rel=0.12), one.kind


def test_without_depth_it_hangs_on_how_far_the_camera_stands(found):
    for one in found:
        ratio = (one.in_2d["depth⁰"] / one.in_2d[AS_SET]).log()
        assert torch.corrcoef(torch.stack((ratio, one.distance_m.log())))[0, 1] < -0.8


def test_the_formula_in_closed_form():
    level, upright = torch.tensor([1.0, 1.0, 0.0]), torch.tensor([0.0, 0.0, 1.0])
    pitch = torch.tensor([0.0, torch.pi / 2])
    assert torch.allclose(_expected(level, pitch), torch.tensor([0.5, 1.0]))
    assert torch.allclose(_expected(upright, pitch), torch.tensor([0.5, 0.0]), atol=1e-6)


def test_tables_numbers_and_picture_are_written(tmp_path, invented_dance, capsys):
    stored = [StoredMotion(f"d{n}", invented_dance(160, n), split=split) for n, split in enumerate(("train", "test"))]
    write_motion_set(stored, tmp_path / "set")
    parser = argparse.ArgumentParser()
    equivalence.add_arguments(parser)
    words = ["--data", str(tmp_path / "set"), "--out", str(tmp_path / "out"), "--windows", "1", "--cameras", "4"]
    assert equivalence.run(parser.parse_args(words)) == 0
    shown = capsys.readouterr().out
    assert "| depth², per joint |" in shown and "| heading by 20° |" in shown
    written = json.loads((tmp_path / "out" / "equivalence.json").read_text())
    assert len(written["guesses"]) == 5 and len(written["guesses"][0]["in_2d"][AS_SET]) == 4
    assert (tmp_path / "out" / "equivalence.png").stat().st_size > 10_000
    assert "depth¹, per clip" in (tmp_path / "out" / "equivalence.md").read_text()


def test_what_it_can_not_measure_is_one_sentence(tmp_path, invented_dance, capsys, monkeypatch):
    write_motion_set([StoredMotion("d", invented_dance(160, 0))], tmp_path / "set")
    words = ["benchmarks.supervision", "equivalence", "--data", str(tmp_path / "set"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", words)
    assert main() == 2
    said = capsys.readouterr().err
    assert "holds no motion of the split 'test'" in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()
