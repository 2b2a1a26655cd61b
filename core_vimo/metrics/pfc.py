"""Physical foot contact score (EDGE, CVPR 2023, §4.1 and its eval script): does the root accelerate without a foot?

z-up metres at 30 fps, windows of 150 frames at stride 75, mean over windows.
"""

import torch
from torch import Tensor

from core_vimo.errors import InputError

PFC_FPS = 30.0
WINDOW = 150
STRIDE = 75
_PUBLISHED_FACTOR = 1e4
_LEFT_FOOT, _RIGHT_FOOT = (7, 10), (8, 11)


def pfc_edge(joints_m: Tensor) -> Tensor:
    """PFC as EDGE's script gives it, of one window `[..., S, 24, 3]` z-up at 30 fps, S >= 3 -> `[...]`.

    Foot speeds are metres a frame and the sum is divided by the window's largest root acceleration, so one glitched
    root frame lowers (betters) the score, and other frame rates and lengths give other scales. A
    root that never accelerates scores 0 here, and NaN in the script.
    """
    acceleration, slow_feet_m = _root_and_feet(joints_m)
    largest = acceleration.amax(dim=-1)
    product = (acceleration * slow_feet_m).mean(dim=-1)
    return torch.where(largest > 0, _PUBLISHED_FACTOR * product / largest, 0.0)


def pfc_abs(joints_m: Tensor) -> Tensor:
    """The same without the division: mean of root acceleration (m/s²) times both feet's speeds (m/s), m³/s⁴."""
    acceleration, slow_feet_m = _root_and_feet(joints_m)
    return (acceleration * slow_feet_m).mean(dim=-1) * PFC_FPS**2


def pfc_windows(joints_m: Tensor) -> Tensor:
    """Cut a dance `[S, 24, 3]` at 30 fps into EDGE's windows `[W, 150, 24, 3]`; a shorter dance is one window."""
    if len(joints_m) <= WINDOW:
        return joints_m[None]
    return joints_m.unfold(0, WINDOW, STRIDE).movedim(-1, 1)


def _root_and_feet(joints_m: Tensor) -> tuple[Tensor, Tensor]:
    """Root acceleration without its downward part, and the product of both feet's steps, each `[..., S-2]`."""
    if joints_m.shape[-3] < 3:
        raise InputError(f"PFC needs at least 3 frames, not {joints_m.shape[-3]}; use a longer motion")
    joints_m = joints_m.double()
    root = joints_m[..., 0, :].diff(n=2, dim=-2) * PFC_FPS**2
    lifted = torch.cat((root[..., :2], root[..., 2:].clamp(min=0)), dim=-1).norm(dim=-1)
    steps = joints_m[..., 1:, :, :2].diff(dim=-3).norm(dim=-1)
    left, right = steps[..., _LEFT_FOOT].amin(dim=-1), steps[..., _RIGHT_FOOT].amin(dim=-1)
    return lifted, left * right
