"""Which timestep a training sample is noised to: one for the clip, one for each frame (PTSS), or 0 where it is known.

Probabilistic Timestep Sampling Strategy: FVDM (Liu et al. 2024), used by the ViMo report, §2.3 and §4. Samples some of
whose frames are clean are what a model is shown that completes a motion by its known frames at t = 0.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from core_vimo.randomness import generator
from core_vimo.training.course import Course, build_course

KEYFRAME_SHARE = 0.25
"""Of the samples with clean frames: those in which they are single keyframes; in the others all but a gap is clean."""


def sample_timesteps(
    samples: Sequence[int], frames: int, steps: int, probability: float, seed: int, step: int, *, clean: float = 0.0
) -> Tensor:
    """Uniform timesteps 0..`steps`-1 for a batch, int64: `[B, S]`, or `[B]` when both probabilities are 0.

    With `probability` a sample's frames each draw their own, else they share one; with `clean`, some of its frames are
    at 0 instead. `samples` are indices in the data set: row i depends on (seed, step, samples[i]) alone, and a shared
    timestep does not depend on either probability.
    """
    for chance in (probability, clean):
        if not 0 <= chance <= 1:
            raise ValueError(f"the probability of per-frame timesteps must lie in [0, 1], not {chance}")
    keys = [int(sample) for sample in samples]
    rows = torch.stack([_draw(key, frames, steps, probability, seed, step) for key in keys])
    if clean:
        rows = torch.where(torch.stack([_clean(key, frames, clean, seed, step) for key in keys]), 0, rows)
    return rows if probability or clean else rows[:, 0]


def _draw(sample: int, frames: int, steps: int, probability: float, seed: int, step: int) -> Tensor:
    source = generator(seed, step, sample, "timestep")
    per_frame = float(torch.rand((), generator=source)) < probability
    shared = torch.randint(steps, (1,), generator=source)
    return torch.randint(steps, (frames,), generator=source) if per_frame else shared.expand(frames)


def _clean(sample: int, frames: int, probability: float, seed: int, step: int) -> Tensor:
    """`[S]` bool: mostly none; else all but one gap of any length, which may begin or end the window, or keyframes."""
    source = generator(seed, step, sample, "clean-frames")
    happens, keyframes, length, middle, share = torch.rand(5, generator=source).tolist()
    if happens >= probability:
        return torch.zeros(frames, dtype=torch.bool)
    if keyframes < KEYFRAME_SHARE:
        return torch.rand(frames, generator=source) < 0.2 * share
    frame = torch.arange(frames)
    return (frame - middle * frames).abs() > 0.5 * length * frames


def build_ptss(setting: Any, run_steps: int | None) -> Course:
    """The course of `diffusion.ptss`: a probability, or knots [fraction of the run, probability].

    The report's (§4) rises from 0.2 to 0.5, holds, and falls back to 0.2; above 0.6 its training diverged. Raises
    InputError for anything else.
    """
    return build_course(setting, "diffusion.ptss", run_steps, most=1.0)


def build_clean(setting: Any, run_steps: int | None) -> Course:
    """The course of `diffusion.clean`, read as `diffusion.ptss` is."""
    return build_course(setting, "diffusion.clean", run_steps, most=1.0)
