"""Nobody hangs in the air: what a model lifts off the floor for longer than a jump lasts is brought down again.

A model's heights are guessed window by window and may drift, after a cut above all, where camera and size of the
person change at once.
"""

import torch
import torch.nn.functional as F

from core_vimo.motion import Motion, averaged_over_time, ground, move
from core_vimo.skeleton import TOE_HEIGHT_M

LONGEST_JUMP_S = 1.0
"""Nobody is off the floor for longer; a jump of a metre and twenty lasts as long."""

_SIGMA_S = 0.1


def stand_on_floor(motion: Motion) -> Motion:
    """On the floor as by `ground`; then each frame down by the height that the lowest joint, whichever it is, keeps for
    more than `LONGEST_JUMP_S` around it (a morphological opening, averaged over time so that nothing jerks).

    Jumps stay as high as they are above what is around them, if they take off and land: what hangs at either end is no
    jump. Stairs, chairs without a foot on the floor and the like are brought down too: no floor but the one is known.
    """
    motion = ground(motion)
    lowest = motion.joints_m()[..., 2].amin(dim=1) - TOE_HEIGHT_M
    held = round(LONGEST_JUMP_S * motion.fps) + 1
    lasting = F.pad(lowest[None], (held - 1, held - 1), mode="replicate")
    opened = F.max_pool1d(-F.max_pool1d(-lasting, held, stride=1), held, stride=1)[0]
    down = averaged_over_time(opened.clamp(min=0)[:, None], _SIGMA_S * motion.fps)
    return move(motion, -down * torch.tensor([0.0, 0.0, 1.0]))
