import math

import numpy as np
import pytest
import torch
from torch import Tensor

from core_vimo.metrics.beats import alignment, beat_scores, f1, motion_beats_s
from core_vimo.randomness import generator

BEATS_S = 0.203 + 0.5 * np.arange(40)
"""Not on the frames of any rate: a stop half way between two frames has two equal minima, and strictly none."""


def _pulsing(fps: float) -> Tensor:
    """20 s of joints along a line, at a speed that falls to zero on each beat."""
    time_s = torch.arange(round(20 * fps), dtype=torch.float64) / fps - BEATS_S[0]
    period_s = 0.5
    place = time_s - torch.sin(2 * math.pi * time_s / period_s) * period_s / (2 * math.pi)
    return torch.stack((place, 0 * place, 0 * place), dim=-1)[:, None].expand(-1, 24, 3)


@pytest.mark.parametrize("fps", [30.0, 60.0, 120.0])
def test_motion_beats_are_where_the_body_stops(fps: float) -> None:
    """Within one frame: the speed between two frames is dated at the first of them."""
    np.testing.assert_allclose(motion_beats_s(_pulsing(fps), fps), BEATS_S, atol=1.01 / fps)


def test_a_stop_on_every_fourth_beat_scores_a_quarter_one_way_and_one_the_other() -> None:
    music_s = np.arange(1, 41) * 0.5
    dance_s = music_s[3::4]
    assert alignment(music_s, dance_s) == pytest.approx(0.25, abs=1e-6)
    assert alignment(dance_s, music_s) == 1
    assert f1(dance_s, music_s) == pytest.approx(2 * 10 / 50)


def test_jitter_raises_music_to_dance_and_not_the_others() -> None:
    music_s = np.arange(1, 41) * 0.5
    calm, jittery = (np.sort(_random_times(n)) for n in (40, 400))
    assert alignment(music_s, calm) < 0.35
    assert alignment(music_s, jittery) > 0.75
    assert alignment(jittery, music_s) == pytest.approx(alignment(calm, music_s), abs=0.1)
    assert f1(jittery, music_s) < 0.25


def _random_times(count: int) -> np.ndarray:
    return (20 * torch.rand(count, generator=generator(0, 0, "times"), dtype=torch.float64)).numpy()


def test_one_sigma_off_scores_exp_minus_a_half() -> None:
    assert alignment(np.array([1.0]), np.array([1.05, 3.0])) == pytest.approx(math.exp(-0.5))


def test_each_beat_is_matched_once() -> None:
    assert f1(np.array([0.95, 1.0, 1.05]), np.array([1.0])) == pytest.approx(2 / 4)


def test_a_dance_on_the_beat() -> None:
    scores = beat_scores(_pulsing(60), 60, BEATS_S)
    assert scores.bas_music_to_dance > 0.97
    assert scores.bas_dance_to_music > 0.97
    assert (scores.beat_f1, scores.beat_count_ratio) == (1, 1)


def test_music_before_and_after_the_dance_is_left_out() -> None:
    around = np.concatenate(([-3.0, -0.2], BEATS_S, [20.0, 31.0]))
    assert beat_scores(_pulsing(60), 60, around) == beat_scores(_pulsing(60), 60, BEATS_S)


def test_without_motion_beats_the_music_stays_unanswered() -> None:
    scores = beat_scores(torch.zeros(100, 24, 3), 30, np.array([1.0, 2.0]))
    assert (scores.bas_music_to_dance, scores.beat_f1, scores.beat_count_ratio) == (0, 0, 0)
    assert math.isnan(scores.bas_dance_to_music)


def test_without_music_nothing_can_be_told() -> None:
    assert math.isnan(beat_scores(_pulsing(60), 60, np.zeros(0)).bas_music_to_dance)
