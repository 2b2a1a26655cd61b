import numpy as np
import pytest

from core_vimo.rotations import FRONT
from stylize.render.framing import follow, frame_all, front_of

SIZES = [(720, 720), (720, 1280), (1920, 1080)]


def seen(points, camera, size, frame=0):
    focal, x, y = camera.lens(size)
    right, up, back = camera.axes @ (points - camera.eye_m(frame)).T
    return np.stack((x + focal * right / -back, y - focal * up / -back), 1), -back


def wander(frames=90):
    rng = np.random.default_rng(5)
    path = np.cumsum(rng.normal(0, 0.05, (frames, 1, 3)), 0) * [1, 1, 0.1]
    return (path + rng.uniform((-0.6, -0.6, 0), (0.6, 0.6, 1.8), (frames, 24, 3))).astype(np.float32)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("azimuth", [FRONT, 0.3, 2.5])
def test_the_still_camera_holds_everything_and_stands_no_farther_than_needed(size, azimuth):
    points = wander().reshape(-1, 3)
    camera = frame_all(points, size, azimuth)
    pixels, depth = seen(points, camera, size)
    assert (depth > 0).all()
    assert (pixels >= 0).all() and (pixels <= size).all()
    fill = (np.abs(pixels / size - 0.5) * 2).max()
    assert 0.75 < fill <= 0.9, "it fills the picture, but for the margin and the flesh"


@pytest.mark.parametrize("size", SIZES)
def test_the_following_camera_holds_every_frame_and_never_jerks(size):
    joints = wander()
    joints += np.linspace(0, 12, len(joints))[:, None, None].astype(np.float32) * np.array([1, 0.5, 0], np.float32)
    camera = follow(joints, 30.0, size)
    for frame in range(len(joints)):
        pixels, _ = seen(joints[frame], camera, size, frame)
        assert (pixels >= 0).all() and (pixels <= size).all()
    root = np.diff(joints[:, 0], 2, axis=0)
    assert np.abs(np.diff(camera.eyes_m, 2, axis=0)).max() < 0.05 * np.abs(root).max()
    still = frame_all(joints, size)
    middle = joints[:, 0].mean(0)
    assert np.linalg.norm(camera.eyes_m[0] - joints[0, 0]) < np.linalg.norm(still.eyes_m[0] - middle)


def test_the_audience_sees_the_dancers_left_on_its_right():
    camera = frame_all(wander(), (720, 720))
    np.testing.assert_allclose(camera.axes[0], [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(camera.axes @ camera.axes.T, np.eye(3), atol=1e-6)
    assert camera.eyes_m[0, 1] < -2


def test_front_is_the_side_faced_most():
    assert front_of(np.array([3.1, -3.1, 3.0])) == pytest.approx(np.pi, abs=1e-6) or front_of(
        np.array([3.1, -3.1, 3.0])
    ) == pytest.approx(-np.pi, abs=1e-6)
    assert front_of(np.linspace(0, 2 * np.pi, 100, endpoint=False)) == FRONT, "a dancer who turns all the time"
    assert front_of(np.array([FRONT + 0.2])) == pytest.approx(FRONT)
