"""What jukemirlib is asked for, and how its slices become one song; jukemirlib itself is a stand-in here."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from core_vimo.errors import MissingExtraError
from edge_adapter.audio import write_audio
from edge_adapter.jukebox import JukeboxExtractor

RATE = 44100


class StandIn(ModuleType):
    """Answers like jukemirlib: a token for every 128 samples, here the loudness of those samples in all channels."""

    def __init__(self) -> None:
        super().__init__("jukemirlib")
        self.calls: list[tuple[int, list[int], float]] = []

    def extract(self, audio: np.ndarray, layers: list[int]) -> dict[int, np.ndarray]:
        self.calls.append((len(audio), layers, float(np.abs(audio).max())))
        tokens = np.abs(audio[: len(audio) // 128 * 128]).reshape(-1, 128).mean(1)
        return {layer: np.repeat(tokens[:, None], 4800, 1).astype(np.float32) for layer in layers}


@pytest.fixture
def jukemirlib(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    stand_in = StandIn()
    monkeypatch.setitem(sys.modules, "jukemirlib", stand_in)
    return stand_in


def hum(path: Path, seconds: float) -> Path:
    """A tone that swells over two seconds, again and again."""
    time = np.arange(round(seconds * RATE)) / RATE
    write_audio(path, 0.5 * np.sin(2 * np.pi * 3000 * time) * (1 - np.cos(np.pi * time)) / 2, RATE)
    return path


def test_slices_of_five_seconds_at_their_own_peak_are_asked_for(jukemirlib: StandIn, tmp_path: Path) -> None:
    JukeboxExtractor()(hum(tmp_path / "song.wav", 11.0))
    assert [size for size, _, _ in jukemirlib.calls] == [5 * RATE] * 4  # from 0, 2.5, 5 and 6 s
    assert all(layers == [66] for _, layers, _ in jukemirlib.calls)
    assert [peak for _, _, peak in jukemirlib.calls] == pytest.approx([1.0] * 4)


def test_slices_become_one_song_at_30_fps(jukemirlib: StandIn, tmp_path: Path) -> None:
    features = JukeboxExtractor()(hum(tmp_path / "song.wav", 11.0))
    assert features.values.shape == (330, 4800)
    assert (features.fps, features.extractor) == (30.0, "jukebox")
    time = torch.arange(330) / 30
    expected = (1 - torch.cos(torch.pi * time)) / 2 * 2 / torch.pi
    torch.testing.assert_close(features.values[5:-5, 7], expected[5:-5], atol=0.02, rtol=0)


@pytest.mark.parametrize("seconds", [0.5, 3.0, 5.0, 5.02])
def test_short_songs(jukemirlib: StandIn, tmp_path: Path, seconds: float) -> None:
    values = JukeboxExtractor()(hum(tmp_path / "song.wav", seconds)).values
    assert abs(len(values) - seconds * 30) <= 1
    assert torch.isfinite(values).all()


def test_without_jukemirlib_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "jukemirlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install git\+https://github.com/rodrigo-castellon/jukemirlib"):
        JukeboxExtractor()(hum(tmp_path / "song.wav", 1.0))
