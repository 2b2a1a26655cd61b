"""What a guess at the clean motion is held against: the motion itself, or what cameras saw of it."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from core_vimo import losses, losses_2d
from core_vimo.codec import MotionCodec
from core_vimo.errors import InputError
from core_vimo.losses_2d import Settings2D
from core_vimo.training.settings import checked_settings

KINDS = ("3d", "2d")

SEEN_IN_2D = (
    "Learned from 2D: guesses were compared with keypoints. Motions in 3D, such as a teacher made of the videos, were "
    "what noise was added to, and told what keypoints don't."
)
"""A fact for the card of what was trained `against_keypoints`."""


class Comparison(NamedTuple):
    """terms: their names; losses: (x0_hat `[B, S, D]`, the batch, weight `[B]` or `[B, S]`) -> each of them `[B]`."""

    terms: tuple[str, ...]
    losses: Callable[[Tensor, dict[str, Tensor], Tensor], dict[str, Tensor]]


def against_motion(codec: MotionCodec) -> Comparison:
    """With the batch's own motion, in 3D."""
    return Comparison(
        losses.TERMS, lambda x0_hat, batch, weight: losses.motion_losses(x0_hat, batch["x"], codec, weight)
    )


def against_keypoints(codec: MotionCodec, settings: Settings2D) -> Comparison:
    """With the batch's keypoints through its cameras; its motion is a teacher's."""
    return Comparison(
        losses_2d.TERMS,
        lambda x0_hat, batch, weight: losses_2d.reprojection_losses(x0_hat, batch, codec, settings, weight),
    )


def settings_2d(supervision: Mapping[str, Any]) -> Settings2D | None:
    """The settings of `configs/supervision/`; None where motions are the truth. Raises InputError for others."""
    if supervision["kind"] not in KINDS:
        raise InputError(f"supervision.kind={supervision['kind']!s:.20} is not known; take {' or '.join(KINDS)}")
    if supervision["kind"] == "3d":
        return None
    told = {name: value for name, value in supervision.items() if name not in ("kind", "loss")}
    return checked_settings(Settings2D, told, "supervision")
