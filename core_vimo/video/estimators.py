"""What finds people in pictures: one small interface, and the estimators that are behind it."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from core_vimo.errors import InputError

ESTIMATORS = ("mediapipe", "rtmlib")


class PoseEstimator(Protocol):
    """Called with one picture after the other, in order; says who is in each.

    A picture is RGB, uint8 `[H, W, 3]`. The answer is `[P, 17, 3]`: COCO-17 x, y in pixels of that picture and
    confidence in [0, 1], for P >= 0 people in any order (`core_vimo.video.people` finds out who is who). Estimators
    that guess in space too answer `[P, 17, 6]`, with x to the right, y down and z away from the camera, metres from the
    mid-hips.
    """

    name: str

    def __call__(self, rgb: np.ndarray) -> Tensor: ...

    def new_shot(self) -> None:
        """The next picture has nothing to do with the last one: forget where people were."""
        ...

    def close(self) -> None: ...


def estimator(name: str = "mediapipe", **options: Any) -> PoseEstimator:
    """`mediapipe` brings its weights with it; `rtmlib` (RTMPose) downloads its own at first use. Both open slowly.

    options go to `MediaPipePose` or `RtmlibPose`. Raises InputError for another name, MissingExtraError where the
    package behind the name is not installed.
    """
    if name not in ESTIMATORS:
        raise InputError(f"there is no pose estimator '{name}'; take one of: {', '.join(ESTIMATORS)}")
    return _maker(name)(**options)


def _maker(name: str) -> Callable[..., PoseEstimator]:
    if name == "mediapipe":
        from core_vimo.video.mediapipe_pose import MediaPipePose

        return MediaPipePose
    from core_vimo.video.rtmlib_pose import RtmlibPose

    return RtmlibPose
