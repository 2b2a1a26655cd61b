"""Dances that are known to fit one song, or none, and what the measurement says of them."""

import numpy as np
import pytest
import torch

from benchmarks.fit_to_song.alignment import BEST_LAG, METRICS, Music, compare, lag_profile
from benchmarks.fit_to_song.excerpts import BEATS_OF_LOOPS, Excerpt, drawn_start_s, real_excerpts, rendered_excerpts
from benchmarks.fit_to_song.long_song import long_dance, seams
from benchmarks.fit_to_song.solver import distance_cm
from core_vimo.diffusion.windows import Windows
from core_vimo.errors import InputError
from core_vimo.motion import Motion, move, turn
from core_vimo.rotations import about_z
from edge_adapter.audio import write_audio
from edge_adapter.build import load_dance_model
from stylize.dance import DanceSettings

SECONDS = 12.0
TEMPI_BPM = (83.0, 97.0, 109.0, 127.0, 139.0)


def beats(tempo_bpm, phase=0.3):
    interval_s = 60 / tempo_bpm
    return np.arange(phase * interval_s, SECONDS, interval_s)


def stepping(beats_s, late_s=0.0):
    """The arms swing from beat to beat and stand still on each: the speed is least there."""
    time_s = np.arange(round(SECONDS * 30) + 1) / 30 - 0.5 / 30 - late_s  # a speed is dated at its first frame
    interval_s = np.diff(beats_s).mean()
    swing = 0.8 * np.cos(np.pi * (time_s - beats_s[0]) / interval_s)
    angles = torch.zeros(len(time_s), 24, 3)
    angles[:, [16, 17], 1] = torch.from_numpy(swing).float()[:, None]
    return Motion.from_axis_angle(angles, torch.zeros(len(time_s), 3))


@pytest.fixture(scope="module")
def music():
    return [Music(beats(tempo), SECONDS) for tempo in TEMPI_BPM]


def test_dances_that_stop_on_their_songs_beats_fit_these_and_no_others(music):
    found = compare([[stepping(song.beats_s)] for song in music], music, seed=0)
    for metric in METRICS:
        assert found[metric].own.value > 0.9, metric
        assert found[metric].difference.low > 0.2, metric
        assert found[metric].p < 0.02, metric  # 1 of 5! assignments


def test_the_same_dances_under_exchanged_songs_fit_no_better_than_others(music):
    dances = [[stepping(song.beats_s)] for song in music]
    found = compare([*dances[1:], dances[0]], music, seed=0)
    assert all(found[metric].difference.value < 0 and found[metric].p > 0.5 for metric in METRICS)


def test_one_dance_under_every_song_has_no_advantage_anywhere(music):
    found = compare([[stepping(music[0].beats_s)]] * len(music), music, seed=0)
    for metric in METRICS:
        assert found[metric].difference.value == pytest.approx(0, abs=1e-9), metric
        assert found[metric].p == 1.0


def test_a_dancer_who_is_always_late_is_caught_by_the_lag_alone(music):
    dances = [[stepping(song.beats_s, late_s=0.2)] for song in music]
    found = compare(dances, music, seed=0)
    assert found["bas_dance_to_music"].own.value < 0.2
    assert found[BEST_LAG].own.value > 0.9
    lags_s = np.arange(-10, 11) / 30
    peak_s = lags_s[lag_profile(dances, music, lags_s).argmax()]
    assert peak_s == pytest.approx(0.2, abs=0.5 / 30)


def test_a_jump_between_windows_shows_as_a_seam():
    smooth = stepping(beats(100.0))
    windows = Windows((0, 150, 211), 150)
    even = seams(smooth, windows)
    assert even.seams == 3  # frames 150 (an end and a start at once), 211 and 300
    assert even.worst_over_median <= 2 * even.worst_elsewhere_over_median
    turned = smooth.rotations.clone()
    turned[150:, 16] = turned[150:, 16] @ about_z(1.0)
    jumped = seams(Motion(turned, smooth.root_m, smooth.contacts), windows)
    assert jumped.at_seams_mean > 5 * jumped.elsewhere_mean


def test_the_distance_between_dances_sees_poses_not_places():
    dance = stepping(beats(100.0))
    assert float(distance_cm(dance, move(dance, torch.tensor([3.0, 1.0, 0.0])))) == pytest.approx(0, abs=1e-3)
    assert float(distance_cm(dance, turn(dance, 0.5))) > 1


def test_known_beats_of_rendered_songs_and_loops_lie_where_the_sound_has_them(tmp_path, monkeypatch):
    monkeypatch.setenv("VIMO_CACHE", str(tmp_path / "cache"))
    rate, beat_s = 22050, 0.5
    loop = np.zeros(round(4 * beat_s * rate), np.float32)
    for beat in range(4):
        click = np.arange(400) / rate
        loop[round(beat * beat_s * rate) :][:400] = np.sin(2 * np.pi * 880 * click) * np.exp(-click * 300)
    assert BEATS_OF_LOOPS["loop_amen"] == BEATS_OF_LOOPS["loop_breakbeat"] == 4
    for name in ("loop_amen", "loop_breakbeat"):
        write_audio(tmp_path / f"{name}.wav", loop, rate)
    (first, second) = real_excerpts(tmp_path, "librosa35", 8.0, seed=0)
    assert len(first) == len(second) == 240
    assert first.known and first.beats_s[0] != second.beats_s[0]
    assert (np.diff(first.beats_s) == pytest.approx(beat_s)) and len(first.beats_s) == 16
    for excerpt in (first, second):
        gaps = np.abs(excerpt.heard.grid.beats_s[:, None] - excerpt.beats_s).min(axis=0)
        assert np.median(gaps) < 0.04
    (rendered,) = rendered_excerpts(1, "librosa35", 8.0)
    assert rendered.known and len(rendered) == 240 and rendered.beats_s[0] == 0


def test_an_excerpt_starts_on_a_frame_inside_its_room():
    starts = [drawn_start_s(7.0, 0, name) for name in "abcdef"]
    assert len(set(starts)) == 6 and all(0 <= s <= 7 and s * 30 == pytest.approx(round(s * 30)) for s in starts)


def test_a_folder_without_songs_is_refused(tmp_path):
    with pytest.raises(InputError, match="at least 2 songs"):
        real_excerpts(tmp_path, "librosa35", 8.0, seed=0)


def test_a_long_song_is_danced_to_its_end_with_all_its_seams_counted(tiny_bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("VIMO_CACHE", str(tmp_path / "cache"))
    (excerpt,) = rendered_excerpts(1, "librosa35", 16.0)
    found = long_dance(load_dance_model(tiny_bundle), excerpt, DanceSettings(steps=2))
    assert found.music_s == 16.0 and found.farthest_m >= found.end_m >= 0
    assert found.tied.seams > found.untied.seams == 2
    assert isinstance(excerpt, Excerpt)
