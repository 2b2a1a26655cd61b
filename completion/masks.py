"""What of a motion is kept: masks over frames and body parts that read like the sentence they stand for.

`first(30) | last(30) | part("legs", "root path")` keeps a second at both ends, and the legs and the path throughout;
`~span(60, 90)` keeps all but one second. A mask is asked for a number of frames and answers in the channels of
`core_vimo.codec`: `mask(S)` is bool `[S, 151]`, True where known.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from core_vimo.codec import CHANNELS, CONTACTS, ROOT, joint_channels
from core_vimo.errors import InputError

_LEFT_ARM, _RIGHT_ARM = (13, 16, 18, 20, 22), (14, 17, 19, 21, 23)
_LEFT_LEG, _RIGHT_LEG = (1, 4, 7, 10), (2, 5, 8, 11)
_TORSO, _HEAD = (3, 6, 9), (12, 15)
_LEFT_CONTACTS, _RIGHT_CONTACTS = (0, 2), (1, 3)


@dataclass(frozen=True)
class _Part:
    joints: tuple[int, ...] = ()
    contacts: tuple[int, ...] = ()
    path: bool = False

    def __add__(self, other: "_Part") -> "_Part":
        return _Part(self.joints + other.joints, self.contacts + other.contacts, self.path or other.path)


_LEGS = _Part(_LEFT_LEG + _RIGHT_LEG, _LEFT_CONTACTS + _RIGHT_CONTACTS)
_ARMS = _Part(_LEFT_ARM + _RIGHT_ARM)
_ROOT = _Part((0,), path=True)
_UPPER = _ARMS + _Part(_TORSO + _HEAD)

_PARTS = {
    "arms": _ARMS, "left arm": _Part(_LEFT_ARM), "right arm": _Part(_RIGHT_ARM),
    "hands": _Part((20, 21, 22, 23)), "head": _Part(_HEAD), "torso": _Part(_TORSO), "upper": _UPPER,
    "legs": _LEGS, "left leg": _Part(_LEFT_LEG, _LEFT_CONTACTS), "right leg": _Part(_RIGHT_LEG, _RIGHT_CONTACTS),
    "feet": _Part((7, 8, 10, 11), _LEFT_CONTACTS + _RIGHT_CONTACTS), "lower": _LEGS + _ROOT,
    "left": _Part(_LEFT_ARM + _LEFT_LEG, _LEFT_CONTACTS), "right": _Part(_RIGHT_ARM + _RIGHT_LEG, _RIGHT_CONTACTS),
    "pelvis": _Part((0,)), "root path": _Part(path=True), "root": _ROOT, "body": _UPPER + _LEGS + _ROOT,
}  # fmt: skip

PARTS = tuple(_PARTS)
"""Names of body parts. Legs and feet bring their contacts; root path is the pelvis' place, root its turn as well;
lower is legs and root, upper all above the pelvis, body everything."""


@dataclass(frozen=True, eq=False)
class Mask:
    """A set of (frame, channel), drawn up for as many frames as it is asked for; `&`, `|` and `~` as with sets."""

    of: Callable[[int], Tensor]

    def __call__(self, frames: int) -> Tensor:
        """bool `[S, 151]` for S = `frames`. Raises InputError where it names frames that aren't there."""
        return self.of(frames).expand(frames, CHANNELS).clone()

    def __and__(self, other: "Mask") -> "Mask":
        return Mask(lambda frames: self(frames) & other(frames))

    def __or__(self, other: "Mask") -> "Mask":
        return Mask(lambda frames: self(frames) | other(frames))

    def __invert__(self) -> "Mask":
        return Mask(lambda frames: ~self(frames))


nothing = Mask(lambda frames: torch.zeros(frames, 1, dtype=torch.bool))
everything = ~nothing


def span(start: int, stop: int) -> Mask:
    """Frames `start` to `stop` - 1 of every part."""
    if not 0 <= start < stop:
        raise InputError(f"frames {start} to {stop} are no span; give a start of 0 or more and an end after it")
    return Mask(lambda frames: _among(torch.arange(_within(stop, frames)) >= start, frames))


def first(count: int) -> Mask:
    """The first `count` frames; 0 is none."""
    return _counted(count, lambda frames: torch.arange(frames) < _within(count, frames))


def last(count: int) -> Mask:
    """The last `count` frames; 0 is none."""
    return _counted(count, lambda frames: torch.arange(frames) >= frames - _within(count, frames))


def keyframes(at: Iterable[int]) -> Mask:
    """Single frames."""
    chosen = sorted(set(at))
    if not chosen or chosen[0] < 0:
        raise InputError("keyframes are frame numbers of 0 or more; give at least one")

    def of(frames: int) -> Tensor:
        _within(chosen[-1] + 1, frames)
        kept = torch.zeros(frames, 1, dtype=torch.bool)
        kept[chosen] = True
        return kept

    return Mask(of)


def part(*names: str) -> Mask:
    """These parts of the body (`PARTS`) in every frame; several are kept together."""
    row = torch.zeros(CHANNELS, dtype=torch.bool)
    for name in names:
        _mark(row, _known_part(name))
    return Mask(lambda frames: row.expand(frames, -1))


def _known_part(name: str) -> _Part:
    plain = " ".join(name.lower().replace("_", " ").replace("-", " ").split())
    if plain not in _PARTS:
        raise InputError(f"there is no body part '{name:.40}'; choose among {', '.join(PARTS)}")
    return _PARTS[plain]


def _mark(row: Tensor, named: _Part) -> None:
    for joint in named.joints:
        row[joint_channels(joint)] = True
    row[CONTACTS][list(named.contacts)] = True
    if named.path:
        row[ROOT] = True


def _counted(count: int, frames_of: Callable[[int], Tensor]) -> Mask:
    if count < 0:
        raise InputError(f"{count} frames can't be kept; give 0 or more")
    return Mask(lambda frames: frames_of(frames)[:, None])


def _within(stop: int, frames: int) -> int:
    if stop > frames:
        raise InputError(
            f"frame {stop - 1} is asked for, but the clip ends with frame {frames - 1}; give one inside it"
        )
    return stop


def _among(chosen: Tensor, frames: int) -> Tensor:
    kept = torch.zeros(frames, 1, dtype=torch.bool)
    kept[: len(chosen), 0] = chosen
    return kept
