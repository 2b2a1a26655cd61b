"""Kinetic features, 72 numbers a dance (fairmotion, aistplusplus_api): energies and "energy expenditure".

They expect y-up metres at 60 fps: resample other rates, never relabel them (`protocol.published_joints_m` does).
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from core_vimo.errors import InputError

KINETIC_FPS = 60.0
_HALF_WINDOW = 2
_UP = 1

Acceleration = Literal["published", "fixed"]


def kinetic_features(joints_m: Tensor, acceleration: Acceleration = "published") -> Tensor:
    """Mean horizontal energy, vertical energy and acceleration of each joint, in this order, joint by joint.

    joints_m `[..., S, 24, 3]`, y-up, 60 fps, S >= 3 -> `[..., 72]` float64 (m²/s², m²/s², m/s²).

    Every public copy closes a bracket too late and takes p[i] - p[i-1] / dt for a velocity, so the published
    "acceleration" is about 3540 times the joint's distance from the world's origin; "fixed" is the true one.
    """
    if joints_m.shape[-3] < 3:
        raise InputError(f"kinetic features need at least 3 frames, not {joints_m.shape[-3]}; use a longer motion")
    joints_m = joints_m.double()
    velocity = _window_mean(joints_m.diff(dim=-3) * KINETIC_FPS)
    horizontal = velocity[..., 0].square() + velocity[..., 2].square()
    vertical = velocity[..., _UP].square()
    expenditure = _accelerations(joints_m, acceleration).norm(dim=-1)
    return torch.stack([x.mean(dim=-2) for x in (horizontal, vertical, expenditure)], dim=-1).flatten(-2)


def _accelerations(joints_m: Tensor, kind: Acceleration) -> Tensor:
    """Windowed accelerations of frames 1...S-1; the last frame has no own one, only neighbours'."""
    before, here, after = joints_m[..., :-2, :, :], joints_m[..., 1:-1, :, :], joints_m[..., 2:, :, :]
    arriving = (here - before) * KINETIC_FPS if kind == "fixed" else here - before * KINETIC_FPS
    leaving = (after - here) * KINETIC_FPS
    return _window_mean((leaving - arriving) * KINETIC_FPS, extra_frames=1)


def _window_mean(values: Tensor, extra_frames: int = 0) -> Tensor:
    """Mean over the frames within two of each frame that exist, `[..., S, J, 3]` -> `[..., S + extra, J, 3]`."""
    present = torch.ones(values.shape[-3], 1, 1, dtype=values.dtype, device=values.device)
    return _window_sum(values, extra_frames) / _window_sum(present, extra_frames)


def _window_sum(values: Tensor, extra_frames: int) -> Tensor:
    padding = (0, 0, 0, 0, _HALF_WINDOW, _HALF_WINDOW + extra_frames)
    return F.pad(values, padding).unfold(-3, 2 * _HALF_WINDOW + 1, 1).sum(dim=-1)
