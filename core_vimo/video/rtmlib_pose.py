"""RTMPose through rtmlib: several people, sharper than BlazePose; its weights come from the network at first use."""

import contextlib
import io
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core_vimo.errors import InputError, MissingExtraError

MODES = ("lightweight", "balanced", "performance")


class RtmlibPose:
    """A person detector and RTMPose on every picture (rtmlib's `Body`, 17 COCO keypoints).

    mode is rtmlib's: lightweight, balanced or performance; device is its `cpu`, `cuda` or `mps`. Raises
    MissingExtraError without rtmlib, InputError where the weights cannot be loaded or a picture cannot be worked on.

    rtmlib's own `PoseTracker` isn't used: it answers "nobody" when its detector fails. Nor is `Body`'s own call: where
    the detector sees nobody, it takes the whole picture for a person.
    """

    name = "rtmlib"

    def __init__(self, mode: str = "lightweight", device: str = "cpu") -> None:
        if mode not in MODES:
            raise InputError(f"rtmlib has no mode '{mode}'; take one of: {', '.join(MODES)}")
        body = _open_body(mode, device)
        self._find, self._mark = body.det_model, body.pose_model

    def __call__(self, rgb: np.ndarray) -> Tensor:
        bgr = np.ascontiguousarray(rgb[..., ::-1])
        try:
            boxes = self._find(bgr)
            if len(boxes) == 0:
                return torch.zeros(0, 17, 3)
            xy, scores = self._mark(bgr, bboxes=boxes)
        except Exception as error:
            raise InputError(f"rtmlib failed on a picture of {rgb.shape[1]}x{rgb.shape[0]} pixels: {error}") from error
        return _people(np.asarray(xy, np.float32), np.asarray(scores, np.float32))

    def new_shot(self) -> None:
        """Nothing to forget: every picture is looked at on its own."""

    def close(self) -> None:
        self._find = self._mark = None


def _open_body(mode: str, device: str) -> Any:
    try:
        from rtmlib import Body
    except ImportError as error:
        raise MissingExtraError(
            f"the pose estimator rtmlib cannot be used ({error}); install it with: pip install rtmlib onnxruntime, "
            "or take the estimator mediapipe"
        ) from error
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints which model it loads
            return Body(mode=mode, to_openpose=False, backend="onnxruntime", device=device)
    except Exception as error:
        raise InputError(
            f"rtmlib could not load the weights of its mode '{mode}' ({error}); it downloads them at first use, "
            "so try once with a network, or take the estimator mediapipe"
        ) from error


def _people(xy: np.ndarray, scores: np.ndarray) -> Tensor:
    if xy.shape[1:] != (17, 2) or scores.shape != xy.shape[:2]:
        raise InputError(f"rtmlib answered keypoints {list(xy.shape)}, scores {list(scores.shape)}, not 17 a person")
    # Scores are heights of SimCC peaks: mostly below 1, sometimes a little above.
    keypoints = np.concatenate((xy, scores.clip(0, 1)[..., None]), axis=-1)
    return torch.from_numpy(np.nan_to_num(keypoints, posinf=0.0, neginf=0.0))
