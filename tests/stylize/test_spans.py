"""Times in words, and the frames they mean."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core_vimo.errors import InputError
from edge_adapter.beats import BeatGrid
from stylize.spans import Clock, Moment, Span, cut, length_of

BEATS_S = 0.1 + 0.5 * np.arange(-3, 40)
GRID = BeatGrid(BEATS_S, BEATS_S[5::4], 120.0)  # the first count 1 falls at 1.1 s; another would at -0.9 s, outside


def test_units() -> None:
    assert Moment.of("3s") == Moment(3, "s") and Moment.of(" 90f") == Moment(90, "f") and Moment.of("8.5c").unit == "c"
    assert Span.of("3:4.5s") == Span.of("3s:4.5s") == Span(Moment(3, "s"), Moment(4.5, "s"))
    assert str(Span.of("8c:16c")) == "8c:16c"


@pytest.mark.parametrize("text", ["3", "s", "-3s", "3.5f", "3m", "1e3s", "nans", "", "9" * 40 + "s"])
def test_what_is_no_time_is_told(text: str) -> None:
    with pytest.raises(InputError):
        Moment.of(text)


def test_seconds_and_frames_need_no_song() -> None:
    assert Clock().frame(Moment.of("1.5s")) == 45 and Clock().frames(Moment.of("7f"), 100) == 7
    with pytest.raises(InputError, match="counts need beats"):
        Clock().frame(Moment.of("8c"))


def test_counts_go_from_the_first_count_1_inside() -> None:
    assert Clock(GRID).frame(Moment.of("0c")) == 33 and Clock(GRID).frame(Moment.of("8c")) == round(5.1 * 30)
    assert Clock(GRID).gap(Span.of("8c:10c"), 600) == (153, 183)


def test_a_length_in_counts_begins_where_the_motion_is() -> None:
    assert Clock(GRID).frames(Moment.of("4c"), 100) == 60
    swaying = BeatGrid(np.array([0.0, 0.5, 1.5, 3.5]), np.array([0.0]), 60.0)
    assert Clock(swaying).frames(Moment.of("1c"), 15) == 30 and Clock(swaying).frames(Moment.of("1c"), 45) == 60


@pytest.mark.parametrize(
    ("spans", "told"),
    [
        (["4s:3s"], "4s:3s doesn't run forwards"),
        (["3s:3s"], "forwards"),
        (["1s:11s"], "11s lies outside the clip"),
        (["1s:3s", "80f:90f"], "1s:3s and 80f:90f overlap"),
        (["0c:99c"], "last count"),
    ],
)
def test_spans_that_are_none(spans: list[str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Clock(GRID).gaps([Span.of(text) for text in spans], 300)


def test_spans_may_touch_and_come_in_any_order() -> None:
    assert Clock().gaps([Span.of("2s:3s"), Span.of("1s:2s")], 300) == [(30, 60), (60, 90)]


def test_a_song_without_beats_has_no_counts() -> None:
    with pytest.raises(InputError, match="no beats were heard"):
        Clock(BeatGrid(np.zeros(0), np.zeros(0), 0.0)).frame(Moment.of("1c"))


@pytest.mark.parametrize("fps", [30.0, 60.0, 20.0])
def test_a_part_is_cut_out_frame_for_frame_at_any_rate(fps: float, invented_dance) -> None:
    motion = replace(invented_dance(120, 0), fps=fps)
    part, begins_s = cut(motion, Span.of("0.5s:1.5s"))
    assert len(part) == fps and begins_s == 0.5 and part.fps == fps
    assert torch.equal(part.rotations, motion.rotations[round(fps / 2) : round(3 * fps / 2)])
    with pytest.raises(InputError, match="counts need beats"):
        cut(motion, Span.of("0c:2c"))


def test_a_length_is_above_nothing() -> None:
    assert length_of(None, 1.5, None) == Moment(1.5, "s") and length_of(None, None, None) is None
    with pytest.raises(InputError, match="above 0"):
        length_of(-3, None, None)
