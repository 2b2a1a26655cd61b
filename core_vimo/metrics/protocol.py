"""From a Motion to the joints each metric was defined on: the one place where axes and rates change.

z-up metres at the motion's own rate everywhere else; y-up, 60 fps and an anchored root for the published features.
"""

import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.metrics.kinetic import KINETIC_FPS
from core_vimo.metrics.pfc import PFC_FPS
from core_vimo.motion import Motion, resample

FEATURE_FRAMES = 1200
"""Bailando scores the first 20 s of a dance (1 200 frames at 60 fps) against pool dances in full."""

MINIMUM_SECONDS = 0.5


def published_joints_m(motion: Motion) -> Tensor:
    """Joints for the kinetic and manual features: `[S, 24, 3]` y-up, 60 fps, the first frame's root at the origin.

    Rotations are resampled by slerp, never relabelled.
    """
    joints_m = y_up(resample(motion, KINETIC_FPS).joints_m())
    return joints_m - joints_m[:1, :1]


def pfc_joints_m(motion: Motion) -> Tensor:
    """Joints for PFC, jitter and copying: `[S, 24, 3]` z-up at 30 fps."""
    return resample(motion, PFC_FPS).joints_m()


def require_length(name: str, motion: Motion) -> None:
    """Raise InputError for a motion too short to have speeds and jerks worth the name."""
    if motion.seconds < MINIMUM_SECONDS:
        raise InputError(
            f"{name}: lasts {motion.seconds:.2f} s, and the metrics need {MINIMUM_SECONDS} s; take a longer one"
        )


def y_up(points: Tensor) -> Tensor:
    """z-up to y-up: (x, y, z) becomes (x, z, -y)."""
    return torch.stack((points[..., 0], points[..., 2], -points[..., 1]), dim=-1)
