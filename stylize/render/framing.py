"""Where the camera stands: far enough to hold every frame of the dance, or moving along with the dancer."""

import numpy as np

from core_vimo.rotations import FRONT
from stylize.render.camera import Camera, Floats, Size

FOCAL = 2.1
"""In shorter picture sides: about 27 degrees, a lens that doesn't stretch arms."""

_HEIGHT = np.radians(9.0)  # the camera looks down a little, so that the floor shows where the feet go
_FLESH_M = 0.13  # how far the body reaches beyond its joints
_MARGIN = 0.9  # share of the picture that the dance may fill
_FOLLOW_S = 0.7  # the following camera ignores what is quicker than this


def frame_all(joints_m: Floats, size: Size, azimuth: float = FRONT, focal: float = FOCAL) -> Camera:
    """A still camera that holds every joint of `joints_m [..., 3]`, seen from `azimuth`."""
    axes = _axes(azimuth)
    return Camera(_eye(joints_m.reshape(-1, 3), axes, size, focal)[None], axes, focal)


def follow(joints_m: Floats, fps: float, size: Size, azimuth: float = FRONT) -> Camera:
    """A camera that glides with the pelvis of `joints_m [S, 24, 3]` and never turns."""
    path = _smooth(joints_m[:, 0] * np.array([1, 1, 0], np.float32), _FOLLOW_S * fps)
    axes = _axes(azimuth)
    eye = _eye((joints_m - path[:, None]).reshape(-1, 3), axes, size, FOCAL)
    return Camera((eye + path).astype(np.float32), axes, FOCAL)


def front_of(headings: Floats) -> float:
    """The side that the dance faces most, to the nearest eighth of a turn; the audience's side where it faces none."""
    mean = np.exp(1j * headings.astype(np.float64)).mean()
    if abs(mean) < 0.25:
        return FRONT
    return float(np.round(np.angle(mean) / (np.pi / 4)) * np.pi / 4)


def _axes(azimuth: float) -> Floats:
    flat = np.cos(_HEIGHT)
    back = np.array([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(_HEIGHT)])
    right = np.cross([0.0, 0.0, 1.0], back)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(back, right), back]).astype(np.float32)


def _eye(points: Floats, axes: Floats, size: Size, focal: float) -> Floats:
    """The nearest place from which all points fit, in closed form.

    In camera axes a point p is inside the right edge when p_x - e_x <= s (e_z - p_z), s the half width over the focal
    length; left, top and bottom alike. Each pair of edges gives the middle and the least distance.
    """
    seen = points.astype(np.float64) @ axes.T.astype(np.float64)
    place, distances = np.zeros(3), []
    for axis in (0, 1):
        slope = _MARGIN * size[axis] / min(size) / (2 * focal)
        above = (seen[:, axis] + slope * seen[:, 2]).max() + _FLESH_M
        below = (slope * seen[:, 2] - seen[:, axis]).max() + _FLESH_M
        place[axis] = (above - below) / 2
        distances.append((above + below) / (2 * slope))
    place[2] = max(distances)
    return (place @ axes).astype(np.float32)


def _smooth(path: Floats, sigma: float) -> Floats:
    """Gaussian mean over frames of `path [S, D]`; beyond the ends the path stands still."""
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-6)) ** 2)
    padded = np.pad(path.astype(np.float64), ((reach, reach), (0, 0)), mode="edge")
    columns = [np.convolve(column, kernel / kernel.sum(), mode="valid") for column in padded.T]
    return np.stack(columns, 1).astype(np.float32)
