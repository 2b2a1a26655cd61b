"""What a guess at the clean motion is compared in: one number a clip and term.

Tseng et al., "EDGE", CVPR 2023, equations 4-7; ViMo, equations 4-7. `configs/loss/` holds the published weights.

Shapes: `B` clips, `S` frames, `D` = 151 channels, `J` = 24 joints.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from core_vimo.codec import ROTATIONS, MotionCodec
from core_vimo.skeleton import FEET, forward_kinematics

TERMS = ("simple", "velocity", "joints", "foot")

STATIC_CONTACT = 0.95
"""A foot stands where the contact that the model itself predicts is above this."""


class _Decoded(NamedTuple):
    contacts: Tensor  # [B, S, 4]
    pose: Tensor  # [B, S, 147]: root in metres, then 6D
    joints_m: Tensor  # [B, S, J, 3]


def motion_losses(x0_hat: Tensor, x0: Tensor, codec: MotionCodec, weight: Tensor | None = None) -> dict[str, Tensor]:
    """Mean squares of normalised `x0_hat` and `x0 [B, S, D]`, each term `[B]`.

    - simple: all normalised channels.
    - velocity: steps from frame to frame of root (metres) and 6D, un-normalised; S - 1 frames.
    - joints: positions after forward kinematics, metres.
    - foot: steps of the guessed feet where the guess itself says they stand, metres a frame; divided by all feet and
      frames, standing or not, so that saying "never in contact" is what `simple` has to forbid.

    With a codec of root velocities, `joints` compares bodies over one spot: where a wrong velocity leads is a sum over
    the window, which would drown the pose; the velocity itself is in `simple` and `velocity`.

    `weight` `[B]` or, where frames have timesteps of their own, `[B, S]` says how much each counts, 1 where it is not
    given; a step from frame to frame counts as the mean of the two.
    """
    weight = x0.new_ones(len(x0)) if weight is None else weight
    guess, truth = _decode(x0_hat, codec), _decode(x0, codec)
    return {
        "simple": _mean_square(x0_hat - x0, weight),
        "velocity": _mean_square(guess.pose.diff(dim=1) - truth.pose.diff(dim=1), of_steps(weight)),
        "joints": _mean_square(_body(guess, codec) - _body(truth, codec), weight),
        "foot": foot_skate(guess.contacts, guess.joints_m, weight),
    }


def _decode(x: Tensor, codec: MotionCodec) -> _Decoded:
    vector = codec.unnormalise(x)
    contacts, root_m, rotations = codec.unpack(vector)
    pose = torch.cat((root_m, vector[..., ROTATIONS]), dim=-1)
    return _Decoded(contacts, pose, forward_kinematics(rotations, root_m))


def _body(decoded: _Decoded, codec: MotionCodec) -> Tensor:
    """Joint positions, over the origin where the codec knows no place on the floor."""
    if codec.root == "position":
        return decoded.joints_m
    return decoded.joints_m - F.pad(decoded.pose[..., :2], (0, 1))[..., None, :]


def foot_skate(contacts: Tensor, joints_m: Tensor, weight: Tensor) -> Tensor:
    """`foot` of `motion_losses`: contacts `[B, S, 4]` and joints `[B, S, J, 3]` of one guess."""
    standing = contacts[:, :-1, :, None] > STATIC_CONTACT
    steps = torch.stack([joints_m[:, :, foot] for foot in FEET], dim=2).diff(dim=1) * standing
    frames = joints_m.shape[1]
    return _mean_square(steps, of_steps(weight)) * (frames - 1) / frames  # the last frame's step is unknown: zero


def of_steps(weight: Tensor) -> Tensor:
    """Weights of the steps between frames, `[B, S - 1]` from `[B, S]`; a clip's weight is that of its steps."""
    return weight if weight.ndim == 1 else (weight[:, :-1] + weight[:, 1:]) / 2


def _mean_square(difference: Tensor, weight: Tensor) -> Tensor:
    """`[B, F, ...]` and `[B]` or `[B, F]` -> `[B]`."""
    if weight.ndim == 1:
        return difference.square().flatten(1).mean(1) * weight
    return (difference.square().flatten(2).mean(2) * weight).mean(1)
