"""Motions from what was seen in a video: several takes, videos of any length.

A video longer than the model's window is one timeline whose windows are denoised side by side and joined at every
step, each turned to face the way its neighbours do (`turned_windows`). Windows start at cuts where those allow.

Shapes: `V` views, `S` frames of the video, `W` windows of `L` frames, `K` takes sampled together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from core_vimo.diffusion.guidance import Condition, Denoiser, Weight, guided
from core_vimo.diffusion.sampling import Callback, Sampler, dpmpp_2m
from core_vimo.diffusion.windows import Windows, in_bfloat16, in_turns, window_noise, windows_over
from core_vimo.errors import InputError
from core_vimo.evidence import EVIDENCE, FIRST, TRAVEL
from core_vimo.motion import Motion
from core_vimo.video_to_motion.floor import stand_on_floor
from core_vimo.video_to_motion.turned_windows import tied_up_to_a_turn, turnable

if TYPE_CHECKING:
    from core_vimo.video_to_motion.build import VideoMotionModel

Progress = Callable[[int, int], None]
"""Called with how much is done, and how much there is."""

SHORTEST_S = 1.0
STEPS = 10
"""Of DPM-Solver++: with 15, half as long again, only trembling and sliding are less, a little (docs/experiments.md)."""

GUIDANCE = 1.5
"""More is livelier, nearer to how much real people move, and trembles more (docs/experiments.md)."""

_FINDING = 2 / 3  # share of the steps in which the windows' angles are looked for


@dataclass(frozen=True, eq=False)
class VideoMotion:
    """How evidence becomes motions: a model, and how it is sampled.

    `weight` is that of guidance, 1 for none. At most `at_once` windows are denoised together. `half` takes bfloat16,
    which gives slightly other motions.
    """

    model: "VideoMotionModel"
    weight: Weight = GUIDANCE
    sampler: Sampler = dpmpp_2m
    steps: int = STEPS
    at_once: int = 8
    half: bool = False

    @torch.no_grad()
    def sample(self, evidence: Tensor, seed: int, takes: int = 4, progress: Progress | None = None) -> list[Motion]:
        """As many motions as `takes`, each as long as `evidence [V, S, 72]`, which lies where the model does.

        They face the first view's camera as it was at its first frame (that one looks along +y), stand on the floor
        and start over the origin. Take k hangs on `seed` + k alone. Raises InputError for less than a second.
        """
        windows = self._windows(evidence)
        condition = self._encoded(evidence, windows)
        together = max(1, self.at_once // len(windows))
        groups = torch.arange(seed, seed + takes).split(together)
        motions: list[Motion] = []
        for number, seeds in enumerate(groups):
            x0 = self.sampler(
                self._denoiser(condition, windows, len(seeds)),
                _noise(windows, seeds, 0, "start").to(evidence),
                self.model.schedule,
                steps=self.steps,
                noise=lambda step, seeds=seeds: _noise(windows, seeds, step, "step").to(evidence),  # type: ignore[misc]
                clip=1.0,
                callback=_counted(progress, number * self.steps, len(groups) * self.steps),
            )
            motions += [stand_on_floor(self.model.codec.decode(x)) for x in x0]
        return motions

    @torch.no_grad()
    def denoiser(self, evidence: Tensor, windows: Windows) -> Denoiser:
        """The model told of `evidence [V, S, 72]`, which is encoded here; for one sampling of one take."""
        return self._denoiser(self._encoded(evidence, windows), windows, 1)

    def _windows(self, evidence: Tensor) -> Windows:
        if evidence.ndim != 3 or evidence.shape[-1] != EVIDENCE:
            raise ValueError(f"evidence must be [views, frames, {EVIDENCE}], not {list(evidence.shape)}")
        frames, fps = evidence.shape[1], self.model.codec.fps
        if frames < SHORTEST_S * fps:
            seen = "a single picture" if frames == 1 else f"{frames / fps:.2f} s of film"
            raise InputError(f"{seen} can't tell a motion; give a video of at least {SHORTEST_S:g} s")
        windows = windows_over(frames, evidence[0, :, FIRST].nonzero()[:, 0].cpu().numpy())
        if len(windows) > 1:
            turnable(self.model.codec)  # raises before minutes of work
        return windows

    def _encoded(self, evidence: Tensor, windows: Windows) -> Condition:
        """What the model is told of each window, `[W, ...]`, once for all takes and steps."""
        parts = evidence_of_windows(evidence, windows)
        return reduce(Condition.cat, (self.model.network.encode(turn) for turn in parts.split(self.at_once)))

    def _denoiser(self, condition: Condition, windows: Windows, takes: int) -> Denoiser:
        rows = torch.arange(len(windows)).repeat_interleave(takes).split(self.at_once)
        told = [self._guided(condition, row) for row in rows]
        denoise = in_turns(told, self.at_once)
        finding = round(_FINDING * self.steps)
        return tied_up_to_a_turn(in_bfloat16(denoise) if self.half else denoise, windows, self.model.codec, finding)

    def _guided(self, condition: Condition, row: Tensor) -> Denoiser:
        """Of a long video's windows the copies that guidance takes are made when they are asked for, not kept."""
        return lambda x, t: guided(self.model.network, condition[row], self.weight)(x, t)


def evidence_of_windows(evidence: Tensor, windows: Windows) -> Tensor:
    """`[V, S, 72]` -> `[W, V, L, 72]`; a window knows nothing of the frame before it."""
    parts = windows.cut(evidence.transpose(0, 1)).transpose(1, 2)
    parts[:, :, 0, TRAVEL] = 0
    parts[:, :, 0, FIRST] = 1
    return parts


def _noise(windows: Windows, seeds: Tensor, step: int, purpose: str) -> Tensor:
    return torch.cat([window_noise(windows, seed, step, purpose) for seed in seeds.tolist()])


def _counted(progress: Progress | None, before: int, total: int) -> Callback | None:
    return None if progress is None else lambda step, _x: progress(before + step.index + 1, total)
