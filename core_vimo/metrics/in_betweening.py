"""How well a gap was filled: L2P, L2Q and NPSS as in robust motion in-betweening, jerk at borders, diversity.

Harvey et al., "Robust Motion In-Betweening", 2020, §5 (LaFAN1); Gopalakrishnan et al. 2019 for NPSS. Shapes: `N` clips,
`S` frames of a gap (unless said otherwise), `J` joints; prediction first, truth second.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.rotations import matrix_to_quaternion
from core_vimo.skeleton import forward_kinematics_full

BORDER_REACH = 5
"""Frames to either side of a border."""


def global_quaternions(rotations: Tensor) -> Tensor:
    """Of every joint in the world, `[..., S, 24, 3, 3]` local -> `[..., S, 24, 4]`; the sign never flips over time."""
    turned, _ = forward_kinematics_full(rotations, rotations.new_zeros(*rotations.shape[:-3], 3))
    quaternions = matrix_to_quaternion(turned)
    same = (quaternions[..., 1:, :, :] * quaternions[..., :-1, :, :]).sum(-1, keepdim=True) >= 0
    sign = torch.where(same, 1.0, -1.0).cumprod(-3)
    return torch.cat((quaternions[..., :1, :, :], quaternions[..., 1:, :, :] * sign), dim=-3)


def with_signs_of(quaternions: Tensor, other: Tensor) -> Tensor:
    """`[..., S, J, 4]`, each joint's sign chosen at the first frame as in `other`: q and -q are one rotation."""
    same = (quaternions[..., :1, :, :] * other[..., :1, :, :]).sum(-1, keepdim=True) >= 0
    return torch.where(same, quaternions, -quaternions)


def l2q(predicted: Tensor, true: Tensor) -> Tensor:
    """Mean over frames of the L2 distance of all joints' global quaternions, `[..., S, J, 4]` -> `[...]`.

    Of q and -q the nearer is taken in every frame.
    """
    _same_shape(predicted, true)
    nearer = torch.where((predicted * true).sum(-1, keepdim=True) >= 0, predicted, -predicted)
    return (nearer - true).flatten(-2).norm(dim=-1).mean(-1)


def l2p(predicted_m: Tensor, true_m: Tensor, deviation_m: Tensor) -> Tensor:
    """Mean over frames of the L2 distance of all joints' global positions, `[..., S, J, 3]` -> `[...]`.

    Each coordinate is counted in `deviation_m [J, 3]`, its standard deviation over training clips that are laid on one
    place and heading; so it has no unit, and numbers of different data sets can't be compared.
    """
    _same_shape(predicted_m, true_m)
    return ((predicted_m - true_m) / deviation_m).flatten(-2).norm(dim=-1).mean(-1)


class SpectralError(NamedTuple):
    """Of each clip `[N]`: the distance of power spectra times the true power, and the true power."""

    weighted: Tensor
    power: Tensor


def spectral_error(predicted: Tensor, true: Tensor) -> SpectralError:
    """What NPSS adds up, of features `[N, S, ...]` such as `global_quaternions`."""
    _same_shape(predicted, true)
    theirs, ours = (torch.fft.fft(x.flatten(2).double(), dim=1).abs().square() for x in (true, predicted))
    total = theirs.sum(1)
    distance = (_share(ours).cumsum(1) - _share(theirs).cumsum(1)).abs().sum(1)
    return SpectralError((distance * total).sum(-1), total.sum(-1))


def npss(predicted: Tensor, true: Tensor) -> Tensor:
    """Normalised power spectrum similarity of features `[N, S, ...]`: 0 is the truth's spectrum.

    The earth mover's distance of each feature's normalised power over frequencies, averaged over features and clips
    by their true power.
    """
    error = spectral_error(predicted, true)
    return error.weighted.sum() / error.power.sum()


def border_jerk(joints_m: Tensor, usual_m: Tensor, gap: tuple[int, int]) -> Tensor:
    """Mean jerk of all joints within 5 frames of both borders over the median jerk of `usual_m`, `[..., S, J, 3]`.

    `joints_m` is the whole clip, `gap` its first new frame and the one after its last; `usual_m` is undisturbed.
    """
    jerk = _jerk(joints_m)
    frames = torch.arange(jerk.shape[-1]) + 1.5  # a third difference lies in the middle of its four frames
    near = torch.stack([(frames - (border - 0.5)).abs() <= BORDER_REACH for border in gap]).any(0)
    return jerk[..., near].mean(-1) / _jerk(usual_m).median(-1).values


def spread_m(takes_m: Tensor) -> Tensor:
    """How far the takes of one gap lie apart: the mean distance of a joint in two takes, `[K, S, J, 3]` -> `[]` m."""
    if len(takes_m) < 2:
        raise InputError("one take has no diversity; give two or more")
    first, second = torch.combinations(torch.arange(len(takes_m))).T
    return (takes_m[first] - takes_m[second]).norm(dim=-1).mean()


def _share(power: Tensor) -> Tensor:
    return power / power.sum(1, keepdim=True).clamp(min=torch.finfo(power.dtype).tiny)


def _jerk(joints_m: Tensor) -> Tensor:
    return joints_m.double().diff(n=3, dim=-3).norm(dim=-1).mean(-1)


def _same_shape(predicted: Tensor, true: Tensor) -> None:
    if predicted.shape != true.shape:
        raise InputError(
            f"the gap was filled as {list(predicted.shape)}, the truth is {list(true.shape)}; cut them alike"
        )
