import numpy as np
import pytest

from core_vimo.motion import turn
from core_vimo.skeleton import JOINT_NAMES
from stylize.render.camera import Camera
from stylize.render.framing import follow, frame_all
from stylize.render.poses import mannequin_mesh, poses_of
from stylize.render.scene import Scene

SIZE = (160, 200)
LEFT_HAND, RIGHT_HAND, HEAD = (JOINT_NAMES.index(name) for name in ("left_hand", "right_hand", "head"))


@pytest.fixture(scope="module")
def poses(dance):
    return poses_of(dance)


@pytest.fixture(scope="module")
def scene(poses):
    return Scene(mannequin_mesh(), frame_all(poses.joints_m, SIZE), SIZE)


def draw(scene, poses, frame):
    return scene.draw(poses.transforms[frame : frame + 1], poses.joints_m[frame : frame + 1], frame)


def colour_at(image, pixel):
    x, y = np.round(pixel[:2] - 0.5).astype(int)
    return image[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).mean(0)


def test_facing_the_camera_the_left_hand_is_on_the_right_and_orange(scene, poses):
    image = draw(scene, poses, 0)
    hands = scene.pixels_of(poses.joints_m[0, [LEFT_HAND, RIGHT_HAND]])
    assert hands[0, 0] > SIZE[0] / 2 > hands[1, 0]
    left, right = colour_at(image, hands[0]), colour_at(image, hands[1])
    assert left[0] > left[2] + 40, "orange"
    assert right[2] > right[0] + 40, "green"


def test_seen_from_behind_the_left_hand_is_on_the_left(dance):
    behind = poses_of(turn(dance, np.pi))
    scene = Scene(mannequin_mesh(), frame_all(behind.joints_m, SIZE), SIZE)
    hands = scene.pixels_of(behind.joints_m[0, [LEFT_HAND, RIGHT_HAND]])
    assert hands[0, 0] < hands[1, 0]


def test_the_head_is_up_and_the_feet_are_down(scene, poses):
    image = draw(scene, poses, 0).astype(int)
    body = np.abs(image - scene.draw(*far_away(poses)).astype(int)).sum(-1) > 90
    rows = np.nonzero(body.any(1))[0]
    head = scene.pixels_of(poses.joints_m[0, [HEAD]])[0]
    assert rows.min() < head[1] < SIZE[1] / 2 < rows.max()


def far_away(poses):
    """The dancer out of sight: 100 m to the side."""
    away = np.array([100, 0, 0], np.float32)
    transforms = poses.transforms[:1].copy()
    transforms[..., 3] += away
    return transforms, poses.joints_m[:1] + away


def test_the_same_frame_gives_the_same_bytes_whatever_was_drawn_before(scene, poses):
    first = draw(scene, poses, 12)
    draw(scene, poses, 50)
    assert draw(scene, poses, 12).tobytes() == first.tobytes()
    fresh = Scene(mannequin_mesh(), scene.camera, SIZE)
    assert draw(fresh, poses, 12).tobytes() == first.tobytes()


@pytest.mark.parametrize("frame", [0, 20, 55])
def test_the_boxes_drawn_in_miss_nothing(scene, poses, frame, monkeypatch):
    image = draw(scene, poses, frame)
    whole = (0, SIZE[0], 0, SIZE[1])
    monkeypatch.setattr(Scene, "_box", lambda self, pixels, margin: whole)
    difference = np.abs(draw(scene, poses, frame).astype(int) - image)
    assert difference.max() <= 1


def test_the_shadow_falls_away_from_the_lamp_and_touches_the_feet(scene, poses):
    image, empty = draw(scene, poses, 0).astype(int), scene.draw(*far_away(poses)).astype(int)
    root = poses.joints_m[0, 0] * np.array([1, 1, 0], np.float32)
    away = root - scene._sun * np.array([0.6, 0.6, 0], np.float32) / scene._sun[2]
    towards = root + scene._sun * np.array([0.9, 0.9, 0], np.float32) / scene._sun[2]
    spots = scene.pixels_of(np.stack((away, towards)).astype(np.float32))
    assert (colour_at(empty, spots[0]) - colour_at(image, spots[0])).mean() > 10
    assert (colour_at(empty, spots[1]) - colour_at(image, spots[1])).mean() < 6


def test_a_moving_camera_sees_a_moving_floor(poses):
    camera = follow(poses.joints_m + np.arange(60, dtype=np.float32)[:, None, None] * [0.05, 0, 0], 30.0, SIZE)
    scene = Scene(mannequin_mesh(), camera, SIZE)
    first = draw(scene, poses, 0)
    assert (draw(scene, poses, 59)[-20:] != first[-20:]).any()
    assert draw(scene, poses, 0).tobytes() == first.tobytes()


def test_several_dancers_are_drawn_as_if_each_were_alone(poses):
    apart = np.array([[[-1.2, 0, 0]], [[1.2, 0, 0]]], np.float32)
    transforms = poses.transforms[[0, 30]].copy()
    transforms[..., 3] += apart
    joints = poses.joints_m[[0, 30]] + apart
    size = (320, 200)
    camera = frame_all(joints, size)
    both = Scene(mannequin_mesh(), camera, size, dancers=2).draw(transforms, joints).astype(int)
    one = Scene(mannequin_mesh(), camera, size)
    for i, half in enumerate((slice(0, 140), slice(180, 320))):
        alone = one.draw(transforms[i : i + 1], joints[i : i + 1]).astype(int)
        assert (np.abs(both - alone)[:, half].max(-1) > 40).mean() < 0.02


def test_a_camera_inside_the_body_neither_fails_nor_hangs(poses):
    eye = poses.joints_m[:1, 0]
    camera = Camera(eye, frame_all(poses.joints_m, SIZE).axes, 2.1)
    assert draw(Scene(mannequin_mesh(), camera, SIZE), poses, 0).shape == (200, 160, 3)
