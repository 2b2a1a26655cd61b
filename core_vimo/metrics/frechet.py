"""Fréchet distance and diversity of feature sets, after Bailando's protocol.

`N` generated clips, `M` clips of the reference pool, `D` features. float64 throughout.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from core_vimo.errors import InputError

_STD_FLOOR = 1e-10
_CONSTANT = 1e-8


@dataclass(frozen=True)
class Standardiser:
    """z-scores with a pool's mean and population deviation; columns constant in the pool are left out.

    The published code divides those by 1e-10: one clip that differs there sends the distance to 10^17. Leaving them
    out changes nothing where both sides are constant. `constant_columns` says which they are.
    """

    mean: Tensor
    std: Tensor
    kept: Tensor

    @classmethod
    def of(cls, pool: Tensor) -> "Standardiser":
        """From the pool's features `[M, D]`."""
        pool = pool.double()
        mean, std = pool.mean(dim=0), pool.std(dim=0, correction=0)
        return cls(mean, std + _STD_FLOOR, std > _CONSTANT * mean.abs().clamp(min=1))

    @property
    def constant_columns(self) -> list[int]:
        return torch.nonzero(~self.kept).flatten().tolist()

    def __call__(self, features: Tensor) -> Tensor:
        """`[..., D]` to `[..., kept]`."""
        return ((features.double() - self.mean) / self.std)[..., self.kept]


def frechet_distance(first: Tensor, second: Tensor) -> Tensor:
    """‖μ₁-μ₂‖² + tr(Σ₁ + Σ₂ - 2(Σ₁Σ₂)^½) with sample covariances (Dowson & Landau 1982).

    first `[..., N, D]`, second `[..., M, D]` with N, M >= 2 -> `[...]`. Exact for singular covariances too: the trace
    of the root is the nuclear norm of the product of the centred sample matrices, so no matrix root is taken.
    """
    if min(first.shape[-2], second.shape[-2]) < 2:
        raise InputError("a Fréchet distance needs at least 2 clips on each side; add clips")
    a, b = _centred(first.double()), _centred(second.double())
    means = (first.double().mean(dim=-2) - second.double().mean(dim=-2)).square().sum(dim=-1)
    traces = a.square().sum(dim=(-1, -2)) + b.square().sum(dim=(-1, -2))
    cross = _triangle(a) @ _triangle(b).transpose(-1, -2)
    return means + traces - 2 * torch.linalg.svdvals(cross).sum(dim=-1)


def diversity(features: Tensor) -> Tensor:
    """Mean distance between two different clips, `[..., N, D]` with N >= 2 -> `[...]`."""
    clips = features.shape[-2]
    if clips < 2:
        raise InputError("diversity needs at least 2 clips; add clips")
    return torch.cdist(features.double(), features.double()).sum(dim=(-1, -2)) / (clips * (clips - 1))


def _centred(features: Tensor) -> Tensor:
    """Rows with the mean taken off, scaled so that their product is the sample covariance."""
    return (features - features.mean(dim=-2, keepdim=True)) / (features.shape[-2] - 1) ** 0.5


def _triangle(rows: Tensor) -> Tensor:
    """A matrix of at most D rows with the same product with itself: a large pool costs no more than a small one."""
    if rows.shape[-2] <= rows.shape[-1]:
        return rows
    return torch.linalg.qr(rows, mode="r").R
