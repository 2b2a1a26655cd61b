"""A recording handed in twice is found, wherever it was cut and wherever the body stood."""

import torch

from core_vimo.motion import move, turn
from stylize.style_clips import copies
from stylize.style_clips.copies import nearest_earlier


def test_a_copy_is_found_though_it_was_cut_turned_and_moved(invented_dance):
    dance, other = invented_dance(400, 1), invented_dance(200, 2)
    copy = move(turn(dance[37:337], 1.0), torch.tensor([2.0, 1.0, 0.0]))
    clips = [motion.joints_m() for motion in (other, dance, copy)]
    first, second, third = nearest_earlier(clips, [[0, 50], [0, 100], [0, 60, 150]], 150)
    assert first.distance_m == [torch.inf] * 2
    assert first.clip == [-1, -1]
    assert min(second.distance_m) > 0.05
    assert max(third.distance_m) <= 0.001
    assert third.clip == [1, 1, 1]


def test_only_earlier_clips_count_so_of_two_copies_one_stays(invented_dance):
    joints_m = invented_dance(200, 3).joints_m()
    one, two = nearest_earlier([joints_m, joints_m], [[0], [0]], 150)
    assert one.distance_m == [torch.inf]
    assert two.distance_m[0] <= 0.001


def test_blocks_make_no_difference(invented_dance, monkeypatch):
    clips = [invented_dance(220, key).joints_m() for key in range(3)]
    starts = [[0, 30, 60]] * 3
    whole = nearest_earlier(clips, starts, 120)
    monkeypatch.setattr(copies, "_AT_ONCE", 7)
    assert nearest_earlier(clips, starts, 120) == whole


def test_sets_too_large_to_compare_are_left_alone(invented_dance, monkeypatch):
    monkeypatch.setattr(copies, "MOST_FRAMES", 300)
    joints_m = invented_dance(200, 3).joints_m()
    assert nearest_earlier([joints_m, joints_m], [[0], [0]], 150)[1].distance_m == [torch.inf]
