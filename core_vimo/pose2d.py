"""Pose2D: one person's COCO-17 keypoints through a video."""

from dataclasses import dataclass

import torch
from torch import Tensor

from core_vimo.errors import InputError

COCO_NAMES = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Pose2D:
    """keypoints `[S, 17, 3]`: x, y in pixels (y downwards) and confidence in [0, 1], 0 where a joint is missing.

    size is (width, height) of the frame in pixels. Raises InputError for misfitting shapes and non-finite numbers.
    """

    keypoints: Tensor
    size: tuple[int, int]
    fps: float = 30.0

    def __post_init__(self) -> None:
        if self.keypoints.ndim != 3 or self.keypoints.shape[1:] != (17, 3):
            raise InputError(f"2D poses must be [frames, 17, 3], not {list(self.keypoints.shape)}")
        if not torch.isfinite(self.keypoints).all():
            raise InputError("2D poses hold numbers that are not finite; mark missing joints by confidence 0")
        if not ((self.confidence >= 0) & (self.confidence <= 1)).all():
            raise InputError("2D confidences must lie in [0, 1]")

    def __len__(self) -> int:
        return len(self.keypoints)

    @property
    def xy(self) -> Tensor:
        """Positions `[S, 17, 2]` in pixels."""
        return self.keypoints[..., :2]

    @property
    def confidence(self) -> Tensor:
        """`[S, 17]`."""
        return self.keypoints[..., 2]
