"""Cameras whose place is known, and what they see without any error."""

import math

import torch

from core_vimo.camera import Camera
from core_vimo.coco_body import coco_joints_m
from core_vimo.footage import Footage
from core_vimo.motion import Motion
from core_vimo.pose2d import Pose2D
from core_vimo.video_to_motion.camera_fit import FIELD_OF_VIEW

SIZE = (1280, 720)


def coco(motion: Motion) -> torch.Tensor:
    return coco_joints_m(motion.rotations, motion.root_m)


def seen_by(motion: Motion, camera: Camera, size: tuple[int, int] = SIZE, cuts: tuple[int, ...] = ()) -> Footage:
    xy = camera.project(coco(motion)).xy
    return Footage(Pose2D(torch.cat((xy, torch.full_like(xy[..., :1], 0.9)), dim=-1), size), cuts, "a film.mp4")


def standing_at(yaw: float, away_m: float, height_m: float, frames: int, focal_px: float | None = None) -> Camera:
    """A camera that looks to `yaw` (0: along +y) at the origin's dancer."""
    eye = torch.tensor([[away_m * math.sin(yaw), -away_m * math.cos(yaw), height_m]]).expand(frames, 3)
    focal_px = focal_px or max(SIZE) / 2 / math.tan(FIELD_OF_VIEW / 2)
    return Camera.look_at(eye, torch.tensor([[0.0, 0.0, 0.9]]).expand(frames, 3), focal_px, SIZE)


def spot(camera: Camera) -> torch.Tensor:
    """Where it stands `[S, 3]`."""
    return -(camera.R_camera_world.mT @ camera.t_camera_m[..., None])[..., 0]


def off_px(motion: Motion, camera: Camera, footage: Footage) -> torch.Tensor:
    return (camera.project(coco(motion)).xy - footage.pose.xy).norm(dim=-1)
