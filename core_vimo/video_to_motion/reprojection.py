"""How well a motion fits the keypoints it was made from: seen again through the cameras that suit it best.

Nothing is known of a casual video's cameras, so each shot gets one direction of view and each frame a scale and a
place of its own (weak perspective: scaled orthographic), all of them least squares weighted by confidence. The scale is
smoothed over time, since a body that shrinks for a moment is a wrong pose and not a zoom; the place is free, cameras
pan and shake. A shot whose camera walks around the dancer is therefore judged too harshly.

Shapes: `S` frames, `G` directions of view tried at once. A direction is yaw (0 looks along +y, positive turns left
seen from above) and pitch (positive looks down), radians.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core_vimo.coco_body import coco_joints_m
from core_vimo.errors import InputError
from core_vimo.evidence import CONFIDENT
from core_vimo.footage import Footage
from core_vimo.motion import Motion

STANDING_M = 1.7
"""Height of the SMPL body, head to floor."""

_SMOOTHED_S = 0.1
_ENOUGH = 4  # seen joints that tell a scale
_COARSE = torch.pi / 18
_PITCHES = torch.arange(-4, 8) * _COARSE  # -40 to 70 degrees: cameras stand rather above than below
_FRAMES_TRIED = 300  # of a shot, for the coarse search
_CLOSER, _ROUNDS = 0.7, 48  # ends at a millionth of a degree


@dataclass(frozen=True, eq=False)
class Reprojection:
    """xy `[S, 17, 2]` pixels: where the motion's joints come to lie, NaN in shots that show nobody.

    error_px `[S, 17]`: from there to the keypoint, NaN for joints that aren't seen confidently; px_per_m `[S]`; yaw
    and pitch `[shots]` radians.
    """

    xy: Tensor
    error_px: Tensor
    px_per_m: Tensor
    yaw: Tensor
    pitch: Tensor

    @property
    def mean_px(self) -> float:
        """Mean error over seen joints, NaN where none was."""
        return float(self.error_px.nanmean())

    @property
    def of_height(self) -> float:
        """The same as a share of the height that the body, standing, would have in each frame's picture.

        Without frames whose body is so wrong that no scale but 0 suits it.
        """
        tall_px = STANDING_M * self.px_per_m[:, None]
        return float(torch.where(tall_px > 0, self.error_px / tall_px, torch.nan).nanmean())


def reproject(motion: Motion, footage: Footage) -> Reprojection:
    """The motion through the cameras that fit the footage best. Raises InputError where their lengths differ."""
    if len(motion) != len(footage):
        raise InputError(f"the motion has {len(motion)} frames, the footage {len(footage)}; give those of one video")
    joints_m = coco_joints_m(motion.rotations, motion.root_m).double()
    keypoints = footage.pose.keypoints.double()
    reach = max(1, round(_SMOOTHED_S * motion.fps))
    shots = [_fit(joints_m[shot], keypoints[shot], reach) for shot in footage.shots()]
    xy, px_per_m = torch.cat([shot.xy for shot in shots]), torch.cat([shot.px_per_m for shot in shots])
    error = (xy - keypoints[..., :2]).norm(dim=-1)
    error = torch.where(keypoints[..., 2] >= CONFIDENT, error, torch.nan)
    yaw, pitch = torch.stack([shot.direction for shot in shots]).unbind(1)
    return Reprojection(*(part.float() for part in (xy, error, px_per_m, yaw, pitch)))


@dataclass(frozen=True, eq=False)
class _Shot:
    xy: Tensor
    px_per_m: Tensor
    direction: Tensor


def _fit(joints_m: Tensor, keypoints: Tensor, sigma: int) -> _Shot:
    weight = torch.where(keypoints[..., 2] >= CONFIDENT, keypoints[..., 2], 0.0)
    moments = _Moments.of(joints_m, keypoints[..., :2], weight, sigma)
    direction = _best_direction(moments)
    picture = joints_m @ image_axes(direction).T
    px_per_m = _filled(moments.scale(direction[None])[0], moments.told)
    some = weight.sum(1) > 0
    offset = _mean(keypoints[..., :2], weight) - px_per_m[:, None] * _mean(picture, weight)
    offset = torch.stack([_filled(column, some) for column in offset.T], dim=1)
    return _Shot(px_per_m[:, None, None] * picture + offset[:, None], px_per_m, direction)


@dataclass(frozen=True, eq=False)
class _Moments:
    """All that the error hangs on: second moments of joints and keypoints around their weighted means, by frame.

    For image axes A `[2, 3]` and a scale s it is  spread - 2 s <A, cross> + s² <A own, A>.
    """

    cross: Tensor  # [S, 2, 3]
    own: Tensor  # [S, 3, 3]
    spread: Tensor  # [S]
    steady: tuple[Tensor, Tensor, Tensor]  # the same, smoothed over time
    told: Tensor  # [S] where the smoothed ones say something

    @classmethod
    def of(cls, joints_m: Tensor, xy: Tensor, weight: Tensor, sigma: int) -> "_Moments":
        weight = weight * ((weight > 0).sum(1, keepdim=True) >= _ENOUGH)
        joints_m, xy = joints_m - _mean(joints_m, weight)[:, None], xy - _mean(xy, weight)[:, None]
        cross = torch.einsum("sj,sjx,sjk->sxk", weight, xy, joints_m)
        own = torch.einsum("sj,sji,sjk->sik", weight, joints_m, joints_m)
        spread = torch.einsum("sj,sjx->s", weight, xy.square())
        steady = (_smoothed(cross, sigma), _smoothed(own, sigma), _smoothed(spread, sigma))
        return cls(cross, own, spread, steady, steady[2] > 0)

    def some(self, frames: int) -> "_Moments":
        """Those of at most so many frames, evenly spread over the ones that tell something."""
        told = self.told.nonzero()[:, 0]
        chosen = told[torch.linspace(0, len(told) - 1, min(frames, len(told))).round().long()]
        steady = (self.steady[0][chosen], self.steady[1][chosen], self.steady[2][chosen])
        return _Moments(self.cross[chosen], self.own[chosen], self.spread[chosen], steady, self.told[chosen])

    def scale(self, directions: Tensor) -> Tensor:
        """Least squares `[G, S]` pixels a metre; never negative, which would be a mirror."""
        axes = image_axes(directions)
        fit = torch.einsum("gxk,sxk->gs", axes, self.steady[0])
        size = torch.einsum("gxi,sik,gxk->gs", axes, self.steady[1], axes)
        return fit.clamp(min=0) / size.clamp(min=torch.finfo(size.dtype).tiny)

    def error(self, directions: Tensor) -> Tensor:
        """`[G]`: the squared error that stays, each frame's as a share of its body's size in the picture."""
        axes, scale = image_axes(directions), self.scale(directions)
        fit = torch.einsum("gxk,sxk->gs", axes, self.cross)
        size = torch.einsum("gxi,sik,gxk->gs", axes, self.own, axes)
        left = self.spread - 2 * scale * fit + scale.square() * size
        return (left / self.steady[2]).mean(dim=1)


def _best_direction(moments: _Moments) -> Tensor:
    """(yaw, pitch): the best of a coarse grid over the sphere, then of ever closer ones around it. `[2]`."""
    if not moments.told.any():
        return torch.zeros(2, dtype=torch.float64)
    yaws = torch.arange(36) * _COARSE
    grid = torch.cartesian_prod(yaws, _PITCHES).double()
    best = grid[moments.some(_FRAMES_TRIED).error(grid).argmin()]
    told = moments.some(len(moments.told))
    around = torch.cartesian_prod(torch.arange(-1, 2), torch.arange(-1, 2)) * _COARSE
    for round_ in range(1, _ROUNDS):
        near = best + around * _CLOSER**round_
        best = near[told.error(near).argmin()]
    yaw = torch.atan2(best[0].sin(), best[0].cos())
    return torch.stack((yaw, best[1]))


def image_axes(directions: Tensor) -> Tensor:
    """(yaw, pitch) `[..., 2]` -> the picture's right and down in the world, `[..., 2, 3]`."""
    yaw, pitch = directions.unbind(-1)
    flat = torch.zeros_like(yaw)
    right = torch.stack((yaw.cos(), yaw.sin(), flat), dim=-1)
    down = torch.stack((pitch.sin() * yaw.sin(), -pitch.sin() * yaw.cos(), -pitch.cos()), dim=-1)
    return torch.stack((right, down), dim=-2)


def _mean(points: Tensor, weight: Tensor) -> Tensor:
    """`[S, J, C]`, `[S, J]` -> `[S, C]`; zeros where nothing weighs."""
    total = weight.sum(1, keepdim=True)
    return torch.einsum("sj,sjc->sc", weight, points) / torch.where(total > 0, total, 1.0)


def _smoothed(values: Tensor, sigma: int) -> Tensor:
    """Summed over time `[S, ...]` under a Gaussian; what isn't there counts as zero."""
    steps = torch.arange(-3 * sigma, 3 * sigma + 1, dtype=values.dtype)
    kernel = torch.exp(-0.5 * (steps / sigma) ** 2)
    columns = values.flatten(1).T if values.ndim > 1 else values[None]
    summed = torch.nn.functional.conv1d(columns[:, None], (kernel / kernel.sum())[None, None], padding="same")[:, 0]
    return summed.T.reshape(values.shape)


def _filled(values: Tensor, known: Tensor) -> Tensor:
    """`[S]` with the unknown ones on straight lines between known ones; NaN where none is known."""
    if not known.any():
        return torch.full_like(values, torch.nan)
    frames = np.arange(len(values))
    at = known.numpy()
    return torch.from_numpy(np.interp(frames, frames[at], values.numpy()[at])).to(values)
