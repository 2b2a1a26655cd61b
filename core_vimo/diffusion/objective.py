"""What a conditional diffusion model of motion is trained to do; this module is what `accelerator.prepare` wraps.

EDGE wrapped only its network and computed the loss around it, so its processes never shared gradients.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from core_vimo.codec import MotionCodec
from core_vimo.diffusion.guidance import Condition
from core_vimo.diffusion.schedule import Schedule
from core_vimo.diffusion.supervision import Comparison, against_motion
from core_vimo.diffusion.timesteps import build_clean, build_ptss, sample_timesteps
from core_vimo.diffusion.weighting import WEIGHTINGS
from core_vimo.errors import InputError
from core_vimo.randomness import normal_rows, uniform_rows
from core_vimo.training import Losses
from core_vimo.training.course import Course, build_lambdas


class DiffusionObjective(nn.Module):
    """The diffusion loss of a window of motion and its condition: noise, guess the clean motion, compare.

    model is a `ConditionalModel`. compare: how a guess is judged, by default `against_motion`; lambdas weigh its terms.
    weighting `[T]` weighs timesteps. A share `condition_drop` of the samples is trained without condition; with the
    step's probability of `ptss` each frame of a sample has its own timestep, and counts by its own weight; of `clean`,
    some are shown as they are.
    """

    def __init__(
        self,
        model: nn.Module,
        codec: MotionCodec,
        schedule: Schedule,
        *,
        weighting: Tensor,
        lambdas: Mapping[str, Course],
        condition_drop: float,
        ptss: Course,
        clean: Course,
        seed: int,
        compare: Comparison | None = None,
    ) -> None:
        super().__init__()
        self.model: Any = model  # nn.Module's type hides a ConditionalModel's methods
        self.codec, self.schedule = codec, schedule
        self.weighting: Tensor
        self.register_buffer("weighting", weighting.float(), persistent=False)  # a setting, not something learnt
        self.lambdas, self.condition_drop, self.seed = dict(lambdas), condition_drop, seed
        self.ptss, self.clean = ptss, clean
        self.compare = compare or against_motion(codec)

    def forward(self, batch: dict[str, Tensor], samples: Tensor, step: int) -> Losses:
        """batch: x `[B, S, 151]` normalised, condition `[B, …]`, and what the comparison takes; samples `[B]`: what the
        draws are keyed by."""
        x0, keys = batch["x"], samples.tolist()
        own, clean = self.ptss.at(step), self.clean.at(step)
        t = sample_timesteps(keys, x0.shape[1], self.schedule.steps, own, self.seed, step, clean=clean)
        noise = normal_rows(keys, x0.shape[1:], self.seed, step, "noise").to(x0)
        dropped = uniform_rows(keys, self.seed, step, "condition-drop") < self.condition_drop
        x_t = self.schedule.q_sample(x0, t, noise)
        placed_t = t.to(x0.device)
        x0_hat = self.model(x_t, placed_t, self._condition(batch["condition"], dropped.to(x0.device)))
        # In float32 whatever the network ran in: in bfloat16 forward kinematics is off by millimetres, and feet slide.
        with torch.autocast(x0.device.type, enabled=False):
            terms = self.compare.losses(x0_hat.float(), batch, self.weighting[placed_t])
        weighted = {name: course.at(step) * terms[name] for name, course in self.lambdas.items()}
        noise_level = t.float().reshape(len(x0), -1).mean(1) / self.schedule.steps
        return Losses.of(weighted, x0_hat, x0, noise_level)

    def _condition(self, cond: Tensor, dropped: Tensor) -> Condition:
        told = self.model.encode(cond)
        null = self.model.null(*told.tokens.shape[:2])
        return Condition(
            torch.where(dropped[:, None, None], null.tokens.to(told.tokens), told.tokens),
            torch.where(dropped[:, None], null.pooled.to(told.pooled), told.pooled),
            told.strengths,
        )


def build_objective(
    model: nn.Module,
    codec: MotionCodec,
    schedule: Schedule,
    *,
    diffusion: Mapping[str, Any],
    lambdas: Mapping[str, Any],
    condition_drop: float,
    seed: int,
    run_steps: int | None = None,
    compare: Comparison | None = None,
) -> DiffusionObjective:
    """The training loss of the settings in `configs/diffusion/` and `configs/loss/`, over a run of so many steps."""
    compare = compare or against_motion(codec)
    unknown = sorted(set(lambdas) - set(compare.terms))
    if unknown:
        raise InputError(
            f"loss.{unknown[0]} is no term of this supervision, which has {', '.join(compare.terms)}; take another loss"
        )
    if diffusion["weighting"] not in WEIGHTINGS:
        raise InputError(
            f"diffusion.weighting={diffusion['weighting']} is not known; take one of {', '.join(WEIGHTINGS)}"
        )
    return DiffusionObjective(
        model,
        codec,
        schedule,
        weighting=WEIGHTINGS[diffusion["weighting"]](schedule),
        lambdas=build_lambdas(lambdas, run_steps),
        condition_drop=condition_drop,
        ptss=build_ptss(diffusion["ptss"], run_steps),
        clean=build_clean(diffusion["clean"], run_steps),
        seed=seed,
        compare=compare,
    )
