"""The sequencer's truth is true: what it says are beats is where its drums sound."""

import numpy as np
import pytest

from core_vimo.errors import InputError
from edge_adapter.sequencer import DEMO_BPM, DEMO_STYLE, Score, Section, Track, make_score, render, render_at_beats
from edge_adapter.song_styles import STYLES

RATE = 16000


def drums_only(style: str, bars: int, tempo_bpm: float = 120.0) -> Score:
    return Score(STYLES[style], tempo_bpm, (Section("drums", bars, ("drums",)),))


def low_energy(track: Track) -> np.ndarray:
    """Energy below some 200 Hz in windows of 5 ms: the kick drum."""
    smooth = np.convolve(track.mono, np.ones(RATE // 200) / (RATE // 200), "same")
    return np.convolve(smooth**2, np.ones(RATE // 200), "same")


def rise_at(track: Track, times_s: np.ndarray) -> np.ndarray:
    energy = low_energy(track)
    before, after = (np.clip(np.round((times_s + d) * RATE).astype(int), 0, len(energy) - 1) for d in (-0.006, 0.015))
    return energy[after] / (energy[before] + 1e-3 * energy.max())


def test_a_kick_on_every_beat_is_heard_on_every_beat() -> None:
    track = render(drums_only("house", 4), RATE)
    assert (rise_at(track, track.beats_s[1:]) > 3).all()
    assert (rise_at(track, track.beats_s[1:] - 0.2) < 3).all()


def test_beats_are_even_and_downbeats_are_every_bar() -> None:
    score = make_score(5, 12.0, "waltz", 150.0)
    track = render(score, RATE)
    np.testing.assert_allclose(np.diff(track.beats_s), 60 / 150)
    np.testing.assert_allclose(track.downbeats_s, track.beats_s[::3])
    assert track.beats_s[0] == 0
    assert len(track.samples) / RATE == pytest.approx(track.beats_s[-1] + 60 / 150, abs=1 / RATE)


def test_given_beats_are_played_where_they_are() -> None:
    rng = np.random.default_rng(1)
    beats_s = 0.9 + np.cumsum(rng.uniform(0.35, 0.75, 48))
    track = render_at_beats(beats_s, "house", seed=2, first_downbeat=1, rate=RATE)
    given = np.isin(track.beats_s, beats_s)
    assert given.sum() == len(beats_s)
    assert beats_s[1] in track.downbeats_s
    drummed = beats_s[(beats_s > 1) & (beats_s < 15)]
    assert np.mean(rise_at(track, drummed) > 2) > 0.8  # the rest is in the break, or masked by the bass


def test_even_beats_give_the_same_song_as_a_score() -> None:
    score = make_score(3, 9.0, "pop", 120.0)
    beats = sum(s.bars for s in score.sections) * 4
    by_beats = render_at_beats(np.arange(beats) * 0.5, "pop", seed=3, rate=RATE)
    np.testing.assert_allclose(by_beats.samples, render(score, RATE).samples, atol=1e-6)


def test_the_song_covers_the_asked_span() -> None:
    track = render_at_beats(np.array([2.0, 2.5, 3.0]), "piano", seconds=7.2, rate=RATE)
    assert len(track.samples) == round(7.2 * RATE)
    np.testing.assert_allclose(track.beats_s, np.arange(0, 7.2, 0.5), atol=1e-9)
    assert 2.0 in track.downbeats_s


@pytest.mark.parametrize("style", STYLES)
def test_every_style_sounds_throughout(style: str) -> None:
    track = render(make_score(11, 20.0, style), RATE)
    bars = np.split(track.mono, np.round(track.downbeats_s[1:] * RATE).astype(int))
    assert all(np.sqrt(np.mean(bar**2)) > 0.005 for bar in bars)
    assert np.abs(track.samples).max() <= 1
    assert np.isfinite(track.samples).all()
    starts = [start for _, start in track.sections]
    assert np.isin(np.round(starts, 6), np.round(track.downbeats_s, 6)).all()


def test_same_seed_same_song_other_seed_other_song() -> None:
    first, again, other = (render(make_score(seed, 8.0, "salsa", 100.0), RATE).samples for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_demo_piece_is_half_a_minute_with_its_sections() -> None:
    track = render(make_score(7, 30.0, DEMO_STYLE, DEMO_BPM), 8000)
    assert 29 < len(track.samples) / track.rate < 34
    assert [name for name, _ in track.sections][:3] == ["intro", "verse", "chorus"]


@pytest.mark.parametrize("beats", [[1.0], [1.0, 1.0], [2.0, 1.0], [0.0, np.nan], [[0.0, 1.0]]])
def test_beats_that_are_no_beats_are_refused(beats: list) -> None:
    with pytest.raises(InputError, match="beat times"):
        render_at_beats(np.array(beats), "pop")


def test_unknown_style_and_tempo_are_refused() -> None:
    with pytest.raises(InputError, match=r"'polka'.*waltz"):
        make_score(0, style="polka")
    with pytest.raises(InputError, match="BPM"):
        render(make_score(0, tempo_bpm=5))
