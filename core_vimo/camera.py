"""Camera: a pinhole that may move from frame to frame."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.rotations import about_z


class Projection(NamedTuple):
    """Pixels `[S, J, 2]` (y downwards) and depth `[S, J]` metres along the viewing axis, negative behind the camera."""

    xy: Tensor
    depth_m: Tensor


@dataclass(frozen=True, eq=False)
class Camera:
    """intrinsics `[S or 1, 3, 3]` pixels; R_camera_world `[S or 1, 3, 3]`; t_camera_m `[S or 1, 3]` metres.

    Camera axes are OpenCV's: x right, y down, z forward; p_camera = R_camera_world @ p_world + t_camera_m.
    """

    intrinsics: Tensor
    R_camera_world: Tensor
    t_camera_m: Tensor

    def __post_init__(self) -> None:
        shapes = [tuple(t.shape[1:]) for t in (self.intrinsics, self.R_camera_world, self.t_camera_m)]
        if shapes != [(3, 3), (3, 3), (3,)]:
            raise InputError(f"a camera needs [S, 3, 3], [S, 3, 3] and [S, 3], not {shapes} a frame")

    @classmethod
    def look_at(cls, eye_m: Tensor, target_m: Tensor, focal_px: float, size: tuple[int, int]) -> "Camera":
        """Standing at `eye_m [S, 3]`, looking at `target_m [S, 3]`, upright in a z-up world; size (width, height)."""
        forward = torch.nn.functional.normalize(target_m - eye_m, dim=-1)
        up = torch.tensor([0.0, 0.0, 1.0]).expand_as(forward)
        right = torch.nn.functional.normalize(torch.linalg.cross(forward, up, dim=-1), dim=-1)
        down = torch.linalg.cross(forward, right, dim=-1)
        R_camera_world = torch.stack((right, down, forward), dim=-2)
        width, height = size
        intrinsics = torch.tensor([[focal_px, 0, width / 2], [0, focal_px, height / 2], [0, 0, 1]])
        return cls(intrinsics[None], R_camera_world, -(R_camera_world @ eye_m[..., None])[..., 0])

    def project(self, points_m: Tensor) -> Projection:
        """World points `[S, J, 3]` metres to pixels. Points at the camera's plane give infinite pixels."""
        seen = points_m @ self.R_camera_world.transpose(-1, -2) + self.t_camera_m[:, None]
        image = seen @ self.intrinsics.transpose(-1, -2)
        return Projection(image[..., :2] / image[..., 2:], seen[..., 2])

    def carried(self, radians: float, by_m: Tensor) -> "Camera":
        """Seeing what it saw after everything was turned about the up axis through the origin, then displaced by
        `by_m [S or 1, 3]` metres."""
        R_camera_world = self.R_camera_world @ about_z(-radians)
        t_camera_m = self.t_camera_m - (R_camera_world @ by_m[..., None])[..., 0]
        return Camera(self.intrinsics, R_camera_world, t_camera_m)


def tangents_of(xy: Tensor, intrinsics: Tensor) -> Tensor:
    """Pixels `[..., J, 2]` as the slopes to the right and down of their rays, by intrinsics `[..., 3, 3]`."""
    own = intrinsics[..., None, :, :]
    down = (xy[..., 1] - own[..., 1, 2]) / own[..., 1, 1]
    right = (xy[..., 0] - own[..., 0, 2] - own[..., 0, 1] * down) / own[..., 0, 0]
    return torch.stack((right, down), dim=-1)
