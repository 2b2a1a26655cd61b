from dataclasses import replace

import numpy as np
import pytest
import torch

from core_vimo.motion import Motion
from stylize.takes import TakeNumbers, measure, rank

PLAIN = TakeNumbers(0.2, 0.2, 0.5, 0.1, 1.0, 5.0, 0, 3.0)


def test_the_take_that_is_best_in_most_comes_first():
    takes = [PLAIN, replace(PLAIN, beat_f1=0.9, jitter=4.0), replace(PLAIN, foot_skate_ratio=0.5)]
    assert rank(takes) == [1, 0, 2]


def test_equal_takes_keep_their_order_and_missing_numbers_come_last():
    assert rank([PLAIN, PLAIN]) == [0, 1]
    assert rank([replace(PLAIN, foot_skate_ratio=None), PLAIN]) == [1, 0]


def test_numbers_of_a_constructed_walk():
    frames = 90
    root = torch.stack((torch.linspace(0, 2, frames), torch.zeros(frames), torch.full((frames,), 0.95)), -1)
    upright = torch.zeros(frames, 24, 3)
    upright[:, 0, 0] = torch.pi / 2
    numbers = measure(Motion.from_axis_angle(upright, root), np.array([]))
    assert numbers.travel_m == pytest.approx(2.0, abs=0.01)
    assert numbers.foot_skate_ratio == 1.0  # a body that glides
    assert numbers.beat_f1 is None
