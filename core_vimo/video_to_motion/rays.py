"""Keypoints' rays, and how far from them a body's joints are.

Each keypoint's ray should pass through its joint of a body displaced by T; the way from the ray, in metres, is linear
in T. Shapes: `S` frames, `J` = 17 COCO points, `G` whatever is tried at once. Everything is float64 in here.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from core_vimo.camera import Camera, tangents_of
from core_vimo.coco_body import coco_joints_m
from core_vimo.evidence import CONFIDENT
from core_vimo.footage import Footage
from core_vimo.motion import Motion

OFF_M = 0.05  # how far a joint usually is from its ray: the teacher's error and the detector's
WRONG_M = 0.15  # from where on it counts less and less
ENOUGH = 6  # seen joints that tell how a body is turned


class Rays(NamedTuple):
    """Keypoints' rays and the joints that should be on them, seen with weight `[S, J]`.

    across `[S, J, 2, 3]`: of a displacement in the world, the way from the ray in metres to the right and down at the
    joint's depth; off_m `[S, J, 2]`: that way as it is without one.
    """

    across: Tensor
    off_m: Tensor
    weight: Tensor

    @classmethod
    def of(cls, motion: Motion, footage: Footage, camera: Camera) -> "Rays":
        joints_m = coco_joints_m(motion.rotations, motion.root_m).double()
        seen = footage.pose.keypoints.double()
        tangents = tangents_of(seen[..., :2], camera.intrinsics.double())
        return cls.cast(joints_m, tangents, weight_of(seen), camera.R_camera_world.double(), camera.t_camera_m.double())

    @classmethod
    def cast(cls, joints_m: Tensor, tangents: Tensor, weight: Tensor, turned: Tensor, moved_m: Tensor) -> "Rays":
        """Of joints `[..., J, 3]` before cameras turned `[..., 3, 3]` and moved `[..., 3]` (camera from world)."""
        across = turned[..., None, :2, :] - tangents[..., None] * turned[..., None, 2:, :]
        points_m = joints_m @ turned.mT + moved_m[..., None, :]
        return cls(across, points_m[..., :2] - tangents * points_m[..., 2:], weight)

    def left_m(self, displacement_m: Tensor) -> Tensor:
        """`[S, J]`: how far joints are from their rays after it `[S, 3]`."""
        return (self.off_m + (self.across @ displacement_m[..., None, :, None])[..., 0]).norm(dim=-1)

    @property
    def apart_m(self) -> float:
        """How far joints are from their rays as they stand: the median of those that were seen, NaN where none was."""
        return float(self.off_m.norm(dim=-1)[self.weight > 0].median()) if (self.weight > 0).any() else math.nan

    def error_m2(self) -> Tensor:
        """`[..., S]`: how far joints stay from their rays, each frame's body displaced for itself; squares, of which
        none counts for more than a wrong joint's."""
        squares = torch.einsum("...sj,...sjai,...sjak->...sik", self.weight, self.across, self.across)
        aims = -torch.einsum("...sj,...sjai,...sja->...si", self.weight, self.across, self.off_m)
        displacement_m = torch.linalg.solve(squares + 1e-6 * torch.eye(3).double(), aims[..., None])[..., 0]
        left = self.left_m(displacement_m).square()
        return (self.weight * left / (1 + left / WRONG_M**2)).sum(-1)


def weight_of(seen: Tensor) -> Tensor:
    """Of keypoints `[..., 3]`: their confidence, 0 where nothing was seen."""
    return torch.where(seen[..., 2] >= CONFIDENT, seen[..., 2], 0.0)


def told(seen: Tensor) -> Tensor:
    """`[S]` bool: which frames of keypoints `[S, J, 3]` show enough of a body to tell its direction."""
    return (seen[..., 2] >= CONFIDENT).sum(-1) >= ENOUGH
