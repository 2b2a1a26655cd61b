"""The plain lifter: evidence straight to motion, frame by frame, by dilated convolutions over time.

VideoPose3D's shape (Pavllo et al. 2019, section 3): a convolution, then residual blocks of a dilated and a pointwise
one (`convolutions`). What a regression makes of the same data, against which ViMo is held.

Shapes: `B` clips, `V` views, `S` frames, `D` motion channels, `c` the width.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_vimo.codec import MotionCodec
from core_vimo.errors import InputError
from core_vimo.losses import motion_losses
from core_vimo.training import Losses
from core_vimo.training.course import Course
from core_vimo.video_to_motion.convolutions import OverTime, dilated_blocks
from core_vimo.video_to_motion.pose_tokens import PoseTokens, ViewFusion, as_views

_MOST = {"motion_dim": 65536, "width": 65536, "blocks": 8, "trained_frames": 65536}


@dataclass(frozen=True)
class LifterConfig:
    """The defaults have about as many parameters as the small ViMo, and see 243 frames."""

    motion_dim: int = 151
    width: int = 272
    blocks: int = 4  # a frame is told of 3 ** (blocks + 1) frames
    dropout: float = 0.1
    trained_frames: int = 150  # length of the windows it learned from

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise InputError(f"model.{name}={value!s:.20} must be a whole number from 1 to {most}")
        if not (isinstance(self.dropout, int | float) and 0 <= self.dropout < 1):
            raise InputError(f"model.dropout={self.dropout!s:.20} must be at least 0 and below 1")


class Lifter(nn.Module):
    """Evidence `[B, V, S, 72]` or `[B, S, 72]` -> x0_hat `[B, S, D]`, any S. Views are heard apart, then averaged."""

    def __init__(self, config: LifterConfig) -> None:
        super().__init__()
        self.config = config
        c = config.width
        self.tokens = PoseTokens(c)
        self.wide_in = OverTime(c, c)
        self.blocks = dilated_blocks(c, config.blocks, config.dropout)
        self.fusion = ViewFusion(c)
        self.norm = nn.LayerNorm(c)
        self.motion_out = nn.Linear(c, config.motion_dim)

    def forward(self, evidence: Tensor) -> Tensor:
        views = as_views(evidence)
        h = self.wide_in(self.tokens(views).flatten(0, 1))
        for block in self.blocks:
            h = block(h)
        guess: Tensor = self.motion_out(F.relu(self.norm(self.fusion(h.unflatten(0, views.shape[:2]), views))))
        return guess


class LifterObjective(nn.Module):
    """A lifter's training loss: the terms of `core_vimo.losses.motion_losses`, weighed by lambdas."""

    def __init__(self, model: Lifter, codec: MotionCodec, lambdas: Mapping[str, Course]) -> None:
        super().__init__()
        self.model, self.codec, self.lambdas = model, codec, dict(lambdas)

    def forward(self, batch: dict[str, Tensor], samples: Tensor, step: int) -> Losses:
        """batch: x `[B, S, 151]` normalised, condition `[B, V, S, 72]`; `samples` are of no use here."""
        x0 = batch["x"]
        x0_hat = self.model(batch["condition"])
        with torch.autocast(x0.device.type, enabled=False):
            terms = motion_losses(x0_hat.float(), x0, self.codec)
        weighted = {name: course.at(step) * terms[name] for name, course in self.lambdas.items()}
        return Losses.of(weighted, x0_hat, x0, noise_level=torch.zeros(len(x0)))
