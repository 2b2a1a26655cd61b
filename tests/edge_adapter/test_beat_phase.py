"""Where in its beat a frame lies: in closed form, through a data set, and in what a model is told of a song."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from core_vimo.errors import InputError
from core_vimo.motion import Motion
from edge_adapter.beat_phase import PHASE_CHANNELS, beat_phase, with_beat_phase
from edge_adapter.build import EXTRACTORS
from edge_adapter.dance_data import DanceSet, PairedDance, write_dance_set


def test_120_beats_a_minute_turn_once_in_fifteen_frames() -> None:
    phase = beat_phase(np.array([0.0, 0.5, 1.0]), 45)  # the last third lies beyond the last beat
    angle = 2 * math.pi * torch.arange(45) / 15
    expected = torch.stack((angle.cos(), angle.sin(), torch.ones(45)), dim=-1)
    torch.testing.assert_close(phase, expected, atol=1e-5, rtol=0)


def test_a_slower_beat_turns_slower_from_where_it_begins() -> None:
    phase = beat_phase(np.array([0.0, 0.5, 1.5]), 46)
    assert phase[30, 0] == pytest.approx(-1, abs=1e-5)  # 1.0 s: half way from 0.5 to 1.5
    assert phase[:15, 2].unique().tolist() == [1.0]
    assert phase[15:, 2].unique().tolist() == [0.5]


def test_beats_from_before_the_excerpt_count_on() -> None:
    whole, beats = beat_phase(np.arange(0, 9, 0.7), 240), np.arange(0, 9, 0.7)
    torch.testing.assert_close(beat_phase(beats - 2.0, 120), whole[60:180], atol=1e-4, rtol=0)


@pytest.mark.parametrize("beats", [[], [1.0]])
def test_without_a_beat_nothing_is_told(beats: list[float]) -> None:
    assert not beat_phase(np.array(beats), 30).any()


def test_a_window_of_a_dance_is_told_the_beats_of_its_own_time(tmp_path: Path) -> None:
    motion = Motion(torch.eye(3).expand(90, 24, 3, 3), torch.zeros(90, 3), torch.ones(90, 4))
    beats_s = torch.arange(0, 3, 0.4, dtype=torch.float64)
    write_dance_set([PairedDance("one", motion, torch.randn(90, 35), beats_s, "none")], tmp_path, "librosa35")
    told, plain = DanceSet(tmp_path, beat_phase=True), DanceSet(tmp_path)
    assert (told.extractor, plain.extractor) == ("librosa35+beats", "librosa35")
    assert EXTRACTORS[told.extractor] == EXTRACTORS[plain.extractor] + PHASE_CHANNELS
    torch.testing.assert_close(told.read(0, 30, 40).features, told[0].features[30:70], atol=1e-4, rtol=0)
    assert torch.equal(told[0].features, with_beat_phase(plain[0].features, beats_s.numpy()))


def test_a_model_of_another_width_is_refused_in_a_sentence(tmp_path: Path) -> None:
    from edge_adapter.train import train_dance
    from stylize.configuration import compose

    motion = Motion(torch.eye(3).expand(90, 24, 3, 3), torch.zeros(90, 3), torch.ones(90, 4))
    dance = PairedDance("one", motion, torch.randn(90, 35), torch.arange(3, dtype=torch.float64), "none")
    write_dance_set([dance], tmp_path / "data", "librosa35")
    settings = [f"data.folder={tmp_path}/data", f"out={tmp_path}/run", "trainer.steps=1", "data.beat_phase=false"]
    with pytest.raises(InputError, match=r"model.condition_dim=38 .* 35 channels"):
        train_dance(compose("dance", settings))
    assert not (tmp_path / "run").exists()


def test_features_without_a_model_that_hears_beats_are_refused_in_a_sentence(tmp_path: Path) -> None:
    from edge_adapter.train import train_dance
    from stylize.configuration import compose

    motion = Motion(torch.eye(3).expand(90, 24, 3, 3), torch.zeros(90, 3), torch.ones(90, 4))
    dance = PairedDance("one", motion, torch.randn(90, 4800), torch.arange(3, dtype=torch.float64), "none")
    write_dance_set([dance], tmp_path / "data", "jukebox")
    settings = ["model=edge", f"data.folder={tmp_path}/data", f"out={tmp_path}/run", "trainer.steps=1"]
    with pytest.raises(InputError, match=r"'jukebox\+beats'; take one of .* data.beat_phase=false"):
        train_dance(compose("dance", settings))
