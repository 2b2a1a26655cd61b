"""Which timestep a training sample is noised to: one for the clip, or one for each frame (PTSS).

Probabilistic Timestep Sampling Strategy: FVDM (Liu et al. 2024), used by the ViMo report, §2.3 and §4.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.randomness import generator


def sample_timesteps(
    samples: Sequence[int], frames: int, steps: int, probability: float, seed: int, step: int
) -> Tensor:
    """Uniform timesteps 0..`steps`-1 for a batch, int64: `[B, S]`, or `[B]` when `probability` is 0.

    With `probability` a sample's frames each draw their own, else they share one. `samples` are indices in the data
    set: row i depends on (seed, step, samples[i]) alone, and a shared timestep does not depend on `probability`.
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"the probability of per-frame timesteps must lie in [0, 1], not {probability}")
    rows = torch.stack([_draw(int(sample), frames, steps, probability, seed, step) for sample in samples])
    return rows[:, 0] if probability == 0 else rows


def _draw(sample: int, frames: int, steps: int, probability: float, seed: int, step: int) -> Tensor:
    source = generator(seed, step, sample, "timestep")
    per_frame = float(torch.rand((), generator=source)) < probability
    shared = torch.randint(steps, (1,), generator=source)
    return torch.randint(steps, (frames,), generator=source) if per_frame else shared.expand(frames)


@dataclass(frozen=True)
class PtssSchedule:
    """The probability of per-frame timesteps over a run: straight lines between knots (optimiser step, probability).

    Before the first knot and after the last it stays; of two knots at one step the later one counts from there on.
    """

    knots: tuple[tuple[float, float], ...]

    @property
    def ever(self) -> bool:
        """Whether any step may draw per-frame timesteps."""
        return any(probability > 0 for _, probability in self.knots)

    def at(self, step: int) -> float:
        after = bisect_right([begin for begin, _ in self.knots], step)
        if after in (0, len(self.knots)):
            return self.knots[max(after - 1, 0)][1]
        (begin, low), (end, high) = self.knots[after - 1 : after + 1]
        return low + (high - low) * (step - begin) / (end - begin)


def build_ptss(setting: Any, run_steps: int | None) -> PtssSchedule:
    """The schedule of `diffusion.ptss`: a probability, or knots [fraction of the run, probability], rising.

    The report's (§4) rises from 0.2 to 0.5, holds, and falls back to 0.2; above 0.6 its training diverged. Raises
    InputError for anything else, and for knots in a run of which only the minutes are known.
    """
    knots = [(0.0, setting)] if _is_share(setting) else setting
    if not (isinstance(knots, list | tuple) and knots and all(_is_knot(knot) for knot in knots)):
        raise InputError(
            f"diffusion.ptss={setting!s:.60} must be a probability, or a list of [fraction of the run, probability]"
        )
    if any(later[0] < sooner[0] for sooner, later in pairwise(knots)):
        raise InputError(f"diffusion.ptss={setting!s:.60}: the fractions of the run must rise; put its knots in order")
    if len(knots) > 1 and run_steps is None:
        raise InputError("diffusion.ptss goes by fractions of a run that has no number of steps; give trainer.steps")
    return PtssSchedule(tuple((fraction * (run_steps or 0), probability) for fraction, probability in knots))


def _is_knot(knot: Any) -> bool:
    return isinstance(knot, list | tuple) and len(knot) == 2 and all(map(_is_share, knot))


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1
