"""What a guess at the clean motion is compared in: one number a clip and term, neither averaged nor weighted.

Tseng et al., "EDGE", CVPR 2023, equations 4-7; ViMo, equations 4-7. `configs/loss/` holds the published weights.

Shapes: `B` clips, `S` frames, `D` = 151 channels, `J` = 24 joints.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from core_vimo.codec import CHANNELS, ROTATIONS, MotionCodec
from core_vimo.skeleton import FEET, forward_kinematics

STATIC_CONTACT = 0.95
"""A foot stands where the contact that the model itself predicts is above this."""

_AS_THEY_ARE = MotionCodec(torch.ones(CHANNELS), torch.zeros(CHANNELS), sixd="rows", root="position")


class _Decoded(NamedTuple):
    contacts: Tensor  # [B, S, 4]
    pose: Tensor  # [B, S, 147]: root in metres, then 6D
    joints_m: Tensor  # [B, S, J, 3]


def motion_losses(x0_hat: Tensor, x0: Tensor, codec: MotionCodec) -> dict[str, Tensor]:
    """Mean squares of normalised `x0_hat` and `x0 [B, S, D]`, each term `[B]`.

    - simple: all normalised channels.
    - velocity: steps from frame to frame of root (metres) and 6D, un-normalised; S - 1 frames.
    - joints: positions after forward kinematics, metres.
    - foot: steps of the guessed feet where the guess itself says they stand, metres a frame; divided by all feet and
      frames, standing or not, so that saying "never in contact" is what `simple` has to forbid.

    With a codec of root velocities, `joints` compares bodies over one spot: where a wrong velocity leads is a sum over
    the window, which would drown the pose; the velocity itself is in `simple` and `velocity`.
    """
    guess, truth = _decode(x0_hat, codec), _decode(x0, codec)
    return {
        "simple": _mean_square(x0_hat - x0),
        "velocity": _mean_square(guess.pose.diff(dim=1) - truth.pose.diff(dim=1)),
        "joints": _mean_square(_body(guess, codec) - _body(truth, codec)),
        "foot": _foot_skate(guess),
    }


def edge_published_losses(x0_hat: Tensor, x0: Tensor) -> dict[str, Tensor]:
    """The terms as EDGE's code computes them: with normalised channels taken for metres and rotations.

    Its un-normalising lines are commented out, so bones are turned by 6D numbers (rows) stretched to [-1, 1] and the
    contact threshold applies to the normalised label. For comparison; train with `motion_losses`.
    """
    return motion_losses(x0_hat, x0, _AS_THEY_ARE)


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


def _foot_skate(guess: _Decoded) -> Tensor:
    standing = guess.contacts[:, :-1, :, None] > STATIC_CONTACT
    steps = guess.joints_m[:, :, FEET].diff(dim=1) * standing
    frames = guess.joints_m.shape[1]
    return _mean_square(steps) * (frames - 1) / frames  # the last frame's step is unknown and counts as zero


def _mean_square(difference: Tensor) -> Tensor:
    return difference.square().flatten(1).mean(1)
