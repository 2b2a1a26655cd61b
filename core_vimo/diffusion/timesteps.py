"""Which timestep a training sample is noised to: one for the clip, or one for each frame (PTSS).

Probabilistic Timestep Sampling Strategy: FVDM (Liu et al. 2024), used by the ViMo report, §2.3 and §4.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from core_vimo.randomness import generator
from core_vimo.training.course import Course, build_course


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


def build_ptss(setting: Any, run_steps: int | None) -> Course:
    """The course of `diffusion.ptss`: a probability, or knots [fraction of the run, probability].

    The report's (§4) rises from 0.2 to 0.5, holds, and falls back to 0.2; above 0.6 its training diverged. Raises
    InputError for anything else.
    """
    return build_course(setting, "diffusion.ptss", run_steps, most=1.0)
