"""Rotation conversions this suite needs beyond roma's: 6D by rows and by columns, headings, y-up to z-up.

Rotation matrices act on columns (v' = R v). Any leading shape. Quaternions are xyzw, roma's order.
Zhou et al., "On the Continuity of Rotation Representations in Neural Networks", CVPR 2019, for the 6D form.
"""

import math
from typing import Literal

import roma
import torch
import torch.nn.functional as F
from torch import Tensor

SixD = Literal["columns", "rows"]

# Below this length a 6D half carries no direction; the guard keeps values and gradients finite.
_TINY = 1e-8
_OPPOSITE = 1e-6  # radians short of half a turn, nearer than which the axis is anybody's guess


def matrix_to_sixd(rotations: Tensor, convention: SixD) -> Tensor:
    """`[..., 3, 3]` to `[..., 6]`: the first two columns (the seeds) or the first two rows (pytorch3d, EDGE)."""
    if convention == "columns":
        rotations = rotations.transpose(-1, -2)
    return rotations[..., :2, :].flatten(-2)


def sixd_to_matrix(sixd: Tensor, convention: SixD) -> Tensor:
    """`[..., 6]` to `[..., 3, 3]` by Gram-Schmidt; finite with finite gradients also for degenerate input."""
    first = F.normalize(sixd[..., :3], dim=-1, eps=_TINY)
    second = sixd[..., 3:] - (first * sixd[..., 3:]).sum(-1, keepdim=True) * first
    second = F.normalize(second, dim=-1, eps=_TINY)
    third = torch.linalg.cross(first, second, dim=-1)
    return torch.stack((first, second, third), dim=-1 if convention == "columns" else -2)


def axis_angle_to_matrix(axis_angle: Tensor) -> Tensor:
    """`[..., 3]` radians to `[..., 3, 3]`."""
    return roma.rotvec_to_rotmat(axis_angle)


def matrix_to_axis_angle(rotations: Tensor) -> Tensor:
    """`[..., 3, 3]` to `[..., 3]` radians, no longer than pi."""
    return roma.rotmat_to_rotvec(rotations)


def matrix_to_quaternion(rotations: Tensor) -> Tensor:
    """`[..., 3, 3]` to unit quaternions xyzw `[..., 4]`."""
    return roma.rotmat_to_unitquat(rotations)


def quaternion_to_matrix(quaternions: Tensor) -> Tensor:
    """Unit quaternions xyzw `[..., 4]` to `[..., 3, 3]`."""
    return roma.unitquat_to_rotmat(quaternions)


def slerp(start: Tensor, end: Tensor, weight: Tensor) -> Tensor:
    """Interpolate rotations along the shortest arc: `[..., 3, 3]`, `weight [...]` in [0, 1]; exact at both ends."""
    step = matrix_to_axis_angle(start.transpose(-1, -2) @ end)
    between = start @ axis_angle_to_matrix(step * weight[..., None])
    weight = weight[..., None, None]
    return torch.where(weight == 0, start, torch.where(weight == 1, end, between))


def swing(start: Tensor, end: Tensor, share: float = 1.0) -> Tensor:
    """The shortest rotation `[..., 3, 3]` of direction `start [..., 3]` onto `end`, or a share of its angle.

    None where one of them has no length; half a turn about anything across where they are opposite.
    """
    axis, cosine = torch.linalg.cross(start, end, dim=-1), (start * end).sum(-1)
    sine = axis.norm(dim=-1)
    opposite = (sine <= _OPPOSITE * -cosine) & (cosine < 0)
    least = F.one_hot(start.abs().argmin(-1), 3).to(start)
    axis = torch.where(opposite[..., None], torch.linalg.cross(start, least, dim=-1), axis)
    return axis_angle_to_matrix(F.normalize(axis, dim=-1) * (share * torch.atan2(sine, cosine))[..., None])


def about_z(radians: Tensor | float) -> Tensor:
    """Rotation about the up axis, `[...]` radians to `[..., 3, 3]`."""
    angle = torch.as_tensor(radians, dtype=torch.get_default_dtype())
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    return torch.stack((cos, -sin, zero, sin, cos, zero, zero, zero, zero + 1), dim=-1).unflatten(-1, (3, 3))


def y_up_to_z_up(dtype: torch.dtype = torch.float32) -> Tensor:
    """+90 degrees about x, `[3, 3]`: (x, y, z) becomes (x, -z, y)."""
    return torch.tensor([[1, 0, 0], [0, 0, -1], [0, 1, 0]], dtype=dtype)


def heading(root_rotations: Tensor) -> Tensor:
    """Direction the body faces on the floor, radians about z, `[..., 3, 3]` root rotations to `[...]`.

    The body's forward is its local +z (SMPL at rest); zero is the world's +x.
    """
    forward = root_rotations[..., :, 2]
    return torch.atan2(forward[..., 1], forward[..., 0])


FRONT = -math.pi / 2
"""Heading of a dancer who faces the audience: -y, where a y-up file's +z comes to lie."""
