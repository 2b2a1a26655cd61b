"""What a model is told of a view: keypoints made relative, so that zooms, pans and picture sizes don't matter.

Seeds: 2D input is root-centred and scaled; missing and uncertain joints are masked, short gaps interpolated.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core_vimo.footage import Footage
from core_vimo.pose2d import COCO_NAMES

EVIDENCE = 72
"""Channels: x, y of 17 joints (34), confidence (17), seen (17), travel (3), a shot's first frame (1)."""
CONFIDENCE = slice(34, 51)
SEEN = slice(51, 68)
TRAVEL = slice(68, 71)
FIRST = 71

CONFIDENT = 0.3
"""A joint less confident than this is unseen."""

MAX_GAP = 6
"""Frames (0.2 s at 30 fps): the longest gap that is bridged, from seen frame to seen frame of one shot."""

_BRIDGED = 0.6  # of the lower confidence at a gap's two ends
_REACH = 5  # frames to either side of the box size's median
_ENOUGH = 5  # seen joints that make a box worth trusting
_FARTHEST = 4.0
_HIPS = [COCO_NAMES.index("left_hip"), COCO_NAMES.index("right_hip")]

Floats = NDArray[np.floating]  # float32
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]


def evidence(footage: Footage) -> Tensor:
    """`[S, 72]` of one video's footage; see `evidence_tensor`."""
    cuts = torch.zeros(len(footage), dtype=torch.bool)
    cuts[list(footage.cuts)] = True
    return evidence_tensor(footage.pose.keypoints, cuts)


def evidence_tensor(keypoints: Tensor, cuts: Tensor) -> Tensor:
    """keypoints `[S, 17, 3]` pixels (y down) and confidence, cuts `[S]` bool (a new shot begins) -> `[S, 72]` float32.

    0:34 x, y of each joint from the mid-hips (from the middle of the box of seen joints where a hip is unseen), y up,
    in box sizes; 34:51 confidence; 51:68 seen; 68:71 travel since the frame before: x, y in box sizes and the change
    of log(box size), 0 at a shot's first frame and next to a frame without anyone; 71 a shot's first frame. Zeros for
    whatever is unseen; all within [-4, 4].
    """
    shot = cuts.numpy().cumsum()
    first = np.diff(shot, prepend=-1) > 0
    sight = _bridged(keypoints.detach().float().numpy(), shot)
    box, joints = _box(sight), sight.seen.sum(0)
    found: Bools = joints > 0
    size = _steady_size(np.where(found, (box.high - box.low).max(0), 0), joints >= _ENOUGH, shot)
    middle, hips = (box.low + box.high) / 2, (sight.xy[:, _HIPS[0]] + sight.xy[:, _HIPS[1]]) / 2
    standing = sight.seen[_HIPS[0]] & sight.seen[_HIPS[1]]
    centre = np.where(standing, hips, middle)
    told = np.zeros((len(shot), EVIDENCE), np.float32)
    told[:, 0:34:2], told[:, 1:34:2] = np.where(sight.seen, (sight.xy - centre[:, None]) / size, 0).transpose(0, 2, 1)
    told[:, 1:34:2] *= -1
    told[:, CONFIDENCE], told[:, SEEN] = sight.confidence.T, sight.seen.T
    told[1:, TRAVEL] = np.where(found[1:] & found[:-1] & ~first[1:], _travel(hips, middle, standing, size), 0).T
    told[:, FIRST] = first
    return torch.from_numpy(told.clip(-_FARTHEST, _FARTHEST))


class _Sight(NamedTuple):
    """xy `[2, 17, S]` pixels, confidence and seen `[17, S]`: frames last, which is how sums over joints are quick."""

    xy: Floats
    confidence: Floats
    seen: Bools


class _Box(NamedTuple):
    """Corners `[2, S]` of the seen joints; the origin where nothing is seen."""

    low: Floats
    high: Floats


def _bridged(keypoints: Floats, shot: Indices) -> _Sight:
    """What was seen, and short gaps inside a shot bridged by straight lines; zeros elsewhere."""
    seen = ((keypoints[..., 2] >= CONFIDENT) & np.isfinite(keypoints).all(-1)).T
    x, y, confidence = np.where(seen, np.ascontiguousarray(keypoints.T), 0)
    frame, last, far = np.arange(len(shot)), len(shot), MAX_GAP + 2
    before = np.maximum.accumulate(np.where(seen, frame, -far), axis=1)
    after = np.minimum.accumulate(np.where(seen, frame, last + far)[:, ::-1], axis=1)[:, ::-1]
    joint, gap = (~seen & (after - before <= MAX_GAP + 1)).nonzero()
    begin, end = before[joint, gap], after[joint, gap]
    inside = shot[begin] == shot[end]
    joint, gap, begin, end = (values[inside] for values in (joint, gap, begin, end))
    weight = ((gap - begin) / (end - begin)).astype(np.float32)
    for values in (x, y):
        values[joint, gap] = values[joint, begin] + weight * (values[joint, end] - values[joint, begin])
    confidence[joint, gap] = _BRIDGED * np.minimum(confidence[joint, begin], confidence[joint, end])
    seen[joint, gap] = True
    return _Sight(np.stack((x, y)), confidence, seen)


def _box(sight: _Sight) -> _Box:
    found = sight.seen.any(0)
    low = np.where(sight.seen, sight.xy, np.inf).min(1)
    high = np.where(sight.seen, sight.xy, -np.inf).max(1)
    return _Box(np.where(found, low, 0), np.where(found, high, 0))


def _steady_size(size: Floats, trusted: Bools, shot: Indices) -> Floats:
    """The box size's median over neighbouring trusted frames of its shot: a median follows ramps and steps, so zooms
    stay, and single bad joints go."""
    frames = np.arange(len(size)) + np.arange(-_REACH, _REACH + 1)[:, None]
    inside = (frames >= 0) & (frames < len(size))
    frames = frames.clip(0, len(size) - 1)
    usable = inside & trusted[frames] & (shot[frames] == shot)
    ranked = np.sort(np.where(usable, size[frames], np.inf), axis=0)
    count = usable.sum(0)
    steady = np.where(count > 0, ranked[(count - 1) // 2, np.arange(len(size))], size)
    return np.where(steady > 0, steady, 1)


def _travel(hips: Floats, middle: Floats, standing: Bools, size: Floats) -> Floats:
    """`[3, S - 1]`: steps of the hips, of the box's middle where a hip was unseen now or before, and of log size."""
    both = standing[1:] & standing[:-1]
    x, y = np.where(both, np.diff(hips), np.diff(middle)) / size[1:]
    return np.stack((x, -y, np.log(size[1:] / size[:-1])))
