"""The choreographer's words for `complete`: in-between, in-fill, lay in, regenerate, continue, loop, blend.

Frames count at the motion's rate; a gap is (first frame, the one after its last). All give one motion a take, with
every frame and body part that was to be kept as it was, bit for bit.
"""

import math
from collections.abc import Sequence
from functools import reduce
from itertools import pairwise

import torch

from completion.completing import CONTEXT, Manner, complete
from completion.filler import Filler
from completion.interpolation import require_same_rate, slerp_between
from completion.masks import Mask, first, part, span
from core_vimo.errors import InputError
from core_vimo.motion import FPS, Motion, concatenate, move, turn
from core_vimo.rotations import heading

Gap = tuple[int, int]

_SHORTEST_LEAD = 5
"""Frames; in less nobody gets from one pose to another."""


def in_between(
    before: Motion, after: Motion, frames: int, filler: Filler, manner: Manner | None = None
) -> list[Motion]:
    """`before`, `frames` new frames, `after`; clips, or single poses as motions of one frame.

    Both stay where they stand, so a far way in a short gap must be run.
    """
    whole = concatenate([before, slerp_between(before, after, frames), after])
    return complete(whole, ~span(len(before), len(before) + frames), filler, manner)


def in_fill(motion: Motion, gaps: Sequence[Gap], filler: Filler, manner: Manner | None = None) -> list[Motion]:
    """`motion` with several gaps filled anew. Raises InputError for gaps that overlap, run backwards or leave it."""
    return complete(motion, ~_all_of(gaps), filler, manner)


def _all_of(gaps: Sequence[Gap]) -> Mask:
    if not gaps:
        raise InputError("there is no gap to fill; give at least one")
    ordered = sorted(gaps)
    for (start, stop), (next_start, next_stop) in pairwise(ordered):
        if next_start < stop:
            raise InputError(f"the gaps {start} to {stop} and {next_start} to {next_stop} overlap; make them one")
    return reduce(Mask.__or__, (span(*gap) for gap in ordered))


def lay_in(motion: Motion, clip: Motion, frames: Gap, filler: Filler, manner: Manner | None = None) -> list[Motion]:
    """`motion` with `clip` in the middle of a span of it; what is left of the span leads there and back (`leads`).

    The clip is turned to head as the motion does where the span begins, and moved so that both ways are equally long.
    Both stand on the floor z = 0; the clip's poses keep their bits but for that turn.
    """
    require_same_rate(motion, clip)
    there, back = leads(frames, len(clip), len(motion), motion.fps)
    before, after = motion[: there[0]], motion[frames[1] :] if frames[1] < len(motion) else None
    laid = following_on(before, clip)
    if after is not None:
        way_m = (after.root_m[0] - before.root_m[-1] - (laid.root_m[-1] - laid.root_m[0]))[:2] / 2
        laid = move(laid, torch.cat((way_m, torch.zeros(1))))
    parts = [before, slerp_between(before, laid, there[1] - there[0]), laid]
    if after is not None:
        parts += [slerp_between(laid, after, back[1] - back[0]), after]
    return complete(concatenate(parts), ~_all_of([gap for gap in (there, back) if gap[0] < gap[1]]), filler, manner)


def leads(frames: Gap, clip: int, whole: int, fps: float = FPS) -> tuple[Gap, Gap]:
    """The gaps before and after a clip of `clip` frames that is laid into a span of `whole` frames' motion.

    A span that ends with the motion has none after. Raises InputError where the clip doesn't fit.
    """
    start, stop = frames
    if not 1 <= start < stop <= whole:
        raise InputError(
            f"the span {start / fps:.1f} to {stop / fps:.1f} s must begin after the motion's start, from where it is "
            f"led to the clip, and end inside its {whole / fps:.1f} s"
        )
    room = stop - start - clip
    sides = 2 if stop < whole else 1
    if room < sides * _SHORTEST_LEAD:
        needed_s = math.ceil((clip + sides * _SHORTEST_LEAD) / fps * 10) / 10
        raise InputError(
            f"the clip lasts {clip / fps:.1f} s and the span {(stop - start) / fps:.1f} s, which leaves no time to "
            f"come there{' and back' if sides == 2 else ''}; select at least {needed_s:.1f} s, or give a shorter clip"
        )
    at = start + room // sides
    return (start, at), (at + clip, stop)


def regenerate(
    motion: Motion, frames: Gap, filler: Filler, manner: Manner | None = None, *, keep: Sequence[str] = ()
) -> list[Motion]:
    """`motion` with a span made anew but for the parts to `keep` (`completion.masks.PARTS`).

    New arms: `keep=["legs", "torso", "head", "root"]`. Feet keep their places where legs and root are kept.
    """
    return complete(motion, ~span(*frames) | part(*keep), filler, manner)


def continue_motion(motion: Motion, frames: int, filler: Filler, manner: Manner | None = None) -> list[Motion]:
    """`motion` and `frames` more."""
    held = motion[len(motion) - 1 :]
    return complete(concatenate([motion, *[held] * _positive(frames)]), first(len(motion)), filler, manner)


def loop(motion: Motion, frames: int, filler: Filler, manner: Manner | None = None) -> list[Motion]:
    """`motion` and `frames` more that lead back into its first frame, in pose, place and heading."""
    again = motion[:CONTEXT]
    closed = in_between(motion, again, frames, filler, manner)
    return [made[: len(motion) + frames] for made in closed]


def blend(a: Motion, b: Motion, frames: int, filler: Filler, manner: Manner | None = None) -> list[Motion]:
    """`a`, a transition of `frames` frames, and `b` turned to head where `a` ends and moved to where the walk arrives.

    Both stand on the floor z = 0 (`core_vimo.motion.ground` puts there what doesn't): `b` keeps its heights, and its
    poses their bits but for that turn.
    """
    require_same_rate(a, b)
    following = following_on(a, b)
    whole = concatenate([a, slerp_between(a, following, _positive(frames)), following])
    return complete(whole, ~span(len(a), len(a) + frames), filler, manner, places_kept=False)


def following_on(a: Motion, b: Motion) -> Motion:
    """`b` headed as `a` ends and over the place where it ends; as high as it is, since a part tells no floor."""
    radians = heading(a.rotations[-1, 0]) - heading(b.rotations[0, 0])
    turned = turn(b, float(radians))
    to_a = a.root_m[-1, :2] - turned.root_m[0, :2]
    return move(turned, torch.cat((to_a, torch.zeros(1))))


def _positive(frames: int) -> int:
    if frames < 1:
        raise InputError(f"{frames} frames can't be made; give 1 or more")
    return frames
