"""A body beside what views saw of it.

Shapes: `B` clips, `V` views, `S` frames, `J` = 17 COCO points. Views are a mapping: keypoints `[B, V, S, J, 3]` pixels
and confidence, cuts `[B, V, S]` bool, and cameras in the body's world: intrinsics and R_camera_world `[B, V, S, 3, 3]`,
t_camera_m `[B, V, S, 3]`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from core_vimo.camera import tangents_of
from core_vimo.evidence import CONFIDENT
from core_vimo.steadying import steadied

NEAR_M = 0.2
"""What is nearer to a camera, or behind it, doesn't count, unless settings say otherwise."""


class Sighting(NamedTuple):
    """How a body is seen to be off, over `F` frames or steps between them."""

    error: Tensor  # [B, V, F, J, 2] tangents
    depth_m: Tensor  # [B, V, F, J] of the body, detached
    counts: Tensor  # [B, V, F, J] confidence; 0 where it doesn't count
    tangents: Tensor  # [B, V, F, J, 2] of the keypoints

    @classmethod
    def of(cls, coco_m: Tensor, views: Mapping[str, Tensor], near_m: float) -> "Sighting":
        """Of COCO points `[B, S, J, 3]`; what is nearer to a camera than `near_m`, or behind it, doesn't count."""
        points_m = coco_m[:, None] @ views["R_camera_world"].mT + views["t_camera_m"][..., None, :]
        depth_m, confidence = points_m[..., 2], views["keypoints"][..., 2]
        there = (confidence >= CONFIDENT) & (depth_m > near_m)
        depth_m = torch.where(there, depth_m, 1.0)  # no division by 0, whose gradient is no number
        tangents = tangents_of(views["keypoints"][..., :2], views["intrinsics"])
        error = points_m[..., :2] / depth_m[..., None] - tangents
        return cls(error, depth_m.detach(), torch.where(there, confidence, 0.0), tangents)


_PARALLEL = 0.05
"""Of the views' confidence, how much holds to their mean: depth is half believed where two meet at 26°."""

_BESIDE_M = 0.2
"""Deviation of the distance up to which what wasn't seen moves along with what was."""
_HARDLY = 0.1
"""Confidence from which on a point tells of itself more than those beside it do."""


@torch.no_grad()
def cast_back(coco_m: Tensor, seen: Sighting, views: Mapping[str, Tensor], fps: float) -> Tensor:
    """How far a body's points `[B, S, J, 3]` are from where keypoints, cast back along their rays to the points' own
    depths, say they are: `[B, S, J, 3]`, each view's `steadied`. Of several views it is about where their rays meet, as
    far as they aren't parallel. What none saw moves along with what was seen beside it, or stays."""
    rays = F.pad(seen.tangents, (0, 1), value=1.0) * seen.depth_m[..., None]
    cast_m = (rays - views["t_camera_m"][..., None, :]) @ views["R_camera_world"]
    off_m = cast_m - coco_m[:, None]
    steady = steadied(off_m.flatten(0, 1), seen.counts.flatten(0, 1), views["cuts"].flatten(0, 1), fps)
    each_m, sure = (part.unflatten(0, seen.counts.shape[:2]) for part in steady)
    together_m = each_m[:, 0] if len(each_m[0]) == 1 else _met(each_m, sure, rays, views)
    return _carried(together_m, sure.amax(1), coco_m)


def _met(each_m: Tensor, sure: Tensor, rays: Tensor, views: Mapping[str, Tensor]) -> Tensor:
    """`[B, S, J, 3]` of what each view says `[B, V, S, J, 3]`, which across its ray it knows and along it doesn't."""
    total = sure.sum(1)[..., None]
    mean_m = (each_m * sure[..., None]).sum(1) / torch.where(total > 0, total, 1.0)
    along = F.normalize(rays @ views["R_camera_world"], dim=-1)
    every = torch.eye(3, device=along.device, dtype=along.dtype)
    across = sure[..., None, None] * (every - along[..., :, None] * along[..., None, :])
    left_m = (across @ (each_m - mean_m[:, None])[..., None]).sum(1)
    known = across.sum(1) + (_PARALLEL * total[..., None] + 1e-6) * every
    return mean_m + torch.linalg.solve(known, left_m)[..., 0]


def _carried(off_m: Tensor, sure: Tensor, coco_m: Tensor) -> Tensor:
    """Off by `[B, S, J, 3]`, as surely as `[B, S, J]`: with one hip seen and one not, a body that is only displaced
    would else be turned."""
    known = 1 / (1 + (_HARDLY / sure.clamp(min=1e-6)).square())
    beside = torch.exp(-0.5 * (torch.cdist(coco_m, coco_m) / _BESIDE_M).square()) * known[..., None, :]
    mean_m = (beside @ off_m) / (beside.sum(-1, keepdim=True) + _HARDLY)
    return torch.lerp(mean_m, off_m, known[..., None])
