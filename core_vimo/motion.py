"""Motion, the one thing that flows through the suite, and what can be done to one.

Metres, z-up, floor at z = 0. Angles in radians. See `skeleton.py` for the joints and the rest pose.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from core_vimo import rotations as rot
from core_vimo.errors import InputError
from core_vimo.skeleton import FEET, MIRROR, TOE_HEIGHT_M, forward_kinematics

FPS = 30.0
"""Frames a second of all that a model sees or makes: dances, music features, data sets, footage. Files may have any."""

CONTACT_SPEED_M_S = 0.3
"""A foot joint slower than this stands: EDGE's 1 cm a frame at 30 fps, written so that it holds at any rate."""


FARTHEST_M = 100_000.0
"""From the origin; beyond it float32 places a foot by the centimetre, and no dancer goes there."""

_MOST_FRAMES = 1 << 20  # ten hours at 30 fps
_AVERAGED_AT_ONCE = 8  # channels


@dataclass(frozen=True, eq=False)
class Motion:
    """A person moving: local joint rotations, pelvis path and foot contacts, float32.

    rotations `[S, 24, 3, 3]` (SMPL-24 order), root_m `[S, 3]`, contacts `[S, 4]` in [0, 1] (left ankle, right
    ankle, left toe, right toe), fps frames a second. Raises InputError for misfitting shapes and non-finite numbers.
    """

    rotations: Tensor
    root_m: Tensor
    contacts: Tensor
    fps: float = FPS

    def __post_init__(self) -> None:
        frames = len(self.root_m)
        wanted = {"rotations": (frames, 24, 3, 3), "root_m": (frames, 3), "contacts": (frames, 4)}
        for name, shape in wanted.items():
            value = getattr(self, name)
            if tuple(value.shape) != shape:
                raise InputError(f"a motion's {name} must be {list(shape)}, not {list(value.shape)}")
            if not _finite(value):
                raise InputError(f"a motion's {name} holds numbers that are not finite (NaN or infinity)")
            object.__setattr__(self, name, value.detach().to("cpu", torch.float32))
        if frames == 0:
            raise InputError("a motion needs at least one frame")
        if self.root_m.abs().max() > FARTHEST_M:
            raise InputError(f"the dancer goes farther than {FARTHEST_M / 1000:g} km; check the file's unit of length")
        _check_rate(self.fps)

    @classmethod
    def from_axis_angle(
        cls, axis_angle: Tensor, root_m: Tensor, fps: float = FPS, contacts: Tensor | None = None
    ) -> "Motion":
        """From local axis-angles `[S, 24, 3]`; contacts are detected where none are given."""
        return cls.from_rotations(rot.axis_angle_to_matrix(axis_angle), root_m, fps, contacts)

    @classmethod
    def from_rotations(
        cls, rotations: Tensor, root_m: Tensor, fps: float = FPS, contacts: Tensor | None = None
    ) -> "Motion":
        """From local rotations `[S, 24, 3, 3]`; contacts are detected where none are given."""
        if contacts is None:
            contacts = detect_contacts(forward_kinematics(rotations, root_m), fps)
        return cls(rotations, root_m, contacts, fps)

    def __len__(self) -> int:
        return len(self.root_m)

    def __getitem__(self, frames: slice) -> "Motion":
        """Frames one after the other; every second one would be another speed, which is `resample`'s business."""
        if frames.step not in (None, 1):
            raise ValueError(f"a motion is cut in steps of 1, not {frames.step}; take resample for another rate")
        return replace(
            self, rotations=self.rotations[frames], root_m=self.root_m[frames], contacts=self.contacts[frames]
        )

    @property
    def seconds(self) -> float:
        return len(self) / self.fps

    def joints_m(self) -> Tensor:
        """Joint positions `[S, 24, 3]` metres, z-up."""
        return forward_kinematics(self.rotations, self.root_m)

    def axis_angle(self) -> Tensor:
        """Local rotations as axis-angle `[S, 24, 3]`, each no longer than pi."""
        return rot.matrix_to_axis_angle(self.rotations)


def _finite(values: Tensor) -> bool:
    """NaN and infinities show in the extremes, which are found in one pass."""
    return not values.numel() or all(math.isfinite(extreme) for extreme in values.detach().aminmax())


def detect_contacts(joints_m: Tensor, fps: float) -> Tensor:
    """Which feet stand, `[..., S, 24, 3]` to `[..., S, 4]` of 0 and 1, as EDGE labels them.

    A foot joint stands while it moves less than 1 cm to the next frame at 30 fps; the last frame stands always.
    """
    return standing(joints_m[..., FEET, :], fps)


def standing(feet: Tensor, fps: float) -> Tensor:
    """The same of the feet's joints alone, `[..., S, 4, 3]` metres."""
    speed = (feet[..., 1:, :, :] - feet[..., :-1, :, :]).norm(dim=-1) * fps
    still = (speed < CONTACT_SPEED_M_S).to(feet.dtype)
    return torch.cat((still, torch.ones_like(feet[..., -1:, :, 0])), dim=-2)


def concatenate(motions: Sequence[Motion]) -> Motion:
    """One motion after the other, positions as they are; all need one frame rate."""
    rates = {m.fps for m in motions}
    if len(rates) != 1:
        raise InputError(f"motions of different frame rates {sorted(rates)} can't be joined; resample them first")
    return Motion(
        torch.cat([m.rotations for m in motions]),
        torch.cat([m.root_m for m in motions]),
        torch.cat([m.contacts for m in motions]),
        motions[0].fps,
    )


def resample(motion: Motion, fps: float) -> Motion:
    """The same movement at another frame rate: rotations by slerp, positions linearly, contacts by nearest frame."""
    if fps == motion.fps:
        return motion
    _check_rate(fps)
    last = len(motion) - 1
    frames = int(last * fps / motion.fps + 1e-6) + 1
    if frames > _MOST_FRAMES:
        raise InputError(
            f"{motion.seconds / 3600:.1f} h at {fps:g} frames a second would be {frames} frames; cut it into parts"
        )
    position = (torch.arange(frames, dtype=torch.float64) * motion.fps / fps).clamp(max=last)
    return sample_at(motion, position, fps)


def _check_rate(fps: float) -> None:
    if not 0 < fps < 10_000:
        raise InputError(f"a motion's frame rate must lie between 0 and 10000, not {fps:g}")


def sample_at(motion: Motion, position: Tensor, fps: float) -> Motion:
    """The motion read at fractional frames `position [N]`, called `fps` afterwards: resampling and re-timing."""
    left = position.floor().long().clamp(0, len(motion) - 1)
    right = (left + 1).clamp(max=len(motion) - 1)
    weight = (position - left).to(torch.float32)
    joint_weight = weight[:, None].expand(-1, 24)
    return Motion(
        rot.slerp(motion.rotations[left], motion.rotations[right], joint_weight),
        torch.lerp(motion.root_m[left], motion.root_m[right], weight[:, None]),
        motion.contacts[position.round().long().clamp(0, len(motion) - 1)],
        fps,
    )


def smooth(motion: Motion, sigma_s: float) -> Motion:
    """Averaged over time under a Gaussian of deviation `sigma_s` seconds; contacts stay, 0 changes nothing.

    Rotations become the one nearest to their mean matrix (by Gram-Schmidt). What trembles faster than 1 / (2 pi sigma)
    Hz goes; accents soften with it.
    """
    if sigma_s == 0:
        return motion
    averaged = averaged_over_time(torch.cat((motion.root_m, motion.rotations.flatten(1)), dim=1), sigma_s * motion.fps)
    rotations = rot.sixd_to_matrix(rot.matrix_to_sixd(averaged[:, 3:].reshape(-1, 24, 3, 3), "columns"), "columns")
    return replace(motion, rotations=rotations, root_m=averaged[:, :3])


def averaged_over_time(x: Tensor, sigma: float) -> Tensor:
    """`x [S, C]` under a Gaussian of deviation `sigma` frames; the first and last frames go on beyond the ends."""
    reach = math.ceil(3 * sigma)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=x.device) / sigma) ** 2)
    padded = F.pad(x.T[:, None], (reach, reach), mode="replicate")
    weight = (kernel / kernel.sum())[None, None]
    parts = padded.split(_AVERAGED_AT_ONCE)  # conv1d lays out each number as often as the kernel is long
    return torch.cat([F.conv1d(part, weight) for part in parts])[:, 0].T


def mirror(motion: Motion) -> Motion:
    """Left becomes right: reflected in the plane x = 0."""
    reflect = torch.tensor([-1.0, 1.0, 1.0])
    sign = reflect[:, None] * reflect[None, :]
    return Motion(
        motion.rotations[:, MIRROR, :, :] * sign,
        motion.root_m * reflect,
        motion.contacts[:, [1, 0, 3, 2]],
        motion.fps,
    )


def turn(motion: Motion, radians: float) -> Motion:
    """Turned about the up axis through the origin, counter-clockwise seen from above."""
    about_z = rot.about_z(radians)
    rotations = motion.rotations.clone()
    rotations[:, 0] = about_z @ rotations[:, 0]
    return replace(motion, rotations=rotations, root_m=motion.root_m @ about_z.T)


def move(motion: Motion, by_m: Tensor) -> Motion:
    """Displaced by `by_m [3]` (or `[S, 3]`) metres."""
    return replace(motion, root_m=motion.root_m + by_m)


def ground(motion: Motion) -> Motion:
    """Put on the floor: the height its lowest foot joint usually has becomes that of a flat foot's toe.

    "Usually" is the 5th percentile over frames, so that a jump or one bad frame doesn't lift or sink the dance.
    """
    lowest = motion.joints_m()[:, FEET, 2].amin(dim=1)
    return move(motion, torch.tensor([0.0, 0.0, TOE_HEIGHT_M - float(torch.quantile(lowest, 0.05))]))


def face_audience(motion: Motion) -> Motion:
    """Turned to face the audience (-y) on average, and moved so that its path is centred on the origin."""
    facing = rot.heading(motion.rotations[:, 0])
    average = torch.atan2(facing.sin().mean(), facing.cos().mean())
    turned = turn(motion, rot.FRONT - float(average))
    middle = (turned.root_m.amin(0) + turned.root_m.amax(0)) / 2
    return move(turned, -middle * torch.tensor([1.0, 1.0, 0.0]))
