"""Where what was made meets what is known: without a jump in place or in speed, and at the right spot on the floor.

Offsets are faded out in the manner of inertialization (Bollo, GDC 2018), towards both ends of a gap at once.
"""

import torch
from torch import Tensor

from completion.known import PATH, runs
from core_vimo.codec import MotionCodec
from core_vimo.motion import averaged_over_time

REACH = 30
"""Frames (a second) over which what was made bends to meet what is known: so long a guess's errors resemble."""
SLOPE_REACH = 8
"""Frames over which it takes on its speed: a guess errs in speed otherwise at every frame, and would be led astray."""
_HELD = 0.1
"""What a frame with no foot on the floor counts beside one foot joint in contact."""
_HELD_SIGMA = 4.0
"""Frames over which contacts are averaged there: a body that hurries only between steps would jerk."""


def met(made: Tensor, known: Tensor, mask: Tensor) -> Tensor:
    """`made [S, D]`, bent within `REACH` frames of every border so that value and slope run on into `known`.

    `mask [S, D]` bool says where `known` is so; there the result is `known`. By how much `made` misses at a border, and
    (within `SLOPE_REACH`) how that changes there, fade as cubics that end with value and slope 0, in a short gap at its
    other end.
    """
    off = torch.where(mask, known - made, 0.0)
    bent = made + _fading(off, mask) + _fading(off.flip(0), mask.flip(0)).flip(0)
    return torch.where(mask, known, bent)


def _fading(off: Tensor, mask: Tensor) -> Tensor:
    """What the last known frame before each unknown one adds to it."""
    frame = torch.arange(len(off), device=off.device)[:, None].expand_as(off)
    before = torch.where(mask, frame, -1).cummax(0).values
    after = torch.where(mask, frame, len(off) + REACH).flip(0).cummin(0).values.flip(0)
    gone, gap = (frame - before).to(off), (after - before).to(off)
    part_way = (gone / gap.clamp(max=REACH)).clamp(max=1)
    slope_left = (1 - gone / gap.clamp(max=SLOPE_REACH)).clamp(min=0)
    value = off.gather(0, before.clamp(min=0))
    earlier = (before - 1).clamp(min=0)
    sloped = mask.gather(0, earlier) & (before > 0)
    slope = torch.where(sloped, value - off.gather(0, earlier), 0.0)
    faded = (1 - part_way) ** 2 * (1 + 2 * part_way) * value + slope_left**2 * gone * slope
    return torch.where(mask | (before < 0), 0.0, faded)


def steered(x0_hat: Tensor, codec: MotionCodec, root_m: Tensor, path_known: Tensor) -> Tensor:
    """The guess `[1, S, 151]` nearest to `x0_hat` whose walk over every gap arrives where `root_m [S, 3]` goes on.

    Known places on both sides fix the sum of a gap's velocities. Codecs of positions need no steering.
    """
    if codec.root != "velocity":
        return x0_hat
    guess = x0_hat.clone()
    scale, offset = codec.scale[PATH].to(guess), codec.offset[PATH].to(guess)
    for start, stop in runs(~path_known):
        if start == 0 or stop == len(path_known):
            continue
        steps = slice(start - 1, stop)
        walked = steps.stop - steps.start
        wanted = (root_m[stop, :2] - root_m[start - 1, :2]).to(guess) * (codec.fps / walked) * scale + offset
        guess[:, steps, PATH] += wanted - guess[:, steps, PATH].mean(1, keepdim=True)
    return guess


def arrived(path_m: Tensor, known_m: Tensor, path_known: Tensor, contacts: Tensor) -> Tensor:
    """The walk `path_m [S, 2]` put where `known_m [S, 2]` is known, frame by frame; known frames are `known_m`.

    By how much a gap's walk misses its end is spread over its steps, most of it where `contacts [S, 4]` let feet move,
    and less of it within `SLOPE_REACH` of both ends, so that a far way begins and ends gently.
    """
    placed = path_m.clone()
    held = averaged_over_time(contacts, _HELD_SIGMA).sum(1, keepdim=True)
    for start, stop in runs(~path_known):
        gap = slice(start, stop)
        before = known_m[start - 1] - path_m[start - 1] if start else None
        after = known_m[stop] - path_m[stop] if stop < len(path_m) else None
        if before is not None and after is not None:
            free = _eased(stop - start + 1)[:, None] / (_HELD + held[start - 1 : stop])
            share = (free.cumsum(0) / free.sum())[:-1]
            placed[gap] += torch.lerp(before.expand(stop - start, 2), after.expand(stop - start, 2), share)
        elif before is not None:
            placed[gap] += before
        elif after is not None:
            placed[gap] += after
    return torch.where(path_known[:, None], known_m, placed)


def _eased(steps: int) -> Tensor:
    """Weights `[steps]` that rise over `SLOPE_REACH` at both ends of a gap, or to its middle."""
    step = torch.arange(steps)
    return ((torch.minimum(step, step.flip(0)) + 0.5) / min(SLOPE_REACH, steps / 2)).clamp(max=1)


def followed(path_m: Tensor, known_m: Tensor, path_known: Tensor) -> Tensor:
    """The walk `path_m [S, 2]` from where the first known stretch leaves off; what is known after a gap is moved there.

    Each known stretch after the first keeps its shape and begins where the walk arrives.
    """
    placed = path_m.clone()
    for start, stop in runs(path_known):
        moved = placed[start] - known_m[start] if start else 0.0
        placed[start:stop] = known_m[start:stop] + moved
        placed[stop:] = path_m[stop:] + (placed[stop - 1] - path_m[stop - 1])
    return placed
