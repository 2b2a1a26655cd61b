import multiprocessing
import os
from dataclasses import replace

import numpy as np
import pytest

from core_vimo.errors import InputError
from stylize.render.frames import Painter, draw_frames, to_planes
from stylize.render.video import shot_of


class Killer:
    """Ends the drawing process at a frame, as the kernel does when memory runs out."""

    def __call__(self, image, time_s):
        if time_s > 0.2 and multiprocessing.parent_process() is not None:
            os._exit(9)


@pytest.fixture(scope="module")
def shot(dance):
    return shot_of(dance[:20], (96, 128))


def test_processes_draw_the_same_frames_in_the_same_order(shot):
    alone = list(draw_frames(shot, workers=1))
    together = list(draw_frames(shot, workers=2))
    assert len(alone) == len(together) == 20
    assert all((a == b).all() for a, b in zip(alone, together, strict=True))
    assert (alone[0] != alone[19]).any()


def test_a_process_that_dies_ends_in_one_sentence(shot):
    with pytest.raises(InputError, match="fewer workers"):
        list(draw_frames(replace(shot, overlay=Killer()), workers=2))


def test_stopping_early_leaves_no_process(shot):
    before = set(multiprocessing.active_children())
    frames = draw_frames(shot, workers=2)
    next(frames)
    frames.close()
    assert set(multiprocessing.active_children()) == before


def test_planes_are_bt709_in_limited_range():
    levels = {"white": (255, 255, 255), "black": (0, 0, 0), "red": (255, 0, 0)}
    luma = {}
    for name, colour in levels.items():
        planes = to_planes(np.full((64, 64, 3), colour, np.uint8))
        assert planes.shape == (96, 64)
        luma[name] = int(planes[:64].mean().round())
    assert luma["white"] == 235 and luma["black"] == 16
    assert luma["red"] == pytest.approx(16 + 219 * 0.2126, abs=1)


def test_painting_is_a_function_of_the_frame_number(shot):
    painter = Painter(shot)
    late = painter.image(15)
    painter.image(3)
    assert (painter.image(15) == late).all()
