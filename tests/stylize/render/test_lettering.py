import pickle

import numpy as np
import pytest

from stylize.render.lettering import CountOverlay, draw_dot, draw_mask, text_mask


class Grid:
    def __init__(self):
        self.beats_s = [10.0, 10.5, 11.0, 11.5]

    def counts(self):
        return [1, 2, 3, 4]


def drawn(overlay, time_s):
    image = np.full((200, 200, 3), 220, np.uint8)
    overlay(image, time_s)
    return image


def test_nothing_is_drawn_before_the_first_beat():
    assert (drawn(CountOverlay.of(Grid(), start_s=9.0), 0.99) == 220).all()


def test_the_count_changes_on_the_beat_and_the_song_may_start_later():
    overlay = CountOverlay.of(Grid(), start_s=9.0)
    on_one, still_one, on_two = (drawn(overlay, t) for t in (1.0, 1.499, 1.5))
    corner = (slice(0, 60), slice(120, 200))
    ink = [220 * 3 - image[corner].astype(int).sum(-1) > 60 for image in (on_one, still_one, on_two)]
    assert (ink[0] == ink[1]).mean() > 0.95, "the same digit, fainter"
    assert (ink[0] != ink[2]).mean() > 0.02, "another digit"
    assert still_one[corner].mean() > on_one[corner].mean(), "it fades after the beat"


def test_the_frame_that_falls_on_a_beat_shows_it_despite_rounding():
    overlay = CountOverlay(np.array([0.1, 0.7]), np.array([1, 2]))
    np.testing.assert_array_equal(drawn(overlay, 21 / 30), drawn(overlay, 0.7))


def test_an_overlay_travels_to_other_processes():
    overlay = pickle.loads(pickle.dumps(CountOverlay.of(Grid())))
    assert (drawn(overlay, 10.6) != 220).any()


@pytest.mark.parametrize(("left", "top"), [(-4, -3), (18, 17), (-50, 0), (0, 90)])
def test_what_falls_outside_the_picture_is_cut_off(left, top):
    image = np.zeros((20, 20, 3), np.uint8)
    mask = np.full((8, 8), 255, np.uint8)
    expected = np.zeros((120, 120), bool)
    expected[50 + top : 58 + top, 50 + left : 58 + left] = True
    draw_mask(image, mask, left, top, (255, 255, 255))
    np.testing.assert_array_equal(image[..., 0] == 255, expected[50:70, 50:70])


def test_a_dot_covers_its_area():
    image = np.zeros((40, 40, 3), np.uint8)
    draw_dot(image, 20.3, 19.6, 6, (255, 255, 255), 1.0)
    assert image[..., 0].sum() / 255 == pytest.approx(np.pi * 36, rel=0.02)


def test_digits_differ():
    masks = {text_mask(str(digit), 40).tobytes() for digit in range(1, 9)}
    assert len(masks) == 8
