"""Manual (geometric) features, 32 votes a dance, after Müller et al. 2005 as in fairmotion and aistplusplus_api.

Each feature is a yes or no a frame ("the right hand moves forwards"), averaged over frames. y-up metres at 60 fps.
"""

from typing import Literal

import torch
from torch import Tensor

from core_vimo.errors import InputError

# Lengths of the body the thresholds were set for (aistplusplus_api's rest pose), metres.
_SHOULDER, _ELBOW = (0.199113488, 0.236807942, -0.0180702247), (0.454445392, 0.221158922, -0.0410167128)
_OTHER_SHOULDER = (-0.191692337, 0.236928746, -0.0123055102)
_HIP, _OTHER_HIP = (0.0564076714, -0.323069185, 0.0109197125), (-0.0624834076, -0.331302464, 0.0150412619)
HUMERUS_M = float(torch.dist(torch.tensor(_SHOULDER), torch.tensor(_ELBOW)))
SHOULDERS_M = float(torch.dist(torch.tensor(_SHOULDER), torch.tensor(_OTHER_SHOULDER)))
HIPS_M = float(torch.dist(torch.tensor(_HIP), torch.tensor(_OTHER_HIP)))

_ASSUMED_FPS = 120.0
"""Public code reads speeds with 1/120 s a frame whatever the rate, so at 60 fps every speed is read double."""

_UP = 1
_ROOT, _BELLY, _CHEST, _NECK = 0, 3, 9, 12
_L_HIP, _R_HIP, _L_KNEE, _R_KNEE, _L_ANKLE, _R_ANKLE, _L_TOES, _R_TOES = 1, 2, 4, 5, 7, 8, 10, 11
_L_SHOULDER, _R_SHOULDER, _L_ELBOW, _R_ELBOW, _L_WRIST, _R_WRIST = 16, 17, 18, 19, 20, 21

Moves = Literal["published", "fixed"]


def manual_features(joints_m: Tensor, moves: Moves = "published") -> Tensor:
    """Share of frames 1...S-1 in which each of the 32 relations holds.

    joints_m `[..., S, 24, 3]`, y-up, 60 fps, S >= 2 -> `[..., 32]` float64 in [0, 1].

    The published `move(a, b; c, d)` ignores its fourth joint, so features 5 and 6 are always equal and never see a
    wrist; "fixed" takes the velocity of d relative to c along a -> b, our reading of the signature. Only
    features 5, 6, 10, 11 and 12 differ.
    """
    if joints_m.shape[-3] < 2:
        raise InputError("manual features need at least 2 frames; use a longer motion")
    return torch.stack(_Relations(joints_m.double(), moves).table(), dim=-1).double().mean(dim=-2)


class _Relations:
    """Müller's relations between named joints, each `[..., S-1]` of booleans."""

    def __init__(self, joints_m: Tensor, moves: Moves) -> None:
        self.joints = joints_m[..., 1:, :, :]
        self.velocity = joints_m.diff(dim=-3) * _ASSUMED_FPS
        self.heights = self.joints[..., _UP] - self.joints[..., _UP].amin(dim=-1, keepdim=True)
        self.moves = moves

    def table(self) -> list[Tensor]:
        """The 32 features in fairmotion's order."""
        h, s, w = HUMERUS_M, SHOULDERS_M, HIPS_M
        return [
            # Arms
            self.normal_move(_NECK, _R_HIP, _L_HIP, _R_WRIST, 1.8 * h),
            self.normal_move(_NECK, _L_HIP, _R_HIP, _L_WRIST, 1.8 * h),
            self.beyond(_CHEST, _NECK, _NECK, _R_WRIST, 0.2 * h),
            self.beyond(_CHEST, _NECK, _NECK, _L_WRIST, 0.2 * h),
            self.move(_BELLY, _CHEST, _CHEST, _R_WRIST, 1.8 * h),
            self.move(_BELLY, _CHEST, _CHEST, _L_WRIST, 1.8 * h),
            self.angle(_R_ELBOW, _R_SHOULDER, _R_ELBOW, _R_WRIST, 0, 110),
            self.angle(_L_ELBOW, _L_SHOULDER, _L_ELBOW, _L_WRIST, 0, 110),
            self.beyond(_L_SHOULDER, _R_SHOULDER, _L_WRIST, _R_WRIST, 2.5 * s),
            self.move(_L_WRIST, _R_WRIST, _R_WRIST, _L_WRIST, 1.4 * h),
            self.move(_R_WRIST, _ROOT, _L_WRIST, _ROOT, 1.4 * h),
            self.move(_L_WRIST, _ROOT, _R_WRIST, _ROOT, 1.4 * h),
            self.fast(_R_WRIST, 2.5 * h),
            self.fast(_L_WRIST, 2.5 * h),
            # Legs
            self.off_plane(_ROOT, _L_HIP, _L_TOES, _R_ANKLE, 0.38 * h),
            self.off_plane(_ROOT, _R_HIP, _R_TOES, _L_ANKLE, 0.38 * h),
            self.heights[..., _R_ANKLE] > 1.2 * h,
            self.heights[..., _L_ANKLE] > 1.2 * h,
            self.beyond(_L_HIP, _R_HIP, _L_ANKLE, _R_ANKLE, 2.1 * w),
            self.angle(_R_KNEE, _R_HIP, _R_KNEE, _R_ANKLE, 0, 110),
            self.angle(_L_KNEE, _L_HIP, _L_KNEE, _L_ANKLE, 0, 110),
            self.fast(_R_ANKLE, 2.5 * h),
            self.fast(_L_ANKLE, 2.5 * h),
            # The whole body
            self.angle(_NECK, _ROOT, _R_SHOULDER, _R_ELBOW, 25, 180),
            self.angle(_NECK, _ROOT, _L_SHOULDER, _L_ELBOW, 25, 180),
            self.angle(_NECK, _ROOT, _R_HIP, _R_KNEE, 50, 180),
            self.angle(_NECK, _ROOT, _L_HIP, _L_KNEE, 50, 180),
            self.off_plane(_R_ANKLE, _NECK, _L_ANKLE, _ROOT, 0.5 * h),
            self.upright_angle(_NECK, _ROOT, 70, 110),
            self.heights[..., _R_WRIST] < 1.2 * h,
            self.heights[..., _L_WRIST] < 1.2 * h,
            self.fast(_ROOT, 2.3 * h),
        ]

    def along(self, start: int, end: int) -> Tensor:
        return self.joints[..., end, :] - self.joints[..., start, :]

    def normal(self, a: int, b: int, c: int) -> Tensor:
        return torch.linalg.cross(self.along(a, c), self.along(a, b), dim=-1)

    def approach(self, base: int, joint: int) -> Tensor:
        return self.velocity[..., joint, :] - self.velocity[..., base, :]

    def fast(self, joint: int, threshold: float) -> Tensor:
        return self.velocity[..., joint, :].norm(dim=-1) > threshold

    def move(self, a: int, b: int, c: int, d: int, threshold: float) -> Tensor:
        velocity = self.approach(c, d) if self.moves == "fixed" else self.approach(a, c)
        return _component(velocity, self.along(a, b)) > threshold

    def normal_move(self, a: int, b: int, c: int, d: int, threshold: float) -> Tensor:
        return _component(self.approach(a, d), self.normal(a, b, c)) > threshold

    def off_plane(self, a: int, b: int, c: int, d: int, threshold: float) -> Tensor:
        return _component(self.along(a, d), self.normal(a, b, c)) > threshold

    def beyond(self, a: int, b: int, c: int, d: int, threshold: float) -> Tensor:
        return _component(self.along(c, d), self.along(a, b)) > threshold

    def angle(self, a: int, b: int, c: int, d: int, low: float, high: float) -> Tensor:
        return _between(self.along(a, b), self.along(c, d), low, high)

    def upright_angle(self, a: int, b: int, low: float, high: float) -> Tensor:
        up = torch.zeros_like(self.joints[..., 0, :])
        up[..., _UP] = 1
        return _between(self.along(a, b), up, low, high)


def _component(vector: Tensor, direction: Tensor) -> Tensor:
    """Length of `vector` along `direction`; NaN (which is never above a threshold) where there is no direction."""
    return (vector * direction).sum(dim=-1) / direction.norm(dim=-1)


def _between(first: Tensor, second: Tensor, low: float, high: float) -> Tensor:
    cosine = _component(first, second) / first.norm(dim=-1)
    degrees = torch.rad2deg(torch.arccos(cosine))
    return (degrees > low) & (degrees < high)
