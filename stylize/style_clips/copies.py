"""How near each window comes to a stretch of an earlier clip: a recording handed in twice is found, however it is cut.

Compared are poses a second apart, at the same pace, relative to the pelvis and turned to one side, so that neither
place nor heading count; `core_vimo.metrics.copying` allows other paces as well and costs a hundred times as much.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core_vimo.metrics.copying import facing_poses

APART = 30
"""Frames from one compared pose to the next: a second."""

MOST_FRAMES = 108_000
"""An hour; of larger sets nothing is compared, since the work grows by the square (20 s for an hour on one core)."""

_AT_ONCE = 4096
_MILLIMETRES = 3


@dataclass(frozen=True)
class Nearest:
    """The least distance of each window, `[W]` metres to the millimetre, and the earlier clip that has it, `[W]`."""

    distance_m: list[float]
    clip: list[int]


def nearest_earlier(clips: Sequence[Tensor], starts: Sequence[Sequence[int]], frames: int) -> list[Nearest]:
    """For windows of `frames` frames at `starts` of each clip's joints `[S, 24, 3]`; infinity and -1 without one.

    Root mean square over joints and the compared poses. A window that is told by fewer than two poses isn't compared.
    """
    offsets = torch.arange(0, frames, APART)
    if sum(map(len, clips)) > MOST_FRAMES or len(offsets) < 2:
        return [Nearest([torch.inf] * len(own), [-1] * len(own)) for own in starts]
    poses = [facing_poses(joints_m).flatten(1) for joints_m in clips]
    found, earlier = [], torch.zeros(0, len(offsets) * 72)
    owners = torch.zeros(0, dtype=torch.long)
    for number, (own, first) in enumerate(zip(poses, starts, strict=True)):
        found.append(_nearest(_told(own, torch.tensor(first, dtype=torch.long), offsets), earlier, owners))
        every = _told(own, torch.arange(len(own) - frames + 1), offsets)
        earlier = torch.cat((earlier, every))
        owners = torch.cat((owners, torch.full((len(every),), number)))
    return found


def _told(poses: Tensor, starts: Tensor, offsets: Tensor) -> Tensor:
    return poses[starts[:, None] + offsets].flatten(1)


def _nearest(windows: Tensor, earlier: Tensor, owners: Tensor) -> Nearest:
    if not len(earlier) or not len(windows):
        return Nearest([torch.inf] * len(windows), [-1] * len(windows))
    least = torch.full((len(windows),), torch.inf)
    where = torch.zeros(len(windows), dtype=torch.long)
    for first in range(0, len(earlier), _AT_ONCE):
        near, index = torch.cdist(windows, earlier[first : first + _AT_ONCE]).min(1)
        where = torch.where(near < least, owners[first + index], where)
        least = torch.minimum(near, least)
    scale = (windows.shape[1] / 3) ** -0.5
    return Nearest([round(float(d) * scale, _MILLIMETRES) for d in least], where.tolist())
