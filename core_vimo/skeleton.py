"""The SMPL-24 skeleton: names, parents, rest offsets, forward kinematics. Numbers only; no body model is needed.

At rest the body is SMPL's: +y up, +z forward, +x the dancer's left. The offsets are those of EDGE's skeleton (MIT).
"""

from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

JOINT_NAMES = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle",
    "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand",
)  # fmt: skip
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
FEET = (7, 8, 10, 11)
"""Left ankle, right ankle, left toe, right toe: the order of contacts."""

MIRROR = (0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22)
"""Index of each joint's opposite."""

TOE_HEIGHT_M = 0.03
"""Height of a toe joint over the floor when its foot stands flat: the thickness of the sole and the flesh."""

REST_OFFSETS_M = torch.tensor(
    [
        [0.0, 0.0, 0.0],
        [0.05858135, -0.08228004, -0.01766408],
        [-0.06030973, -0.09051332, -0.01354254],
        [0.00443945, 0.12440352, -0.03838522],
        [0.04345142, -0.38646945, 0.008037],
        [-0.04325663, -0.38368791, -0.00484304],
        [0.00448844, 0.1379564, 0.02682033],
        [-0.01479032, -0.42687458, -0.037428],
        [0.01905555, -0.4200455, -0.03456167],
        [-0.00226458, 0.05603239, 0.00285505],
        [0.04105436, -0.06028581, 0.12204243],
        [-0.03483987, -0.06210566, 0.13032329],
        [-0.0133902, 0.21163553, -0.03346758],
        [0.07170245, 0.11399969, -0.01889817],
        [-0.08295366, 0.11247234, -0.02370739],
        [0.01011321, 0.08893734, 0.05040987],
        [0.12292141, 0.04520509, -0.019046],
        [-0.11322832, 0.04685326, -0.00847207],
        [0.2553319, -0.01564902, -0.02294649],
        [-0.26012748, -0.01436928, -0.03126873],
        [0.26570925, 0.01269811, -0.00737473],
        [-0.26910836, 0.00679372, -0.00602676],
        [0.08669055, -0.01063603, -0.01559429],
        [-0.0887537, -0.00865157, -0.01010708],
    ]
)
"""Each joint relative to its parent at rest, `[24, 3]` metres."""


def _levels() -> list[list[int]]:
    """Joints by depth, the pelvis left out: one batched product a level instead of one a joint."""
    depth = [0] * len(PARENTS)
    for joint, parent in enumerate(PARENTS[1:], start=1):
        depth[joint] = depth[parent] + 1
    return [[j for j, d in enumerate(depth) if d == level] for level in range(1, max(depth) + 1)]


_LEVELS = _levels()
_LEVEL_SIZES = [len(level) for level in _LEVELS]


@lru_cache(maxsize=8)
def _levels_on(device: torch.device) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Joints level by level, the way back from that order, and where in the level above each level's parents are.

    As indices where the data is: a list of numbers would be sent there at every call.
    """
    order = [0, *(joint for level in _LEVELS for joint in level)]
    above = pairwise([[0], *_LEVELS])
    parents = [[level.index(PARENTS[joint]) for joint in below] for level, below in above]
    with torch.inference_mode(False):  # a cached inference tensor could never be trained with
        indices = torch.tensor(order, device=device)
        return indices, indices.argsort(), [torch.tensor(level, device=device) for level in parents]


@lru_cache(maxsize=8)
def _rest_offsets_on(device: torch.device, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):
        return REST_OFFSETS_M.to(device, dtype)


def rest_joints_m() -> Tensor:
    """Joint positions at rest with the pelvis at the origin, `[24, 3]` metres, +y up."""
    return forward_kinematics(torch.eye(3).expand(24, 3, 3), torch.zeros(3))


def forward_kinematics(rotations: Tensor, root_m: Tensor, offsets_m: Tensor | None = None) -> Tensor:
    """Joint positions of local rotations.

    rotations `[..., 24, 3, 3]`, root_m `[..., 3]` (the pelvis) -> `[..., 24, 3]` metres, in the root's world.
    """
    return forward_kinematics_full(rotations, root_m, offsets_m)[1]


def forward_kinematics_full(
    rotations: Tensor, root_m: Tensor, offsets_m: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Global rotations `[..., 24, 3, 3]` and positions `[..., 24, 3]` of every joint."""
    at = (rotations.device, rotations.dtype)
    offsets_m = _rest_offsets_on(*at) if offsets_m is None else offsets_m.to(*at)
    order, back, parents = _levels_on(rotations.device)
    # Joints first and frames last: many products of 3 x 3 matrices are slow, sums of long rows are not.
    local = rotations.reshape(-1, *rotations.shape[-3:]).permute(1, 2, 3, 0).index_select(0, order)
    turned, placed = [local[:1]], [root_m.reshape(-1, 3).T[None]]
    parts = zip(parents, local[1:].split(_LEVEL_SIZES), offsets_m[order][1:].split(_LEVEL_SIZES), strict=True)
    for parent, rotation, offset in parts:
        above, base = turned[-1].index_select(0, parent), placed[-1].index_select(0, parent)
        turned.append(_products(above, rotation))
        placed.append(base + (above * offset[:, None, :, None]).sum(2))
    globals_ = torch.cat(turned).index_select(0, back).permute(3, 0, 1, 2)
    positions = torch.cat(placed).index_select(0, back).permute(2, 0, 1)
    return globals_.reshape(rotations.shape), positions.reshape(rotations.shape[:-1])


def _products(left: Tensor, right: Tensor) -> Tensor:
    """Of 3 x 3 matrices `[J, 3, 3, N]`, each with its own."""
    columns, rows = left.unsqueeze(3).unbind(2), right.unsqueeze(1).unbind(2)
    first = columns[0] * rows[0]
    return torch.addcmul(torch.addcmul(first, columns[1], rows[1]), columns[2], rows[2])
