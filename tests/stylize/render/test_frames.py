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


class Clock:
    """Paints the time over the whole picture: ten grey levels a frame of a thirtieth."""

    def __call__(self, image, time_s):
        image[:] = round(10 * 30 * time_s)


@pytest.fixture(scope="module")
def shot(dance):
    return shot_of(dance[:20], (96, 128))


def test_processes_draw_the_same_frames_in_the_same_order(shot):
    alone = list(draw_frames(shot, workers=1))
    together = list(draw_frames(shot, workers=2))
    assert len(alone) == len(together) == 20
    assert all((a == b).all() for a, b in zip(alone, together, strict=True))
    assert (alone[0] != alone[19]).any()


@pytest.mark.parametrize("workers", [1, 2])
def test_every_frame_comes_once_at_its_own_time(shot, workers):
    shown = [planes[:128] for planes in draw_frames(replace(shot, overlay=Clock()), workers=workers)]
    levels = np.array([[plane.min(), plane.max()] for plane in shown], float)
    expected = 16 + 219 / 255 * 10 * np.arange(20)
    np.testing.assert_allclose(levels, np.stack((expected, expected), 1), atol=1.5)


def test_the_dance_moves_through_the_frames_as_the_motion_does(shot, dance):
    """The column in the middle of the body goes where the pelvis is projected, frame by frame."""
    painter = Painter(replace(shot, overlay=None))
    still = Painter(replace(shot, transforms=shot.transforms[:1] + 100)).image(0).astype(int)  # nobody in sight
    pelvis, seen = [], []
    for frame in (0, 10, 19):
        body = np.abs(painter.image(frame).astype(int) - still).max(-1)[:64] > 40  # above the hips: no shadow
        seen.append(np.flatnonzero(body.any(0)).mean())
        pelvis.append(painter._scene.pixels_of(shot.joints_m[frame, 0, :1], frame)[0, 0])
    assert pelvis[2] - pelvis[0] > 3, "the dance drifts"
    np.testing.assert_allclose(np.diff(seen), np.diff(pelvis), atol=2)


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
