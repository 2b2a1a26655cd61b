"""What a model is told of a view: keypoints made relative, so that zooms, pans and picture sizes don't matter.

Seeds: 2D input is root-centred and scaled; missing and uncertain joints are masked, short gaps interpolated.
"""

import torch
from torch import Tensor

from core_vimo.footage import Footage
from core_vimo.pose2d import COCO_NAMES

EVIDENCE = 72
"""Channels: x, y of 17 joints (34), confidence (17), seen (17), travel (3), a shot's first frame (1)."""
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
    shot = cuts.long().cumsum(0)
    first = _first_frames(shot)
    xy, confidence, seen = _bridged(keypoints.float(), shot)
    low, high = _box(xy, seen)
    found = seen.any(1)
    size = _steady_size(torch.where(found, (high - low).amax(-1), 0.0), seen.sum(1) >= _ENOUGH, shot)
    middle, hips = (low + high) / 2, xy[:, _HIPS].mean(1)
    standing = seen[:, _HIPS].all(1, keepdim=True)
    centre = torch.where(standing, hips, middle)
    place = torch.where(seen[..., None], (xy - centre[:, None]) / size[:, None, None], 0.0)
    travel = torch.where((found & ~first)[:, None], _travel(hips, middle, standing, size, found), 0.0)
    up = torch.tensor([1.0, -1.0], device=xy.device)
    parts = ((place * up).flatten(1), confidence, seen.float(), travel, first.float()[:, None])
    return torch.cat(parts, dim=1).clamp(-_FARTHEST, _FARTHEST)


def _first_frames(shot: Tensor) -> Tensor:
    return torch.cat((shot.new_ones(1, dtype=torch.bool), shot[1:] != shot[:-1]))


def _bridged(keypoints: Tensor, shot: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Positions, confidence and whether seen, after short gaps inside a shot have been bridged by straight lines."""
    xy, confidence = keypoints[..., :2], keypoints[..., 2]
    seen = (confidence >= CONFIDENT) & torch.isfinite(keypoints).all(-1)
    xy, confidence = torch.where(seen[..., None], xy, 0.0), torch.where(seen, confidence, 0.0)
    frame, last = torch.arange(len(xy), device=xy.device)[:, None], len(xy)
    before = torch.where(seen, frame, -last).cummax(0).values
    after = torch.where(seen, frame, 2 * last).flip(0).cummin(0).values.flip(0)
    short = ~seen & (after - before <= MAX_GAP + 1)
    before, after = before.clamp(min=0), after.clamp(max=last - 1)
    short &= shot[before] == shot[after]
    weight = ((frame - before) / (after - before).clamp(min=1))[..., None]
    between = torch.lerp(_at(xy, before), _at(xy, after), weight)
    doubtful = _BRIDGED * torch.minimum(confidence.gather(0, before), confidence.gather(0, after))
    return torch.where(short[..., None], between, xy), torch.where(short, doubtful, confidence), seen | short


def _at(xy: Tensor, frames: Tensor) -> Tensor:
    return xy.gather(0, frames[..., None].expand(-1, -1, 2))


def _box(xy: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Lower and upper corner `[S, 2]` of the seen joints; the origin where nothing is seen."""
    low = torch.where(seen[..., None], xy, torch.inf).amin(1)
    high = torch.where(seen[..., None], xy, -torch.inf).amax(1)
    found = seen.any(1)[:, None]
    return torch.where(found, low, 0.0), torch.where(found, high, 0.0)


def _steady_size(size: Tensor, trusted: Tensor, shot: Tensor) -> Tensor:
    """The box size's median over neighbouring trusted frames of its shot: a median follows ramps and steps, so zooms
    stay, and single bad joints go."""
    frames = torch.arange(-_REACH, len(size) + _REACH, device=size.device).unfold(0, 2 * _REACH + 1, 1)
    inside = (frames >= 0) & (frames < len(size))
    frames = frames.clamp(0, len(size) - 1)
    usable = inside & trusted[frames] & (shot[frames] == shot[:, None])
    steady = torch.where(usable, size[frames], torch.nan).nanmedian(1).values
    steady = torch.where(torch.isnan(steady), size, steady)
    return torch.where(steady > 0, steady, 1.0)


def _travel(hips: Tensor, middle: Tensor, standing: Tensor, size: Tensor, found: Tensor) -> Tensor:
    """`[S, 3]`: steps of the hips, of the box's middle where a hip was unseen now or before, and of log size."""
    step = torch.zeros(len(size), 3, device=size.device)
    both = standing[1:] & standing[:-1]
    moved = torch.where(both, hips[1:] - hips[:-1], middle[1:] - middle[:-1]) / size[1:, None]
    known = (found[1:] & found[:-1])[:, None]
    up = torch.tensor([1.0, -1.0], device=size.device)
    step[1:] = torch.where(known, torch.cat((moved * up, (size[1:] / size[:-1]).log()[:, None]), dim=1), 0.0)
    return step
