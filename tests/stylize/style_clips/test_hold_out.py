"""What is tested on is never trained on: not its clip, and where ends are held out not a frame of them."""

import pytest

from core_vimo.errors import InputError
from stylize.style_clips.hold_out import ACROSS, held_out_clips, split_in_time


@pytest.mark.parametrize(("clips", "held"), [(5, 1), (10, 2), (12, 2), (13, 3)])
def test_a_fifth_of_the_clips_is_held_out_by_name_alone(clips, held):
    names = [f"clip{k}" for k in range(clips)]
    assert len(held_out_clips(names, ())) == held
    assert held_out_clips(names[::-1], ()) == held_out_clips(names, ())


def test_patterns_choose_and_must_leave_something_on_either_side():
    assert held_out_clips(["a_1", "a_2", "b_1"], ("a_*",)) == {"a_1", "a_2"}
    for patterns, fit in ((("x*",), "none"), (("*",), "every one")):
        with pytest.raises(InputError, match=f"fits {fit} of the 2 usable clips"):
            held_out_clips(["a", "b"], patterns)


@pytest.mark.parametrize("frames", [450, 451, 500, 1000, 3000])
def test_of_few_clips_the_end_is_held_out_and_no_frame_is_on_both_sides(frames):
    assert held_out_clips(list("abcd"), ()) is None
    sides = {start: split_in_time(start, frames, 150, 15) for start in range(0, frames - 149, 15)}
    trained = {f for start, side in sides.items() if side == 0 for f in range(start, start + 150)}
    tested = {f for start, side in sides.items() if side == 1 for f in range(start, start + 150)}
    assert trained
    assert tested
    assert not trained & tested
    assert max(150, frames // 5) - 15 < len(tested) < max(150, frames // 5) + 15
    assert all(not (start < min(tested) < start + 150) for start, side in sides.items() if side != ACROSS)


def test_a_clip_of_less_than_three_windows_has_nothing_to_spare():
    assert {split_in_time(start, 449, 150, 15) for start in range(0, 300, 15)} == {0}
