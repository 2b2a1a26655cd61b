"""A pose detector's habits: what it would report of a body whose true place in the picture is known.

Calibrated loosely after public detectors: how unsure each joint is follows COCO's own deviations between annotators
(the OKS constants), and confidence falls with the error, behind limbs and at the picture's edge.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core_vimo.pose2d import COCO_NAMES

Floats = NDArray[np.floating]  # float32
Bools = NDArray[np.bool_]

_OKS_SIGMA = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89], np.float32) / 1000
_BODY_M = 0.7  # square root of a standing body's area: what OKS deviations are a share of
_BOX_M = 1.5  # a standing body's box
_ENOUGH = 5  # seen joints that make a box worth trusting
_UNSURE_M = 0.12  # an error at which a detector that knows it loses two thirds of its confidence
_MIRROR = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
_LEGS = np.arange(17) >= COCO_NAMES.index("left_hip")

# Body parts that hide what is behind them: two ends (17 the mid-shoulders, 18 the mid-hips, 19 the mid-ears), radius.
_PARTS = np.array([[17, 18], [11, 13], [12, 14], [13, 15], [14, 16], [5, 7], [6, 8], [7, 9], [8, 10], [19, 17]])
_PART_RADII_M = np.array([0.13, 0.075, 0.075, 0.05, 0.05, 0.045, 0.045, 0.04, 0.04, 0.09], np.float32)[:, None]
_OWN = (np.arange(17)[:, None, None] == _PARTS).any(-1)

# What a chair, a table or the crowd may stand before.
_GROUPS = (
    ("left_elbow", "left_wrist"),
    ("right_elbow", "right_wrist"),
    ("left_knee", "left_ankle"),
    ("right_knee", "right_ankle"),
    ("left_ankle", "right_ankle"),
    ("left_knee", "left_ankle", "right_knee", "right_ankle"),
    ("left_hip", "left_knee", "left_ankle", "right_hip", "right_knee", "right_ankle"),
    ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder"),
)
_GROUP_MASKS = np.array([[name in group for name in COCO_NAMES] for group in _GROUPS], np.float32)


def detect(
    xy: Floats, points_m: Floats, px_per_m: Floats, size: tuple[int, int], draw: torch.Generator, missing: float | None
) -> Floats:
    """A detector's keypoints `[S, 17, 3]`, zeros where nothing was found.

    xy `[S, 17, 2]` true pixels; points_m `[S, 17, 3]` in the camera's axes; px_per_m `[S]` at the body's distance;
    missing: share of all joints dropped on top of what the scene hides (None: drawn, mostly small).
    """
    frames = len(xy)
    hidden = np.maximum(_hidden_by_body(points_m), _behind_things(frames, draw))
    error_m = _error_m(hidden, draw)
    found = xy + error_m * px_per_m[:, None, None]
    confidence = _confidence(_length(error_m[..., 0], error_m[..., 1]), hidden, draw)
    inside = ((found >= 0) & (found < np.array(size, np.float32))).all(-1) & (points_m[..., 2] > 0.1)
    nobody = spells(frames, 1, 0.25, 10, draw)
    keypoints = np.concatenate((found, confidence[..., None]), axis=-1)
    keypoints[~inside | nobody | _dropped(frames, missing, draw)] = 0
    return _swapped(keypoints, draw)


def detect_worse(reported: Tensor, draw: torch.Generator) -> Tensor:
    """What a detector reported, `[S, 17, 3]`, with such errors once more; where nobody is seen, nothing is made up.

    How many pixels a metre has is told by the box of the joints that are seen.
    """
    keypoints = reported.float().numpy()
    xy, frames, seen = keypoints[..., :2], len(keypoints), keypoints[..., 2] > 0
    extent = np.where(seen[..., None], xy, -np.inf).max(1) - np.where(seen[..., None], xy, np.inf).min(1)
    px_per_m = np.where(seen.sum(1) >= _ENOUGH, extent.max(-1), 0) / _BOX_M
    error_m = _error_m(np.zeros((frames, 17), np.float32), draw)
    found = xy + error_m * px_per_m[:, None, None]
    aware = uniform(draw, frames, 17)
    confidence = keypoints[..., 2] * np.exp(-aware * _length(error_m[..., 0], error_m[..., 1]) / _UNSURE_M)
    nobody = spells(frames, 1, 0.25, 10, draw)
    worse = np.concatenate((found, confidence[..., None]), axis=-1, dtype=np.float32)
    worse[~seen | nobody | _dropped(frames, None, draw)] = 0
    return torch.from_numpy(_swapped(worse, draw))


def uniform(draw: torch.Generator, *shape: int) -> Floats:
    """Numbers in [0, 1)."""
    return torch.rand(shape, generator=draw).numpy()


def normal(draw: torch.Generator, *shape: int) -> Floats:
    """Standard normal numbers."""
    return torch.randn(shape, generator=draw).numpy()


def trembling(frames: int, columns: int, sigma_frames: float, draw: torch.Generator) -> Floats:
    """`[frames, columns]` of unit variance, correlated over time like a Gaussian of that deviation."""
    reach = max(1, round(2.5 * sigma_frames))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_frames) ** 2)
    kernel = (kernel / np.linalg.norm(kernel)).astype(np.float32)
    white = normal(draw, columns, 1, frames + 2 * reach)[:, 0]
    # One row after the other; where they meet is cut off. A product of matrices would be quicker, but wakes threads
    # that fight those of training for the cores.
    return np.correlate(white.ravel(), kernel, "same").reshape(white.shape)[:, reach : reach + frames].T


def spells(frames: int, columns: int, rate: float, longest: int, draw: torch.Generator) -> Bools:
    """`[frames, columns]` bool: stretches of 1 to `longest` frames, on average `rate` in five seconds of a column."""
    slots = -(-frames // 75)
    begin = uniform(draw, slots, columns) * np.float32(frames)
    end = begin + (1 + uniform(draw, slots, columns) ** 2 * np.float32(longest - 1))
    happens = uniform(draw, slots, columns) < rate / 2
    active = np.zeros((frames, columns), bool)
    for slot, column in zip(*happens.nonzero(), strict=True):
        active[int(begin[slot, column]) : int(end[slot, column]), column] = True
    return active


def _hidden_by_body(points_m: Floats) -> Floats:
    """`[S, 17]` in [0, 1]: how far a joint is behind the trunk, the head or another limb, seen from the camera."""
    joints = points_m.T  # [3, 17, S]
    middles = (joints[:, [5, 11, 3]] + joints[:, [6, 12, 4]]) / 2
    points = np.concatenate((joints, middles), axis=1)
    np.maximum(points[2], 0.3, out=points[2])
    points[:2] *= points[2, 18] / points[2]  # to metres at the hips' distance, whatever the distance
    start = points[:, _PARTS[:, 0]]
    axis = points[:, _PARTS[:, 1]] - start
    x, y, depth = points[:, :17, None] - start[:, None]  # [17, parts, S]
    along = (x * axis[0] + y * axis[1]) / np.maximum(axis[0] ** 2 + axis[1] ** 2, 1e-4)
    along = along.clip(0, 1)
    apart = _length(x - along * axis[0], y - along * axis[1])
    behind = ((depth - along * axis[2] - 0.04) / 0.06).clip(0, 1)
    covered = ((1.3 * _PART_RADII_M - apart) / (0.6 * _PART_RADII_M)).clip(0, 1)
    covered[_OWN] = 0
    return (behind * covered).max(1).T


def _length(x: Floats, y: Floats) -> Floats:
    return np.sqrt(x * x + y * y)


def _behind_things(frames: int, draw: torch.Generator) -> Floats:
    """`[S, 17]` 0 or 1: limbs that something in the scene stands before for up to three seconds."""
    return np.minimum(spells(frames, len(_GROUPS), 0.08, 90, draw).astype(np.float32) @ _GROUP_MASKS, 1)


def _error_m(hidden: Floats, draw: torch.Generator) -> Floats:
    """`[S, 17, 2]`: a lasting bias, what wanders, what trembles, and now and then a joint that is quite wrong."""
    frames = len(hidden)
    quality = 0.25 * 4 ** float(uniform(draw))
    lasting = normal(draw, 1, 34)
    wandering = trembling(frames, 34, 4.0, draw)
    white = normal(draw, frames, 34)
    unit = (0.45 * lasting + 0.5 * wandering + 0.25 * white).reshape(frames, 17, 2)
    error = unit * (quality * _BODY_M * _OKS_SIGMA * (1 + 2 * hidden))[..., None]
    wrong = uniform(draw, frames, 17, 1) < 0.003
    return error + 0.4 * wrong * normal(draw, frames, 17, 2)


def _confidence(error_m: Floats, hidden: Floats, draw: torch.Generator) -> Floats:
    """`[S, 17]`: lower where the error is larger and behind things; a detector knows its own error only roughly."""
    frames = len(error_m)
    best = 0.75 + 0.23 * float(uniform(draw))
    harshness = 0.1 + 0.7 * float(uniform(draw))
    aware = uniform(draw, frames, 17)
    drift = trembling(frames, 17, 6.0, draw)
    confidence = best * np.exp(-aware * error_m / _UNSURE_M) * (1 - harshness * hidden) + 0.06 * drift
    return confidence.clip(0.01, 0.99)


def _dropped(frames: int, missing: float | None, draw: torch.Generator) -> Bools:
    """`[S, 17]` bool, exactly that share of all (rounded): half of them single, half in stretches."""
    share = 0.3 * float(uniform(draw)) ** 3 if missing is None else missing
    score = trembling(frames, 17, 3.0, draw) + normal(draw, frames, 17)
    kept = score.size - round(share * score.size)
    dropped = np.zeros(score.size, bool)
    dropped[score.argpartition(min(kept, score.size - 1), axis=None)[kept:]] = True
    return dropped.reshape(frames, 17)


def _swapped(keypoints: Floats, draw: torch.Generator) -> Floats:
    """Left and right exchanged for a few frames: the whole body's or the legs'."""
    body, legs = spells(len(keypoints), 2, 0.35, 8, draw).T[..., None]
    return np.where((body | (legs & _LEGS))[..., None], keypoints[:, _MIRROR], keypoints)
