"""Feet that stand carry the body: the root's path made anew, so that it doesn't drag them over the floor.

A network's root velocity and its legs disagree a little in every frame, and the feet slide by the difference. The
legs are believed: while feet stand, the pelvis moves as they let it; in the air it moves as the network said.
"""

from dataclasses import replace

import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.motion import Motion, averaged_over_time
from core_vimo.skeleton import FEET

_STANDING_HEIGHT_M = 0.03
"""How far above its own floor a foot joint may be and still count."""
_UNSAID_CONTACT = 0.2
"""What a low foot counts where the motion says that it doesn't stand; 1 more where it does."""
_FLOATING = 0.1
"""What the root's own velocity counts: little beside a standing foot, all there is in the air."""
_SIGMA_S = 1 / 30
"""The new velocity is averaged over about this long: a step from foot to foot must not jerk."""


def plant(motion: Motion) -> Motion:
    """The same poses and heights on a path along the floor on which standing feet stay where they are.

    In each frame the horizontal velocity is the mean of those that would hold each of the four foot joints still,
    weighted by how low it is and whether it is in contact, and of the root's own. Starts where the motion starts.
    Where both feet stand and move apart, they share the slide. Raises InputError for fewer than 2 frames.
    """
    if len(motion) < 2:
        raise InputError("a single frame has no feet to plant; use a longer motion")
    feet_m = motion.joints_m()[:, FEET] - motion.root_m[:, None] * torch.tensor([1.0, 1.0, 0.0])
    own = motion.root_m[:, :2].diff(dim=0)
    holding = -feet_m[..., :2].diff(dim=0)
    weight = _standing(feet_m[..., 2], motion.contacts)[:-1, :, None]
    step_m = ((weight * holding).sum(1) + _FLOATING * own) / (weight.sum(1) + _FLOATING)
    travelled = averaged_over_time(step_m, _SIGMA_S * motion.fps).double().cumsum(0).float()
    path = motion.root_m[:1, :2] + torch.cat((travelled.new_zeros(1, 2), travelled))
    return replace(motion, root_m=torch.cat((path, motion.root_m[:, 2:]), dim=-1))


def _standing(height_m: Tensor, contacts: Tensor) -> Tensor:
    """How far each foot joint stands, `[S, 4]`: 0 in the air, up to 1.2 where it is low and in contact."""
    clearance = (height_m - torch.quantile(height_m, 0.05, dim=0)).clamp(min=0)
    return torch.exp(-((clearance / _STANDING_HEIGHT_M) ** 2)) * (_UNSAID_CONTACT + contacts)
