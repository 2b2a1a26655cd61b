"""The baseline: straight from pose to pose, with no model at all."""

import torch

from core_vimo.errors import InputError
from core_vimo.motion import Motion, sample_at


def slerp_between(before: Motion, after: Motion, frames: int) -> Motion:
    """The `frames` frames between the last pose of one motion and the first of another: slerp, and a straight path."""
    require_same_rate(before, after)
    if frames < 1:
        raise InputError(f"a gap of {frames} frames can't be filled; give 1 or more")
    ends = Motion(
        torch.cat((before.rotations[-1:], after.rotations[:1])),
        torch.cat((before.root_m[-1:], after.root_m[:1])),
        torch.cat((before.contacts[-1:], after.contacts[:1])),
        before.fps,
    )
    return sample_at(ends, torch.arange(1, frames + 1, dtype=torch.float64) / (frames + 1), before.fps)


def require_same_rate(first: Motion, second: Motion) -> None:
    """Raise InputError for motions of two frame rates."""
    if first.fps != second.fps:
        raise InputError(f"motions of {first.fps:g} and {second.fps:g} fps can't be joined; resample one of them first")
