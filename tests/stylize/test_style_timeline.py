"""Styles and timelines in words, and the strengths they mean at each frame."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core_vimo.errors import InputError
from edge_adapter.beats import BeatGrid
from stylize.spans import Moment
from stylize.style_timeline import Dial, Styling, parse_style, parse_timeline

FPS = 30.0
BEATS_S = 0.2 + 0.5 * np.arange(-5, 70)
GRID = BeatGrid(BEATS_S, BEATS_S[1::4], 120.0)  # beats 1, 9, … are counts 1: the first inside is at 2.2 s
FIRST_S = 2.2
SILENT = BeatGrid(np.zeros(0), np.zeros(0), 0.0)
FRAMES = 900


def strengths(styles=(), timeline="", grid=GRID, frames=FRAMES):
    return Styling.of(styles, timeline).strengths(grid, frames, FPS)


def at(count: float) -> int:
    return round((FIRST_S + 0.5 * count) * FPS)


def test_a_style_and_its_strength() -> None:
    assert parse_style("jackson") == Dial("jackson") and parse_style(" jackson:0.8 ") == Dial("jackson", 0.8)
    assert parse_style("C:\\styles\\waltz") == Dial("C:\\styles\\waltz") and parse_style("a/b:1") == Dial("a/b", 1.0)


@pytest.mark.parametrize("text", ["", ":", "jackson:", ":0.8", "jackson:x", "jackson:-1", "jackson:99", "jackson:nan"])
def test_what_is_no_style_is_told(text: str) -> None:
    with pytest.raises(InputError):
        parse_style(text)


def test_a_timeline_in_words() -> None:
    passages = parse_timeline("0-16 chaplin, 16-32 jackson:0.8 ramp 4, 20s-25.5s waltz ramp 1s, 60-end waltz")
    assert list(map(str, passages)) == ["0-16 chaplin", "16-32 jackson", "20s-25.5s waltz", "60-end waltz"]
    assert [passage.ramp for passage in passages] == [None, Moment(4, "c"), Moment(1, "s"), None]
    assert [passage.dial.strength for passage in passages] == [None, 0.8, None, None]
    assert parse_timeline("12-20s a") == parse_timeline("12s-20 a") == parse_timeline("12s–20s a")
    assert parse_timeline(" ") == ()


@pytest.mark.parametrize(
    "text", ["chaplin", "0-16", "0:16 chaplin", "16- chaplin", "0-16 chaplin ramp", "0-16 a,", "-4-16 a", "0-16 a 0.8"]
)
def test_what_is_no_timeline_is_told(text: str) -> None:
    with pytest.raises(InputError, match="is no "):
        parse_timeline(text)


def test_dials_hold_all_through() -> None:
    styling = Styling.of(["jackson:0.8", "waltz:0.4"])
    assert styling.names == ("jackson", "waltz")
    assert torch.equal(strengths(["jackson:0.8", "waltz:0.4"]), torch.tensor([[0.8, 0.4]]).expand(FRAMES, 2))
    assert strengths().shape == (FRAMES, 0)


def test_a_timeline_and_a_dial_that_mean_the_same_are_the_same_tensor() -> None:
    wanted = strengths(["jackson:0.8"])
    for timeline in ("0-end jackson:0.8", "0-16 jackson:0.8, 16-end jackson:0.8 ramp 4", "0s-30s jackson:0.8"):
        assert torch.equal(strengths(timeline=timeline), wanted), timeline
    assert torch.equal(strengths(["jackson:0.8"], "0-56 jackson"), wanted)  # count 56 begins after the excerpt's end
    assert torch.equal(strengths(["jackson:0.8"], "0s-end jackson", grid=SILENT), wanted)


def test_without_a_strength_it_is_the_dials_else_the_usual_one() -> None:
    styling = Styling.of(["waltz", "jackson:0.5"], "0-8 jackson, 8-16 chaplin, 16-24 jackson:1.2")
    settled = styling.settled({"waltz": 0.9, "jackson": 0.7, "chaplin": 0.6})
    assert [dial.strength for dial in settled.all_dials] == [0.9, 0.5, 0.5, 0.6, 1.2]
    assert settled.strengths(GRID, FRAMES, FPS)[at(12)].tolist() == pytest.approx([0.9, 0, 0.6])


def test_one_follows_the_other_where_it_says() -> None:
    chaplin, jackson = strengths(timeline="0-16 chaplin, 16-32 jackson ramp 4").T
    assert torch.allclose(chaplin[: at(30)] + jackson[: at(30)], torch.ones(at(30)))
    assert (chaplin[: at(14)] == 1).all() and (chaplin[at(18) + 1 :] == 0).all()
    assert chaplin[at(16)] == pytest.approx(0.5, abs=0.02) and jackson[at(32)] == pytest.approx(0.5, abs=0.02)
    assert (jackson[at(34) + 1 :] == 0).all()


@given(
    borders=st.lists(st.integers(2, 52), min_size=1, max_size=5, unique=True).map(sorted),
    ramp=st.sampled_from([None, 0, 0.5, 1, 2]),
    sway=st.floats(0, 0.2),
)
@settings(deadline=None, max_examples=40)
def test_changes_fall_where_they_say_within_a_count_and_never_turn_back(borders, ramp, sway) -> None:
    borders = [border for i, border in enumerate(borders) if i == 0 or border - borders[i - 1] >= 2]
    ends = [0, *borders, 54]
    names = [f"style{i}" for i in range(len(ends) - 1)]
    said = "" if ramp is None else f" ramp {ramp}"
    timeline = ", ".join(f"{a}-{b} {name}{said}" for name, a, b in zip(names, ends, ends[1:], strict=False))
    beats_s = BEATS_S + sway * np.sin(np.arange(len(BEATS_S)))  # a tempo that isn't steady
    grid = BeatGrid(beats_s, beats_s[1::4], 120.0)
    made = strengths(timeline=timeline, grid=grid)
    assert made.min() >= 0 and made.max() <= 1
    first = next(i for i in range(1, len(beats_s), 8) if beats_s[i] > -0.06)
    second = np.interp(np.arange(60), np.arange(len(beats_s)) - first, beats_s)
    for number, border in enumerate(borders):
        before, after = made[:, number], made[:, number + 1]
        # whole frames inside the change: the one before may still be of a change that ends there
        reach = slice(int(np.ceil(second[border - 1] * FPS)), int(second[border + 1] * FPS) + 1)
        assert (before[reach].diff() <= 1e-6).all() and (after[reach].diff() >= -1e-6).all()
        crossed = int((after > before).nonzero()[0])
        assert second[border - 1] * FPS <= crossed <= second[border + 1] * FPS


def test_a_ramp_has_no_corner_and_lasts_as_long_as_it_says() -> None:
    jackson = strengths(timeline="0-16 chaplin, 16-end jackson ramp 8")[:, 1]
    moving = (jackson.diff() > 0).nonzero()[:, 0]
    assert len(moving) == pytest.approx(8 * 15, abs=2) and abs(int(moving[0]) - at(12)) <= 2
    assert jackson.diff().max() < 1.6 / 120 and jackson.diff().diff().abs().max() < 8 / 120**2


def test_between_passages_there_is_no_style_but_the_dialled_ones() -> None:
    jackson, waltz = strengths(["jackson:0.7", "waltz:0.4"], "8-16 jackson, 24-32 jackson:0.2").T
    assert jackson[at(4)] == 0 and jackson[at(20)] == 0 and jackson[at(40)] == 0
    assert jackson[at(12)] == pytest.approx(0.7) and jackson[at(28)] == pytest.approx(0.2)
    assert (waltz == 0.4).all()


def test_a_long_fade_begins_though_the_dance_ends_within_it() -> None:
    """The dance ends at count 55.6."""
    jackson = strengths(timeline="0-52 jackson ramp 8")[:, 0]
    assert jackson[at(47)] == 1 and jackson[at(52)] == pytest.approx(0.5, abs=0.02) and jackson[-1] < 0.1
    assert strengths(timeline="0-56 jackson ramp 8")[-1, 0] == 1


def test_seconds_need_no_beats() -> None:
    made = strengths(timeline="0-10s chaplin, 10-20s jackson ramp 2s", grid=SILENT)
    assert made[300, 0] == pytest.approx(0.5) and made[269, 0] == 1 and made[330, 1] == 1 and made[600, 1] == 0.5
    no_count_1 = BeatGrid(BEATS_S, np.zeros(0), 120.0)
    assert strengths(timeline="0-10s chaplin", grid=no_count_1).shape == (FRAMES, 1)


def test_what_comes_before_count_1_belongs_to_a_passage_from_0() -> None:
    assert (strengths(timeline="0-16 chaplin")[: at(14)] == 1).all()
    chaplin, jackson = strengths(timeline="0s-2.2s chaplin, 0-16 jackson").T
    assert (chaplin[:50] == 1).all() and jackson[at(2)] == 1


@pytest.mark.parametrize(
    ("timeline", "told"),
    [
        ("16-8 chaplin", "16-8 chaplin' doesn't run forwards"),
        ("8-8 chaplin", "forwards"),
        ("0-16 chaplin, 12-24 jackson", "'0-16 chaplin' and '12-24 jackson' overlap"),
        ("0-end chaplin, 12-24 jackson", "overlap"),
        ("0-57 chaplin", "leaves the dance, which ends at count 55.6"),
        ("200-end chaplin", "leaves the dance"),
        ("10s-99s chaplin", "leaves the dance, which ends at 30.0s"),
        ("0-4 a, 4-5 b ramp 4, 5-9 c", "'4-5 b' and '5-9 c' run into each other"),
    ],
)
def test_timelines_that_cannot_be(timeline: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        strengths(timeline=timeline)


def test_counts_need_beats_and_each_style_is_dialled_once() -> None:
    with pytest.raises(InputError, match="no beats were heard"):
        strengths(timeline="0-16 chaplin", grid=SILENT)
    with pytest.raises(InputError, match="given twice"):
        Styling.of(["jackson:0.4", "jackson"])
