"""Edits as data: which frames of a finished motion they make, and what stays in them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Protocol

import torch

from completion import (
    Filler,
    Manner,
    Mask,
    blend,
    complete,
    continue_motion,
    in_between,
    in_fill,
    lay_in,
    leads,
    loop,
    nothing,
    part,
    span,
)
from completion.foot_lock import lock_feet
from core_vimo.errors import InputError
from core_vimo.motion import FPS, Motion
from stylize.spans import Clock, Gap, Moment, Span

_FASTEST_M_S = 3.0
"""Faster than this nobody dances across a floor."""


@dataclass(frozen=True, eq=False)
class Plan:
    """A finished motion of `frames` frames: the gaps that are made, what is `kept` in them, and how they are made.

    `said` are things a person should know before the result surprises them.
    """

    frames: int
    gaps: Sequence[Gap]
    make: Callable[[Filler, Manner], list[Motion]]
    kept: Mask = nothing
    said: tuple[str, ...] = ()


class Edit(Protocol):
    def plan(self, motions: Sequence[Motion], clock: Clock) -> Plan:
        """What is to be made of these motions. Raises InputError for moments that aren't in them."""


@dataclass(frozen=True)
class Joint:
    """Where one motion is left and the next entered (None: at its end, at its start), and how long between them."""

    length: Moment
    leave: Moment | None = None
    enter: Moment | None = None

    def cut(self, motions: Sequence[Motion], clock: Clock) -> tuple[Motion, Motion, int]:
        """What is left of both, and the frames between. Counts are those of the first motion's music."""
        before, after = motions
        leave = len(before) - 1 if self.leave is None else clock.frame(self.leave, len(before) - 1)
        enter = 0 if self.enter is None else clock.frame(self.enter, len(after) - 1)
        return before[: leave + 1], after[enter:], clock.frames(self.length, leave + 1)


@dataclass(frozen=True)
class InBetween:
    """What leads from one motion to the next; with `poses` from its last pose alone to the next one's first."""

    joint: Joint
    poses: bool = False

    def plan(self, motions: Sequence[Motion], clock: Clock) -> Plan:
        before, after, frames = self.joint.cut(motions, clock)
        if self.poses:
            before, after = before[len(before) - 1 :], after[:1]
        gap = (len(before), len(before) + frames)
        said = _far(
            before,
            after,
            frames,
            "the second motion begins {} from where the first ends",
            "`vimo blend` moves it there",
        )
        return Plan(gap[1] + len(after), [gap], partial(in_between, before, after, frames), said=said)


def _far(before: Motion, after: Motion, frames: int, where: str, remedy: str) -> tuple[str, ...]:
    """What is said of a way too far for its time; `where` has a place for the metres."""
    way_m = float((after.root_m[0, :2] - before.root_m[-1, :2]).norm())
    if way_m * FPS / (frames + 1) <= _FASTEST_M_S:
        return ()
    return (f"{where.format(f'{way_m:.1f} m')}, which must be run in {frames / FPS:.1f} s; {remedy}",)


@dataclass(frozen=True)
class Blend:
    """A transition from one motion to the next, which is turned and moved to where it arrives."""

    joint: Joint

    def plan(self, motions: Sequence[Motion], clock: Clock) -> Plan:
        before, after, frames = self.joint.cut(motions, clock)
        gap = (len(before), len(before) + frames)
        return Plan(gap[1] + len(after), [gap], partial(blend, before, after, frames))


@dataclass(frozen=True)
class InFill:
    """Gaps of one motion filled anew, but for single `keyframes` in them."""

    gaps: tuple[Span, ...]
    keyframes: tuple[Moment, ...] = ()

    def plan(self, motions: Sequence[Motion], clock: Clock) -> Plan:
        (motion,) = motions
        gaps = clock.gaps(self.gaps, len(motion))
        kept = {clock.frame(moment, len(motion) - 1): moment for moment in self.keyframes}
        for frame, moment in kept.items():
            if not any(start <= frame < stop for start, stop in gaps):
                raise InputError(f"the keyframe {moment} lies in no gap, so it is kept anyway; name one inside a gap")
        gaps = [piece for gap in gaps for piece in _between(gap, sorted(kept))]
        if not gaps:
            raise InputError("the keyframes leave nothing of the gaps to fill; name fewer, or a longer gap")
        return Plan(len(motion), gaps, partial(in_fill, motion, gaps))


@dataclass(frozen=True)
class LayIn:
    """Another motion in the middle of a gap of one, where its frames are known; the rest of the gap leads to them."""

    gap: Span

    def plan(self, motions: Sequence[Motion], clock: Clock) -> Plan:
        motion, clip = motions
        gap = clock.gap(self.gap, len(motion))
        gaps = [lead for lead in leads(gap, len(clip), len(motion)) if lead[0] < lead[1]]
        return Plan(len(motion), gaps, partial(lay_in, motion, clip, gap))


def _between(gap: Gap, kept: Sequence[int]) -> list[Gap]:
    """What is left of a gap without these frames."""
    start, stop = gap
    edges = [start - 1, *(frame for frame in kept if start <= frame < stop), stop]
    return [(before + 1, after) for before, after in pairwise(edges) if before + 1 < after]


@dataclass(frozen=True)
class Regenerate:
    """A span (None: all) made anew but for the parts to `keep`; or of it the parts of `only`."""

    span: Span | None = None
    keep: tuple[str, ...] = ()
    only: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        part(*self.keep, *self.only)  # unknown names are told at once
        if self.keep and self.only:
            raise InputError("--keep names what stays, --only what is made; give one of them")
        if self.span is None and not (self.keep or self.only):
            raise InputError("nothing would be kept; give a span with --regenerate, or parts with --keep or --only")

    def plan(self, motions: Sequence[Motion], clock: Clock) -> Plan:
        (motion,) = motions
        gap = (0, len(motion)) if self.span is None else clock.gap(self.span, len(motion))
        kept = ~part(*self.only) if self.only else part(*self.keep)
        if kept(1).all():
            raise InputError("all of the body would be kept, so nothing would be made; keep fewer parts")
        return Plan(len(motion), [gap], partial(complete, motion, ~span(*gap) | kept), kept)


@dataclass(frozen=True)
class FootLock:
    """Standing feet of a span (None: all of it) held where they stand by bending the legs; nothing else moves."""

    span: Span | None = None

    def plan(self, motions: Sequence[Motion], clock: Clock) -> Plan:
        (motion,) = motions
        start, stop = (0, len(motion)) if self.span is None else clock.gap(self.span, len(motion))
        free = torch.zeros(len(motion), 2, dtype=torch.bool)
        free[start:stop] = True
        return Plan(len(motion), [(start, stop)], lambda _filler, _manner: [lock_feet(motion, free)], ~part("legs"))


@dataclass(frozen=True)
class Continue:
    """More of a motion after its end."""

    length: Moment

    def plan(self, motions: Sequence[Motion], clock: Clock) -> Plan:
        (motion,) = motions
        return _longer(motion, clock.frames(self.length, len(motion)), continue_motion)


@dataclass(frozen=True)
class Loop:
    """What leads from a motion's end back to its start."""

    length: Moment

    def plan(self, motions: Sequence[Motion], clock: Clock) -> Plan:
        (motion,) = motions
        frames = clock.frames(self.length, len(motion))
        said = _far(motion, motion, frames, "the motion begins {} from where it ends", "a longer loop can walk it")
        return _longer(motion, frames, loop, said)


def _longer(motion: Motion, frames: int, edit: Callable[..., list[Motion]], said: tuple[str, ...] = ()) -> Plan:
    whole = len(motion) + frames
    return Plan(whole, [(len(motion), whole)], partial(edit, motion, frames), said=said)
