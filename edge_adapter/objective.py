"""What a music-to-dance backbone is trained to do; this module is what `accelerator.prepare` wraps.

EDGE wrapped only its network and computed the loss around it, so its processes never shared gradients.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from core_vimo.codec import MotionCodec
from core_vimo.diffusion.guidance import Condition
from core_vimo.diffusion.preconditioning import Preconditioned
from core_vimo.diffusion.schedule import Schedule
from core_vimo.diffusion.timesteps import PtssSchedule, sample_timesteps
from core_vimo.losses import motion_losses
from core_vimo.randomness import normal_rows, uniform_rows
from core_vimo.training import Losses
from edge_adapter.backbone import Backbone


class DanceObjective(nn.Module):
    """The diffusion loss of a window of dance and its music: noise, guess the clean motion, compare.

    lambdas weigh the terms of `core_vimo.losses.motion_losses`; weighting `[T]` weighs timesteps. A share
    `condition_drop` of the samples is trained without music; with the step's probability of `ptss` each frame of a
    sample has its own timestep, and counts by its own weight.
    """

    def __init__(
        self,
        model: Backbone | Preconditioned,
        codec: MotionCodec,
        schedule: Schedule,
        *,
        weighting: Tensor,
        lambdas: Mapping[str, float],
        condition_drop: float,
        ptss: PtssSchedule,
        seed: int,
    ) -> None:
        super().__init__()
        self.model, self.codec, self.schedule = model, codec, schedule
        self.weighting: Tensor
        self.register_buffer("weighting", weighting.float(), persistent=False)  # a setting, not something learnt
        self.lambdas, self.condition_drop, self.ptss, self.seed = dict(lambdas), condition_drop, ptss, seed

    def forward(self, batch: dict[str, Tensor], samples: Tensor, step: int) -> Losses:
        """batch: x `[B, S, 151]` normalised, music `[B, S, C]`; samples `[B]`: what the draws are keyed by."""
        x0, keys = batch["x"], samples.tolist()
        t = sample_timesteps(keys, x0.shape[1], self.schedule.steps, self.ptss.at(step), self.seed, step)
        noise = normal_rows(keys, x0.shape[1:], self.seed, step, "noise").to(x0)
        dropped = uniform_rows(keys, self.seed, step, "condition-drop") < self.condition_drop
        x_t = self.schedule.q_sample(x0, t, noise)
        placed_t = t.to(x0.device)
        x0_hat = self.model(x_t, placed_t, self._condition(batch["music"], dropped.to(x0.device)))
        # In float32 whatever the network ran in: in bfloat16 forward kinematics is off by millimetres, and feet slide.
        with torch.autocast(x0.device.type, enabled=False):
            terms = motion_losses(x0_hat.float(), x0, self.codec, self.weighting[placed_t])
        weighted = {name: scale * terms[name] for name, scale in self.lambdas.items()}
        per_sample = torch.stack(list(weighted.values())).sum(0)
        return Losses(
            loss=per_sample.mean(),
            terms={name: term.mean().detach() for name, term in weighted.items()},
            per_sample=per_sample.detach(),
            noise_level=t.float().reshape(len(x0), -1).mean(1) / self.schedule.steps,
            predicted_std=x0_hat.detach().float().std(),
            target_std=x0.std(),
        )

    def _condition(self, music: Tensor, dropped: Tensor) -> Condition:
        heard = self.model.encode(music)
        null = self.model.null(*music.shape[:2])
        return Condition(
            torch.where(dropped[:, None, None], null.tokens.to(heard.tokens), heard.tokens),
            torch.where(dropped[:, None], null.pooled.to(heard.pooled), heard.pooled),
        )
