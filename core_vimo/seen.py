"""What cameras saw of a window of motion, as training takes it: keypoints and cameras in the encoded motion's world."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from core_vimo.camera import Camera
from core_vimo.codec import MotionCodec
from core_vimo.motion import Motion
from core_vimo.rotations import about_z

_FLOOR = torch.tensor([1.0, 1.0, 0.0])


class Seen(NamedTuple):
    """One view: keypoints `[S, 17, 3]`, cuts `[S]` bool, and the camera, `[S]` or `[1]`.

    follows: whether that was put before the dancer's guessed path, and so tells nothing of it.
    """

    keypoints: Tensor
    cuts: Tensor
    camera: Camera
    follows: bool = False


def nobody(frames: int) -> Seen:
    """A view that saw nobody."""
    camera = Camera(torch.eye(3)[None], torch.eye(3)[None], torch.zeros(1, 3))
    return Seen(torch.zeros(frames, 17, 3), torch.zeros(frames, dtype=torch.bool), camera)


def seen_with(
    x: Tensor, codec: MotionCodec, motion: Motion, turned: float, seen: Sequence[Seen], azimuths: Tensor
) -> dict[str, Tensor]:
    """What `losses_2d.reprojection_losses` takes beside `x [S, D]`, which encodes `motion` turned by `turned` radians.

    Views `[V, S, ...]`. Their cameras follow the motion to wherever on the floor `x` decodes: a codec of velocities
    begins at the origin, and any may clip. Then each is turned about the dancer by `azimuths [V]` radians.
    """
    path_m = codec.root_m(codec.unnormalise(x)) * _FLOOR
    by_m = path_m - motion.root_m @ about_z(turned).T * _FLOOR
    cameras = [_about(view.camera.carried(turned, by_m), path_m, a) for view, a in zip(seen, azimuths, strict=True)]
    return stacked(seen, cameras, len(x))


def stacked(seen: Sequence[Seen], cameras: Sequence[Camera], frames: int) -> dict[str, Tensor]:
    """Views `[V, S, ...]` by name, through these cameras."""
    return {
        "keypoints": torch.stack([view.keypoints for view in seen]).float(),
        "cuts": torch.stack([view.cuts for view in seen]),
        "follows": torch.tensor([view.follows for view in seen]),
        "intrinsics": torch.stack([camera.intrinsics.expand(frames, 3, 3) for camera in cameras]).float(),
        "R_camera_world": torch.stack([camera.R_camera_world.expand(frames, 3, 3) for camera in cameras]).float(),
        "t_camera_m": torch.stack([camera.t_camera_m.expand(frames, 3) for camera in cameras]).float(),
    }


def azimuth_draws(views: int, deviation_deg: float, draw: torch.Generator) -> Tensor:
    """`[views]` radians, normal."""
    return math.radians(deviation_deg) * torch.randn(views, generator=draw)


def _about(camera: Camera, path_m: Tensor, radians: Tensor) -> Camera:
    """Turned about the upright through `path_m [S, 3]`, as if the dancer had turned the other way on the spot."""
    back = -float(radians)
    return camera.carried(back, path_m - path_m @ about_z(back).T) if back else camera
