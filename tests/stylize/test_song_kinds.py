"""Songs of several kinds through the whole command, by a model of random weights: speech, a waltz, ten seconds."""

import csv
import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import scipy.signal

from core_vimo.formats import read_motion
from core_vimo.motion import FPS, Motion
from edge_adapter.audio import write_audio
from edge_adapter.sequencer import make_score, render
from stylize.cli import main

RATE = 22050


@dataclass
class Danced:
    motion: Motion
    manifest: dict
    sheet: list[dict[str, str]]
    told: str


@pytest.fixture
def danced(tiny_bundle, tmp_path, capsys):
    def run(song: Path, *options: str) -> Danced:
        out = tmp_path / "out"
        fixed = ["--bundle", str(tiny_bundle), "--steps", "2", "--no-video"]
        assert main(["dance", str(song), "--out", str(out), *fixed, *options]) == 0
        with open(out / "dance.counts.csv", newline="") as file:
            sheet = list(csv.DictReader(file))
        manifest = json.loads((out / "manifest.json").read_text())
        return Danced(read_motion(out / "dance.npz"), manifest, sheet, capsys.readouterr().out)

    return run


def _speech(seconds: float) -> np.ndarray:
    """Like a voice that speaks: syllables of uneven length and pitch, three formants each, and pauses."""
    rng = np.random.default_rng(3)
    said: list[np.ndarray] = []
    while sum(map(len, said)) < seconds * RATE:
        frames = int(RATE * rng.uniform(0.08, 0.35))
        pitch_hz = rng.uniform(90, 180) * np.linspace(1, rng.uniform(0.7, 1.2), frames)
        voice = scipy.signal.sawtooth(2 * np.pi * np.cumsum(pitch_hz) / RATE) + 0.1 * rng.standard_normal(frames)
        for formant_hz in (rng.uniform(300, 800), rng.uniform(900, 2200), rng.uniform(2300, 3200)):
            voice = voice + scipy.signal.lfilter(*scipy.signal.iirpeak(formant_hz, 8, RATE), voice)
        said.append(voice * np.hanning(frames) * rng.uniform(0.3, 1))
        said.append(np.zeros(int(RATE * rng.choice([0.02, 0.08, 0.6], p=[0.6, 0.3, 0.1]))))
    voice = np.concatenate(said)[: round(seconds * RATE)]
    return (0.5 * voice / np.abs(voice).max()).astype(np.float32)[:, None]


def test_speech_is_danced_and_its_pulse_is_called_weak(danced, tmp_path):
    write_audio(tmp_path / "speech.wav", _speech(12.0), RATE)
    dance = danced(tmp_path / "speech.wav")
    assert dance.motion.seconds == pytest.approx(12.0, abs=0.05)
    assert dance.manifest["beat_confidence"] < 0.3 and "check the counts" in dance.told


def test_a_waltz_is_counted_in_sixes(danced, tmp_path):
    track = render(make_score(7, 16.0, "waltz", 150.0), RATE)
    write_audio(tmp_path / "waltz.wav", track.samples, track.rate)
    dance = danced(tmp_path / "waltz.wav")
    assert dance.manifest["beats_per_bar"] == 3
    assert dance.manifest["tempo_bpm"] == pytest.approx(150, rel=0.02)
    counts = [int(row["count"]) for row in dance.sheet]
    assert set(counts) == {1, 2, 3, 4, 5, 6}
    assert all(after == before % 6 + 1 for before, after in pairwise(counts))
    ones_s = [float(row["time_s"]) for row in dance.sheet if row["count"] in ("1", "4")]
    off_s = [np.abs(track.downbeats_s - time_s).min() for time_s in ones_s]
    assert np.median(off_s) < 0.07, "counts 1 and 4 fall on the bars"


def test_ten_seconds_of_a_real_song(danced, shared_data):
    dance = danced(shared_data / "music" / "songs" / "vibe_ace.ogg", "--start", "30", "--seconds", "10")
    assert len(dance.motion) == 10 * FPS
    assert dance.manifest["audio_offset_s"] == 30
    times_s = np.array([float(row["time_s"]) for row in dance.sheet])
    assert times_s[0] >= 0 and times_s[-1] < 10
    np.testing.assert_allclose(np.diff(times_s), 60 / dance.manifest["tempo_bpm"], atol=0.08)


def test_a_whole_file_of_ten_seconds_is_danced_to_its_end(danced, shared_data):
    """`loop_tabla.flac` lasts 10.67 s."""
    dance = danced(shared_data / "music" / "cc0_loops" / "loop_tabla.flac")
    assert dance.motion.seconds == pytest.approx(10.67, abs=0.05)
    assert dance.manifest["takes"][0]["numbers"]["beat_f1"] is not None
