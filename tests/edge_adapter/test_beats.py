"""Beats, bars and counts against songs whose truth is known because they were written."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core_vimo.errors import InputError
from edge_adapter.audio import read_audio, write_audio
from edge_adapter.beats import BeatGrid, double_time, half_time, shift_counts, track_beats
from edge_adapter.features import RATE, MusicFeatures, features_of_samples
from edge_adapter.sequencer import Track, make_score, render

SONGS = [("pop", 104.0), ("house", 122.0), ("salsa", 96.0), ("waltz", 90.0), ("waltz", 160.0), ("piano", 80.0)]


def written(style: str, tempo_bpm: float, seed: int = 21) -> Track:
    return render(make_score(seed, 30.0, style, tempo_bpm), RATE)


def hits(found_s: np.ndarray, true_s: np.ndarray, tolerance_s: float = 0.07) -> float:
    """F measure of beat times."""
    near = np.abs(found_s[:, None] - true_s) <= tolerance_s
    precision, recall = near.any(1).mean(), near.any(0).mean()
    return 2 * precision * recall / max(precision + recall, 1e-9)


@pytest.mark.parametrize(("style", "tempo_bpm"), SONGS)
def test_written_songs_are_heard_as_written(style: str, tempo_bpm: float) -> None:
    track = written(style, tempo_bpm)
    grid = track_beats(features_of_samples(track.mono))
    assert grid.tempo_bpm == pytest.approx(tempo_bpm, rel=0.02)
    assert hits(grid.beats_s, track.beats_s) > 0.9
    assert grid.beats_per_bar == track.beats_per_bar
    assert hits(grid.downbeats_s, track.downbeats_s) > 0.9
    errors = grid.beats_s - track.beats_s[np.abs(grid.beats_s[:, None] - track.beats_s).argmin(1)]
    assert abs(np.median(errors)) < 0.012  # no latency is left
    assert grid.confidence > 0.3


def test_downbeats_are_beats_and_the_grid_fills_the_song() -> None:
    track = written("pop", 104.0)
    silence = np.zeros(3 * RATE, np.float32)
    grid = track_beats(features_of_samples(np.concatenate((silence, track.mono, silence))))
    assert np.isin(grid.downbeats_s, grid.beats_s).all()
    assert (np.diff(grid.beats_s) > 0.2).all()
    assert 0 <= grid.beats_s[0] < 0.6
    assert grid.beats_s[-1] > len(track.samples) / RATE + 6 - 1.2


def test_repeated_loop_with_a_drummer(shared_data: Path) -> None:
    loop = read_audio(shared_data / "music" / "cc0_loops" / "loop_breakbeat.flac", RATE)
    grid = track_beats(features_of_samples(np.tile(loop, 16)))
    beat_s = len(loop) / RATE / 4
    assert hits(grid.beats_s, np.arange(64) * beat_s) > 0.9
    assert hits(grid.downbeats_s, np.arange(16) * 4 * beat_s) > 0.9


def test_real_dances_are_in_the_metre_of_their_genre(shared_data: Path) -> None:
    folder = shared_data / "dance_with_melody"
    found = {
        path.stem: track_beats(MusicFeatures(torch.from_numpy(np.load(path)["features"]).float())).beats_per_bar
        for path in sorted(folder.glob("*.npz"))
    }
    waltzes = [metre for name, metre in found.items() if "_W_" in name.upper()]
    others = [metre for name, metre in found.items() if "_W_" not in name.upper()]
    assert len(waltzes) == 30 and np.mean(np.array(waltzes) == 3) >= 0.95
    assert len(others) == 21 and np.mean(np.array(others) == 4) >= 0.9


def test_sound_without_beats() -> None:
    silent = track_beats(features_of_samples(np.zeros(5 * RATE, np.float32)))
    assert len(silent.beats_s) == len(silent.counts()) == 0
    assert (silent.tempo_bpm, silent.confidence) == (0.0, 0.0)
    noise = np.random.default_rng(0).standard_normal(12 * RATE).astype(np.float32) * 0.1
    assert track_beats(features_of_samples(noise)).confidence < 0.15
    assert track_beats(features_of_samples(np.ones(100, np.float32))).confidence == 0


def test_a_path_is_tracked_through_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIMO_CACHE", str(tmp_path / "cache"))
    track = written("house", 122.0)
    write_audio(tmp_path / "song.wav", track.mono, RATE)
    grid = track_beats(tmp_path / "song.wav")
    assert hits(grid.beats_s, track.beats_s) > 0.9
    assert len(list((tmp_path / "cache" / "features").iterdir())) == 1


@pytest.mark.parametrize("seconds", [0.5, 1.1, 1.7, 2.5, 4.0])
def test_short_sounds_have_a_grid_or_none(seconds: float) -> None:
    grid = track_beats(features_of_samples(written("pop", 104.0).mono[: round(seconds * RATE)]))
    assert np.isfinite(grid.beats_s).all() and (np.diff(grid.beats_s) > 0).all()
    assert np.isin(grid.downbeats_s, grid.beats_s).all()
    assert len(grid.counts()) == len(grid.beats_s)


def test_other_features_are_refused() -> None:
    with pytest.raises(InputError, match="librosa35"):
        track_beats(MusicFeatures(torch.zeros(90, 4800), 30.0, "jukebox"))


def even_grid(beats: int = 20, first: int = 1, per_bar: int = 4) -> BeatGrid:
    beats_s = 0.25 + 0.5 * np.arange(beats)
    return BeatGrid(beats_s, beats_s[first::per_bar], 120.0, per_bar)


def test_counts_are_eights_and_waltzes_sixes() -> None:
    np.testing.assert_array_equal(even_grid().counts()[:11], [8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2])
    np.testing.assert_array_equal(even_grid(per_bar=3).counts()[:9], [6, 1, 2, 3, 4, 5, 6, 1, 2])


def test_beat_frames_are_the_nearest() -> None:
    np.testing.assert_array_equal(even_grid(4).beat_frames(30), [8, 22, 38, 52])


def test_half_time_keeps_the_first_downbeat_and_double_time_undoes_it() -> None:
    grid = even_grid()
    half = half_time(grid)
    assert half.tempo_bpm == 60
    np.testing.assert_allclose(half.beats_s, grid.beats_s[1::2])
    np.testing.assert_allclose(half.downbeats_s, half.beats_s[::4])
    double = double_time(half)
    assert double.tempo_bpm == 120
    np.testing.assert_allclose(double.beats_s, grid.beats_s[1:-1] if len(grid.beats_s) % 2 == 1 else grid.beats_s[1:])
    assert half.downbeats_s[0] == double.downbeats_s[0] == grid.downbeats_s[0]


def test_shifting_counts_moves_count_one() -> None:
    grid = even_grid()
    assert shift_counts(grid, 1).counts()[2] == 1
    assert shift_counts(grid, -1).counts()[0] == 1
    for beats in range(-8, 9):  # by a whole bar, too: who counts "one" on 5 is a common mistake
        moved = shift_counts(grid, beats)
        assert moved.counts()[(1 + beats) % 8] == 1
        assert np.isin(moved.downbeats_s, moved.beats_s[(1 + beats) % 4 :: 4]).all()
    np.testing.assert_array_equal(shift_counts(grid, 1).beats_s, grid.beats_s)
    np.testing.assert_array_equal(shift_counts(shift_counts(grid, 3), -3).downbeats_s, grid.downbeats_s)


def test_corrections_of_an_empty_grid_are_empty() -> None:
    empty = BeatGrid(np.zeros(0), np.zeros(0), 0.0, 4, 0.0)
    for corrected in (half_time(empty), double_time(empty), shift_counts(empty, 2)):
        assert len(corrected.beats_s) == len(corrected.downbeats_s) == 0
