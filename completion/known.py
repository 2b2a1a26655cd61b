"""What is known of a motion, and how a denoiser is held to it while the rest is sampled.

- Replacement, ViMo eq. 8: `core_vimo.diffusion.constraints.keep_known` with `in_channels`.
- RePaint (Lugmayr et al. 2022): the same, each step gone back and taken again so that both sides agree.
- Clean frames (PTSS): frames known in all channels are shown as they are, at timestep 0, to models trained for it.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from core_vimo.codec import CONTACTS, ROOT, ROTATIONS, MotionCodec
from core_vimo.diffusion.constraints import Constraint, NoiseSource, Step
from core_vimo.diffusion.guidance import Denoiser
from core_vimo.diffusion.sampling import Callback, Sampler, Spacing, ddim_step, quadratic_timesteps
from core_vimo.diffusion.schedule import Schedule

PATH = slice(ROOT.start, ROOT.start + 2)
"""The root's channels along the floor."""


@dataclass(frozen=True, eq=False)
class Known:
    """contacts `[S, 4]`, path `[S]` (the pelvis' place) and joints `[S, 24]` that are known, bool."""

    contacts: Tensor
    path: Tensor
    joints: Tensor

    @classmethod
    def of(cls, mask: Tensor) -> "Known":
        """From `[S, 151]`; a joint, or the path, of which a channel is missing is unknown."""
        joints = mask[:, ROTATIONS].unflatten(-1, (24, 6)).all(-1)
        return cls(mask[:, CONTACTS], mask[:, ROOT].all(-1), joints)

    def __getitem__(self, frames: slice) -> "Known":
        return Known(self.contacts[frames], self.path[frames], self.joints[frames])

    def everything(self) -> Tensor:
        """Frames of which all is known, `[S]`."""
        return self.contacts.all(1) & self.path & self.joints.all(1)

    def anything(self) -> bool:
        return bool(self.contacts.any() | self.path.any() | self.joints.any())

    def in_channels(self, codec: MotionCodec) -> Tensor:
        """bool `[S, 151]`. A velocity, and a contact, speak of two frames and are known where both are."""
        steps = with_next(self.path) if codec.root == "velocity" else self.path
        path = torch.stack((steps, steps, self.path), dim=1)
        return torch.cat((with_next(self.contacts), path, self.joints.repeat_interleave(6, dim=1)), dim=1)


def with_next(known: Tensor) -> Tensor:
    """Where this frame and the next are known, `[S, ...]`; after the last one nothing is missing."""
    return known & torch.cat((known[1:], known[-1:]))


def runs(unknown: Tensor) -> list[tuple[int, int]]:
    """The gaps of `[S]` bool: first frame, and the one after the last."""
    edges = torch.cat((unknown.new_zeros(1), unknown, unknown.new_zeros(1))).long().diff()
    return list(zip(edges.eq(1).nonzero()[:, 0].tolist(), edges.eq(-1).nonzero()[:, 0].tolist(), strict=True))


def shown_clean(denoise: Denoiser, known: Tensor, mask: Tensor) -> Denoiser:
    """Frames of `known [1, S, D]` that `mask` knows whole are seen clean, at timestep 0; the others as before."""
    clean = mask.all(-1)

    def shown(x: Tensor, t: Tensor) -> Tensor:
        times = t[:, None] if t.ndim == 1 else t
        return denoise(torch.where(clean[..., None], known, x), torch.where(clean, 0, times))

    return shown


def repaint(passes: int) -> Sampler:
    """Each step to a lesser noise is taken `passes` times, with noise put back in between (RePaint, Algorithm 1).

    Steps are DDIM's with η = 0; one pass is `ddim` itself. `noise` is asked for index `step * passes + pass`.
    """

    @torch.no_grad()
    def sample(
        denoise: Denoiser,
        x: Tensor,
        schedule: Schedule,
        *,
        steps: int,
        noise: NoiseSource | None = None,
        spacing: Spacing = quadratic_timesteps,
        clip: float | None = None,
        constrain: Constraint | None = None,
        callback: Callback | None = None,
    ) -> Tensor:
        if passes > 1 and noise is None:
            raise ValueError("going back needs noise; give a noise source, or one pass")
        for index, (now, then) in enumerate(pairwise(spacing(schedule.steps, steps))):
            step = Step(index, now, then)
            t, t_next = (torch.full((len(x),), time) for time in (now, then))
            for again in range(1 if step.is_last else passes):
                if again and noise is not None:
                    x = _gone_back(x, t_next, t, schedule, noise(index * passes + again))
                x0_hat = denoise(x, t.to(x.device))
                if clip is not None:
                    x0_hat = x0_hat.clamp(-clip, clip)
                x = ddim_step(x, x0_hat, t, t_next, schedule, eta=0.0)
                if constrain is not None:
                    x = constrain(x, step)
            if callback is not None:
                callback(step, x)
        return x

    return sample


def _gone_back(x: Tensor, t: Tensor, t_back: Tensor, schedule: Schedule, noise: Tensor) -> Tensor:
    """A draw of q(x_back | x): x at the lesser noise `t` made as noisy as at `t_back`."""
    kept = (schedule.alpha_bar(t_back) / schedule.alpha_bar(t)).to(x)[:, None, None]
    return kept.sqrt() * x + (1 - kept).sqrt() * noise
