import numpy as np
import pytest
import torch

from core_vimo.evidence import CONFIDENT
from core_vimo.footage import Footage
from core_vimo.pose2d import Pose2D
from stylize.render.keypoints import LEFT, RIGHT, KeypointPainter, draw_plain, plain_ground, resized

SIZE = (160, 200)


def footage(joints, cuts=(), frames=1):
    keypoints = torch.zeros(frames, 17, 3)
    for joint, (x, y, confidence) in joints.items():
        keypoints[:, joint] = torch.tensor([x, y, confidence])
    return Footage(Pose2D(keypoints, SIZE), cuts)


def drawn(seen, frame=0, size=SIZE):
    image = np.zeros((size[1], size[0], 3), np.uint8)
    KeypointPainter(seen, size).draw(image, frame)
    return image


def test_a_stroke_covers_its_own_area():
    image = np.zeros((60, 80, 3), np.uint8)
    draw_plain(image, np.array([(10.3, 20.2, 60.9, 45.7)]), 3.0, (255, 255, 255), 1.0)
    length = np.hypot(50.6, 25.5)
    assert image[..., 0].sum() / 255 == pytest.approx(2 * 3 * length + np.pi * 3**2, rel=0.01)


def test_opacity_mixes_and_what_lies_outside_or_nowhere_is_cut():
    image = np.full((20, 20, 3), 100, np.uint8)
    far = np.array([(-1e9, 5, 1e9, 5), (np.nan, 1, 2, 3), (np.inf, 0, 0, 0), (500, 500, 600, 600)])
    draw_plain(image, far, 1.0, (200, 200, 200), 0.5)
    assert (image[4:6] == 150).all() and (image[:3] == 100).all() and (image[8:] == 100).all()


def test_sides_have_their_colours_at_their_joints():
    image = drawn(footage({5: (120, 50, 1), 7: (130, 90, 1), 6: (60, 50, 1), 8: (50, 90, 1)}))
    assert tuple(image[90, 130]) == LEFT and tuple(image[90, 50]) == RIGHT


def test_the_surer_the_more_opaque_and_the_unseen_not_at_all():
    light = [int(drawn(footage({9: (80, 100, c)}))[100, 80].max()) for c in (CONFIDENT - 0.01, CONFIDENT, 0.6, 1)]
    assert light[0] == 0
    assert 0 < light[1] < light[2] < light[3] == max(LEFT)


def test_a_limb_needs_both_its_ends():
    image = drawn(footage({11: (80, 50, 1), 13: (80, 150, 0.1)}))
    assert image[90:, :].max() == 0


def test_keypoints_follow_the_picture_s_size():
    seen = footage({10: (40, 150, 1)})
    image = drawn(seen, size=(320, 400))
    assert tuple(image[300, 80]) == RIGHT


def test_after_its_end_and_where_nobody_is_nothing_is_drawn():
    assert drawn(footage({9: (80, 100, 1)}), frame=7).max() == 0
    assert drawn(footage({})).max() == 0


def test_cuts_flash_and_fade_and_shots_are_numbered():
    painter = KeypointPainter(footage({9: (80, 100, 1)}, cuts=(20, 60), frames=90), SIZE)
    light = []
    for frame in (0, 19, 20, 23, 30, 50, 60):
        image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
        painter.flash(image, frame)
        light.append(int(image[0].max()))
        assert image[100, 80].max() == 0, "the middle stays clear"
    assert light[:2] == [0, 0] and light[2] > light[3] > light[4] > light[5] == 0 and light[6] == light[2]
    assert [painter.shot(frame) for frame in (0, 19, 20, 59, 60, 89)] == [1, 1, 2, 2, 3, 3]
    assert painter.caption(60) == "shot 3 of 3   2.0 s"
    assert "nobody" in KeypointPainter(footage({}, frames=3), SIZE).caption(0)


def test_a_picture_of_the_right_size_is_left_alone():
    picture = plain_ground((30, 20))
    assert resized(picture, (30, 20)) is picture
    assert resized(picture, (61, 43)).shape == (43, 61, 3)
