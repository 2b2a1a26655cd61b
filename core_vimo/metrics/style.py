"""How far a set of windows is from a style: one number that means something for a handful of windows.

A Fréchet distance needs more windows than features to be more than noise; a style's held-out clips have a dozen. The
energy distance (Székely and Rizzo 2013) needs no covariance, is zero for equal distributions only, and its unbiased
form doesn't depend on how many windows were compared.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.metrics.frechet import Standardiser
from core_vimo.metrics.kinetic import kinetic_features
from core_vimo.metrics.manual import manual_features
from core_vimo.metrics.protocol import published_joints_m
from core_vimo.motion import Motion

_KINETIC = 72
_LEAST_VOTE = 0.02
"""The least deviation of a manual feature: a pose that a style's windows never strike would else outweigh all."""


def style_features(motions: Sequence[Motion]) -> Tensor:
    """Kinetic features as speeds (square roots of energies) and manual ones, in their fixed forms, `[N, 104]`.

    Energies of a few windows have tails that a single jump makes; speeds don't.
    """
    if not motions:
        raise InputError("there is no window to compare with a style; give at least one")
    joints_m = [published_joints_m(motion) for motion in motions]
    rows = [torch.cat((kinetic_features(j, "fixed").sqrt(), manual_features(j, "fixed"))) for j in joints_m]
    return torch.stack(rows)


class StyleDistance:
    """The distance of windows to those of a style: `distance(features [N, 104]) -> float`.

    reference: the style's held-out windows `[M, 104]`. scale: windows `[P, 104]` whose deviations are the unit of each
    feature; the style's own, of training and held out. Kinetic and manual features weigh alike, as a whole.
    """

    def __init__(self, reference: Tensor, scale: Tensor) -> None:
        usual = Standardiser.of(scale)
        std = usual.std.clone()
        std[_KINETIC:] = std[_KINETIC:].clamp(min=_LEAST_VOTE)
        std[:_KINETIC] = std[:_KINETIC].clamp(min=float(std[:_KINETIC].median()) / 10)
        sizes = torch.tensor([_KINETIC] * _KINETIC + [len(std) - _KINETIC] * (len(std) - _KINETIC))
        self._mean, self._unit = usual.mean, std * (2 * sizes).sqrt()
        self._reference = self._scaled(reference)

    def __call__(self, features: Tensor) -> float:
        """2 E|X - Y| - E|X - X'| - E|Y - Y'|; about 0 (also below) for windows of the style, and rising from there."""
        ours = self._scaled(features)
        between = torch.cdist(ours, self._reference).mean()
        return float(2 * between - _within(ours) - _within(self._reference))

    def _scaled(self, features: Tensor) -> Tensor:
        return (features.double() - self._mean) / self._unit


def _within(rows: Tensor) -> Tensor:
    """Mean distance of two different rows; 0 where there is only one."""
    count = len(rows)
    return torch.cdist(rows, rows).sum() / max(count * (count - 1), 1)
