"""By how much a teacher misjudges which way a body faces, along time.

It looks at one stretch after the other and knows of no camera: one that walks round a dancer looks to it like a dancer
who turns, and over minutes its heading strays from what the camera saw. Around every knot each direction of the compass
is held against the keypoints' rays, and the path through the knots that fits best without straying faster than
`_STRAYS` usually does is the cheapest one of Viterbi's.

Shapes: `S` frames, `J` = 17 COCO points, `K` knots, `N` frames around one, `G` = 72 directions.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core_vimo.camera import tangents_of
from core_vimo.motion import FPS
from core_vimo.rotations import about_z
from core_vimo.video_to_motion.rays import OFF_M, Rays, told, weight_of

_KNOT_S, _AROUND_S = 1.0, 1.5  # from knot to knot, and of what is looked at to either side
_STRIDE = 3  # of the frames looked at: neighbours tell the same
_ALIKE = 10.0  # of those, so many tell hardly more than one
_STRAYS = math.radians(20)  # from knot to knot, usually
_LEAPS = 12.0  # the most that straying costs: now and then a teacher takes a front for a back
_GRID = math.radians(5)
_DIRECTIONS = torch.arange(round(2 * math.pi / _GRID)).double() * _GRID
_CLOSER, _CLOSER_ROUNDS = 0.7, 20  # ends at a hundredth of a degree


def strayed(joints_m: Tensor, seen: Tensor, intrinsics: Tensor, turned: Tensor) -> Tensor:
    """Radians `[S]`, counter-clockwise from above, by which the bodies would have to be turned to be seen as they were.

    joints_m `[S, J, 3]`: of bodies anywhere in the world; seen `[S, J, 3]`: one shot's keypoints; intrinsics and turned
    `[S or 1, 3, 3]`: its camera's, which way it looks (R_camera_world). Zeros where too little was seen.
    """
    around = _Around.knots(joints_m, seen, intrinsics, turned)
    if around is None:
        return torch.zeros(len(seen), dtype=torch.float64)
    costs = torch.stack([around.cost(direction.expand(around.weight.shape[:2])) for direction in _DIRECTIONS])
    knots = _narrowed(around, torch.from_numpy(np.unwrap(_DIRECTIONS[_cheapest(costs)].numpy())))
    return torch.from_numpy(np.interp(np.arange(len(seen)), around.at.numpy(), knots.numpy()))


class _Around(NamedTuple):
    """What was seen around each knot."""

    at: Tensor  # [K] frames
    after: Tensor  # [K, N] how far behind its knot a frame lies, in knots
    joints_m: Tensor  # [K, N, J, 3]
    tangents: Tensor  # [K, N, J, 2]
    weight: Tensor  # [K, N, J]
    turned: Tensor  # [K, N, 3, 3]

    @classmethod
    def knots(cls, joints_m: Tensor, seen: Tensor, intrinsics: Tensor, turned: Tensor) -> "_Around | None":
        frames, telling = len(seen), told(seen)
        if not telling.any():
            return None
        spacing = (frames - 1) / max(round((frames - 1) / (_KNOT_S * FPS)), 1) or 1.0
        at = torch.arange(0, frames, spacing).double()
        reach = round(_AROUND_S * FPS / _STRIDE)
        near = at.round().long()[:, None] + torch.arange(-reach, reach + 1) * _STRIDE
        there = (near >= 0) & (near < frames)
        near = near.clamp(0, frames - 1)
        tangents = tangents_of(seen[..., :2], intrinsics)
        weight = weight_of(seen) * telling[:, None]
        every = turned.expand(frames, 3, 3)
        after = (near - at[:, None]) / spacing
        return cls(at, after, joints_m[near], tangents[near], weight[near] * there[..., None], every[near])

    def cost(self, turns: Tensor, counts: Tensor | None = None) -> Tensor:
        """`[K]`, of the bodies turned by `[K, N]`, of which each counts so much: minus a log-likelihood."""
        bodies_m = self.joints_m @ about_z(turns).double().mT
        rays = Rays.cast(bodies_m, self.tangents, self.weight, self.turned, torch.zeros(3).double())
        errors = rays.error_m2() if counts is None else rays.error_m2() * counts
        return errors.sum(-1) / (2 * OFF_M**2) / _ALIKE


def _cheapest(costs: Tensor) -> Tensor:
    """Which of the `[G, K]` to take at each knot, `[K]` (Viterbi)."""
    apart = _DIRECTIONS[:, None] - _DIRECTIONS
    apart = torch.atan2(apart.sin(), apart.cos())
    straying = (apart / _STRAYS).square().div(2).clamp(max=_LEAPS)
    so_far, before = costs[:, 0], list[Tensor]()
    for cost in costs.T[1:]:
        best = (so_far[:, None] + straying).min(0)
        before.append(best.indices)
        so_far = best.values + cost
    path = [int(so_far.argmin())]
    for whence in reversed(before):
        path.append(int(whence[path[-1]]))
    return torch.tensor(path[::-1])


def _narrowed(around: _Around, knots: Tensor) -> Tensor:
    """Ever closer to the best near each `[K]`, with straight lines between them; every other knot stays meanwhile."""
    near = (1 - around.after.abs()).clamp(min=0)
    between = (near > 0).double()
    odd = torch.arange(len(knots)) % 2 == 1
    for round_ in range(_CLOSER_ROUNDS):
        step = 2 * _GRID * _CLOSER**round_
        for moving in (odd, ~odd):
            tried = knots + torch.tensor([[-step], [0.0], [step]]).double() * moving
            costs = torch.stack([_cost_of_line(around, each, near, between) for each in tried])
            knots = tried.gather(0, costs.argmin(0)[None])[0]
    return knots


def _cost_of_line(around: _Around, knots: Tensor, near: Tensor, between: Tensor) -> Tensor:
    """`[K]`: of the lines to both neighbours, and of what they stray."""
    before, after = torch.cat((knots[:1], knots[:-1])), torch.cat((knots[1:], knots[-1:]))
    neighbour = torch.where(around.after < 0, before[:, None], after[:, None])
    straying = sum(((knots - other) / _STRAYS).square().div(2).clamp(max=_LEAPS) for other in (before, after))
    return around.cost(near * knots[:, None] + (1 - near) * neighbour, between) + straying
