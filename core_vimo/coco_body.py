"""Where the 17 COCO points lie on the SMPL-24 body."""

from functools import lru_cache

import torch
from torch import Tensor

from core_vimo.skeleton import JOINT_NAMES, REST_OFFSETS_M, forward_kinematics_full

# (the joint it moves with, metres from that joint in its own axes: +x the dancer's left, +y up, +z forward).
# Face: about average anthropometry around a head joint that sits at the base of the skull: 14.5 cm from ear to ear,
# 6.4 cm between the pupils, the tip of the nose 12 cm before the ears and a little under them.
# Hips: annotators and detectors mark the outer hip, near the greater trochanter: some 22 cm apart where SMPL's joints
# are 12 cm, and a few centimetres higher. They ride on the pelvis: a raised thigh doesn't carry them.
# Shoulders: the acromion, a centimetre outside and above the joint; on the collar, a raised arm doesn't turn them.
_POINTS: tuple[tuple[str, tuple[float, float, float]], ...] = (
    ("head", (0.0, 0.035, 0.130)),
    ("head", (0.032, 0.075, 0.105)),
    ("head", (-0.032, 0.075, 0.105)),
    ("head", (0.073, 0.050, 0.010)),
    ("head", (-0.073, 0.050, 0.010)),
    ("left_collar", (0.133, 0.055, -0.019)),
    ("right_collar", (-0.125, 0.057, -0.009)),
    ("left_elbow", (0.0, 0.0, 0.0)),
    ("right_elbow", (0.0, 0.0, 0.0)),
    ("left_wrist", (0.0, 0.0, 0.0)),
    ("right_wrist", (0.0, 0.0, 0.0)),
    ("pelvis", (0.110, -0.050, -0.015)),
    ("pelvis", (-0.110, -0.050, -0.015)),
    ("left_knee", (0.0, 0.0, 0.0)),
    ("right_knee", (0.0, 0.0, 0.0)),
    ("left_ankle", (0.0, 0.0, 0.0)),
    ("right_ankle", (0.0, 0.0, 0.0)),
)
_CARRIERS = [JOINT_NAMES.index(name) for name, _ in _POINTS]
_OFFSETS_M = torch.tensor([offset for _, offset in _POINTS])


def coco_joints_m(rotations: Tensor, root_m: Tensor, offsets_m: Tensor = REST_OFFSETS_M) -> Tensor:
    """The COCO-17 points of a body: rotations `[..., 24, 3, 3]`, root_m `[..., 3]` -> `[..., 17, 3]` metres.

    offsets_m `[24, 3]`: the skeleton's rest offsets. The face, hips and shoulders are not SMPL joints: see the table.
    """
    return coco_points_m(*forward_kinematics_full(rotations, root_m, offsets_m))


def coco_points_m(turned: Tensor, placed_m: Tensor) -> Tensor:
    """The same of what `forward_kinematics_full` made: `[..., 24, 3, 3]` and `[..., 24, 3]` -> `[..., 17, 3]`."""
    carriers, offsets_m = _table_on(turned.device, turned.dtype)
    away = turned.index_select(-3, carriers) @ offsets_m[..., None]
    return placed_m.index_select(-2, carriers) + away[..., 0]


@lru_cache(maxsize=8)
def _table_on(device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The table where the data is, moved there once and not at every step of training."""
    with torch.inference_mode(False):  # a cached inference tensor could never be trained with
        return torch.tensor(_CARRIERS, device=device), _OFFSETS_M.to(device, dtype)
