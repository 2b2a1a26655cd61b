"""What a guess at the clean motion is compared in where only a video was seen: pixels, and what follows from them.

"VideoMDM: Towards 3D Human Motion Generation From 2D Supervision", arXiv 2606.13364. Under a pinhole an
error across the line of sight is depth times that in the picture, so squares weighed by depth squared are metres again:
over cameras all round a body they say as much as its joints' own error. `configs/supervision/` and `configs/loss/`
hold the settings.

Shapes: `B` clips, `V` views, `S` frames, `J` = 17 COCO points, `D` = 151 channels. A batch carries, beside the
teacher's motion `x [B, S, D]`: keypoints `[B, V, S, J, 3]` pixels and confidence, cuts `[B, V, S]` bool, and cameras in
the world in which `x` decodes: intrinsics and R_camera_world `[B, V, S, 3, 3]`, t_camera_m `[B, V, S, 3]`; follows
`[B, V]` bool: cameras that merely follow the dancer tell nothing of where that goes, nor of which foot stands.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from core_vimo.coco_body import coco_points_m
from core_vimo.codec import CONTACTS, ROOT, ROTATIONS, MotionCodec
from core_vimo.errors import InputError
from core_vimo.limb_ik import swung_to
from core_vimo.losses import foot_skate, of_steps
from core_vimo.motion import averaged_over_time, standing
from core_vimo.pose2d import COCO_NAMES
from core_vimo.rotations import matrix_to_sixd
from core_vimo.sighting import NEAR_M, Sighting, cast_back
from core_vimo.skeleton import FEET, forward_kinematics_full
from core_vimo.steadying import STEADY_S

TERMS = ("reprojection", "velocity_2d", "alignment", "foot")

DEPTH_POWERS = (0, 1, 2)

FARTHEST_NEAR_M = 2.0
"""Dancers stand hardly nearer; with a near plane behind them nothing would count."""

_ROTATION_ERROR = 0.1
"""Of a 6D channel, as keypoints tell it: some six degrees, 4 cm at an ankle. A channel whose whole range is less, such
as a knee's sideways bend, hardly counts in `alignment`: its target would be noise, blown up to the range."""

_PATH = slice(CONTACTS.start, ROOT.stop)
_HIPS = slice(COCO_NAMES.index("left_hip"), COCO_NAMES.index("right_hip") + 1)
_ANKLES = slice(COCO_NAMES.index("left_ankle"), COCO_NAMES.index("right_ankle") + 1)


@dataclass(frozen=True)
class Settings2D:
    """depth_power: of the depth that squared errors in the picture are weighed by: 2 is metres, 0 the picture's own.

    per_joint: each joint by its own depth, or all by their clip's mean; near_m: what is nearer to the camera, or behind
    it, doesn't count; azimuth_noise_deg: by how much training turns cameras about the dancer.
    """

    depth_power: int = 2
    per_joint: bool = True
    near_m: float = NEAR_M
    azimuth_noise_deg: float = 0.0

    def __post_init__(self) -> None:
        if self.depth_power not in DEPTH_POWERS:
            raise InputError(f"supervision.depth_power={self.depth_power!s:.20} must be 0, 1 or 2")
        if not 0 < self.near_m <= FARTHEST_NEAR_M:
            raise InputError(
                f"supervision.near_m={self.near_m!s:.20} must be metres above 0 and at most {FARTHEST_NEAR_M:g}"
            )
        if not 0 <= self.azimuth_noise_deg <= 180:
            raise InputError(f"supervision.azimuth_noise_deg={self.azimuth_noise_deg!s:.20} must lie in 0 to 180")


def reprojection_losses(
    x0_hat: Tensor, batch: dict[str, Tensor], codec: MotionCodec, settings: Settings2D, weight: Tensor | None = None
) -> dict[str, Tensor]:
    """What `x0_hat [B, S, D]` looks like through the batch's cameras against its keypoints, each term `[B]`.

    - reprojection: tangents (pixels over focal length), squared, by depth to the power that is set (the guess's own,
      detached). With power 2 it is the mean square of an axis across the line of sight, in metres.
    - velocity_2d: the same of steps from frame to frame inside a shot; metres a frame, as `velocity` of
      `losses.motion_losses`.
    - alignment: normalised channels against pseudo-targets. Keypoints are cast back along their rays to the guess's
      depth and steadied over time: there hips (root) and ankles (contacts) should be, and there all parts should point
      (rotations). What points don't tell, such as feet, hands and the twist of straight limbs, is the teacher's; before
      cameras that merely follow also root and contacts. Points that weren't seen move along with those beside them;
      where none were, the path of a codec of velocities is the teacher's, height and contacts are the guess's own.
    - foot: `losses.foot_skate`, which needs no truth.

    Means are weighed by confidence, 0 below `evidence.CONFIDENT`; what lies behind a camera or nearer than `near_m`
    never counts; what nobody saw costs nothing but alignment. As in 3D, a codec of root velocities has bodies compared
    over one spot: the teacher's. `weight` as in `motion_losses`.
    """
    weight = x0_hat.new_ones(len(x0_hat)) if weight is None else weight
    teacher = codec.unpack(codec.unnormalise(batch["x"]))
    guess = _placed(x0_hat, teacher.root_m, codec)
    seen = Sighting.of(guess.coco_m, batch, settings.near_m)
    steps = _steps(seen, batch["cuts"])
    off_m = cast_back(guess.coco_m, seen, batch, codec.fps)
    targets, told = _pseudo_targets(guess, off_m, batch, teacher.rotations, codec)
    by_depth = _depth_weight(seen, settings), _depth_weight(steps, settings)
    return {
        "reprojection": _mean(by_depth[0] * seen.error.square().mean(-1), seen.counts, weight),
        "velocity_2d": _mean(by_depth[1] * steps.error.square().mean(-1), steps.counts, of_steps(weight)),
        "alignment": _mean((x0_hat - targets).square(), told, weight),
        "foot": foot_skate(guess.contacts, guess.own_m, weight),
    }


class _Placed(NamedTuple):
    """The guess's body where it is compared, and its joints where its own velocities lead."""

    contacts: Tensor  # [B, S, 4]
    root_m: Tensor  # [B, S, 3]
    joints_m: Tensor  # [B, S, 24, 3]
    coco_m: Tensor  # [B, S, J, 3]
    own_m: Tensor  # [B, S, 24, 3]


def _placed(x0_hat: Tensor, teacher_m: Tensor, codec: MotionCodec) -> _Placed:
    contacts, own_m, rotations = codec.unpack(codec.unnormalise(x0_hat))
    root_m = own_m
    if codec.root == "velocity":
        root_m = torch.cat((teacher_m[..., :2], own_m[..., 2:]), dim=-1)
    turned, joints_m = forward_kinematics_full(rotations, root_m)
    gone_m = joints_m + (own_m - root_m)[..., None, :]
    return _Placed(contacts, root_m, joints_m, coco_points_m(turned, joints_m), gone_m)


def _steps(seen: Sighting, cuts: Tensor) -> Sighting:
    """From each frame to the next, where both were seen in one shot."""
    both = torch.minimum(seen.counts[:, :, 1:], seen.counts[:, :, :-1]) * ~cuts[:, :, 1:, None]
    depth_m = (seen.depth_m[:, :, 1:] + seen.depth_m[:, :, :-1]) / 2
    return Sighting(seen.error.diff(dim=2), depth_m, both, seen.tangents)


def _depth_weight(seen: Sighting, settings: Settings2D) -> Tensor:
    """`[B, V, F, J]`, or `[B, V, 1, 1]` where a clip's joints share their mean depth."""
    depth_m = seen.depth_m
    if not settings.per_joint:
        there = (seen.counts > 0).to(depth_m)
        total = there.sum((2, 3), keepdim=True).clamp(min=1)
        depth_m = (depth_m * there).sum((2, 3), keepdim=True) / total
    return depth_m**settings.depth_power


def _mean(values: Tensor, counts: Tensor, weight: Tensor) -> Tensor:
    """`[B, ...]` over what counts, `[B]`; views stand before frames where there are four axes. Nothing gives 0."""
    if weight.ndim == 2:
        frames = (len(weight), 1, -1, 1) if values.ndim == 4 else (len(weight), -1, 1)
        values = values * weight.view(frames)
    total = counts.flatten(1).sum(1)
    mean = (values * counts).flatten(1).sum(1) / torch.where(total > 0, total, 1.0)
    return mean * weight if weight.ndim == 1 else mean


@torch.no_grad()
def _pseudo_targets(
    guess: _Placed, off_m: Tensor, batch: dict[str, Tensor], teacher: Tensor, codec: MotionCodec
) -> tuple[Tensor, Tensor]:
    """Normalised channels `[B, S, D]` that the guess would have if its points were off by so much `[B, S, J, 3]`, as
    the keypoints say, and how much each counts; teacher `[B, S, 24, 3, 3]`."""
    in_shot = ~batch["cuts"][:, :, 1:].any(1)
    path, path_told = _path_target(guess, off_m, in_shot, codec)
    follows = batch["follows"].any(1)[:, None, None]
    path = torch.where(follows, codec.unnormalise(batch["x"])[..., _PATH], path)
    path_told = torch.where(follows, 1.0, path_told)
    swung = matrix_to_sixd(swung_to(teacher, guess.coco_m + off_m), codec.sixd).flatten(-2)
    targets = codec.normalise(torch.cat((path, swung), dim=-1))
    rotations_told = 1 / (1 + (_ROTATION_ERROR * codec.scale_like(swung)[ROTATIONS]).square())
    return targets, torch.cat((path_told, rotations_told.expand_as(swung)), dim=-1)


def _path_target(guess: _Placed, off_m: Tensor, in_shot: Tensor, codec: MotionCodec) -> tuple[Tensor, Tensor]:
    """Contacts and root channels `[B, S, 7]`, and how much each counts; in_shot `[B, S - 1]`: steps that are no cut."""
    root, root_told = _root_target(guess, off_m[..., _HIPS, :].mean(-2), in_shot, codec)
    contacts, contacts_told = _contact_target(guess, off_m[..., _ANKLES, :], in_shot, codec.fps)
    return torch.cat((contacts, root), dim=-1), torch.cat((contacts_told, root_told), dim=-1)


def _root_target(guess: _Placed, off_m: Tensor, in_shot: Tensor, codec: MotionCodec) -> tuple[Tensor, Tensor]:
    """Root channels `[B, S, 3]` of the pelvis under the cast hips, and how much each counts."""
    root_m = guess.root_m + off_m
    if codec.root == "position":
        return root_m, torch.ones_like(root_m)
    step = root_m[..., :2].diff(dim=1) * codec.fps
    root = torch.cat((torch.cat((step, step[:, -1:]), dim=1), root_m[..., 2:]), dim=-1)
    of_step = torch.cat((in_shot, in_shot[:, -1:]), dim=1)[..., None].to(root)
    return root, torch.cat((of_step, of_step, torch.ones_like(of_step)), dim=-1)


def _contact_target(guess: _Placed, off_m: Tensor, in_shot: Tensor, fps: float) -> tuple[Tensor, Tensor]:
    """Contacts `[B, S, 4]` of the guess's feet, carried to where the ankles `[B, S, 2]` were cast."""
    feet_m = torch.stack([guess.joints_m[:, :, foot] for foot in FEET], dim=2)
    contacts = standing(_calmed(feet_m + off_m.repeat(1, 1, 2, 1), fps), fps)
    # Of the last frame's step nothing is known, and near a cut feet are averaged with what they are in another shot.
    near = math.ceil(2 * STEADY_S * fps)
    one_shot = -F.max_pool1d(-F.pad(in_shot.to(contacts), (0, 1), value=1.0)[:, None], 2 * near + 1, 1, near)[:, 0]
    one_shot[:, -1] = 0
    return contacts, one_shot[..., None].expand_as(contacts)


def _calmed(points_m: Tensor, fps: float) -> Tensor:
    """`[B, S, P, 3]` without what trembles."""
    columns = points_m.movedim(1, 0).flatten(1)
    calm = averaged_over_time(columns, STEADY_S * fps)
    return calm.view(points_m.shape[1], len(points_m), *points_m.shape[2:]).movedim(0, 1)
