"""The video-to-motion network: what was seen of a person, from any number of views, becomes that person's motion.

ViMo's denoiser (Qiu et al. 2024, section 3.2) as its training report builds it: three blocks of self-attention, FiLM,
cross-attention to pose tokens and MLP; FiLM from [timestep ; pose-sequence encoding], in its two versions.

- Each view's tokens pass a light transformer over time; the views are then a set (`pose_tokens.ViewFusion`).
- With `convolutions`, which the papers lack, tokens learn of their neighbours as the lifter's do before they attend.
- With `evidence_beside`, which the papers lack, a frame needn't find by attention what was seen at its own moment.
- The evidence is encoded once (`encode`), not at every step of sampling; `null` stands for no video.

Shapes: `B` clips, `V` views, `S` frames, `D` motion channels, `d` the latent width.
"""

from dataclasses import dataclass
from typing import Any, get_args

import torch
from torch import Tensor, nn

from core_vimo.attention import rotate
from core_vimo.diffusion.guidance import Condition
from core_vimo.errors import InputError
from core_vimo.transformer import DecoderLayer, EncoderLayer, Film, Memory, check_size, sinusoid
from core_vimo.video_to_motion.convolutions import OverTime, dilated_blocks
from core_vimo.video_to_motion.pose_tokens import PoseTokens, ViewFusion, as_views

ENCODER_LAYERS = 2
MOST_CONVOLUTIONS = 8

_MOST = {
    "motion_dim": 65536, "latent": 65536, "feed_forward": 1 << 18, "blocks": 1024, "heads": 1024,
    "trained_frames": 65536,
}  # fmt: skip
"""Far beyond any use; what is larger is a slip or an attack."""


@dataclass(frozen=True)
class ViMoConfig:
    """The size of a network; `configs/model/` holds those in use."""

    motion_dim: int = 151
    latent: int = 128
    feed_forward: int = 384
    blocks: int = 3
    heads: int = 4
    dropout: float = 0.1
    film: str = "shared"  # shared | separate (the report's versions 1 and 2)
    convolutions: int = 0  # dilated blocks before the light transformer over the evidence
    evidence_beside: bool = False  # the papers' only attends to the evidence; also add each frame's token to its motion
    trained_frames: int = 150  # length of the windows it learned from, by which longer videos are cut

    def __post_init__(self) -> None:
        check_size(self, _MOST, ("evidence_beside",))
        if type(self.convolutions) is not int or not 0 <= self.convolutions <= MOST_CONVOLUTIONS:
            raise InputError(
                f"model.convolutions={self.convolutions!s:.20} must be a whole number, 0 to {MOST_CONVOLUTIONS}"
            )
        if self.film not in get_args(Film):
            raise InputError(f"model.film={self.film!s:.20} is not known; take {' or '.join(get_args(Film))}")


class PoseSequenceEncoder(nn.Module):
    """The light transformer over time, each view by itself with the same weights, and the fusion of the views."""

    def __init__(self, size: "ViMoConfig") -> None:
        super().__init__()
        self.tokens = PoseTokens(size.latent)
        self.wide_in = OverTime(size.latent, size.latent) if size.convolutions else nn.Identity()
        self.convolutions = dilated_blocks(size.latent, size.convolutions, size.dropout)
        self.layers = nn.ModuleList(EncoderLayer(size) for _ in range(ENCODER_LAYERS))
        self.fusion = ViewFusion(size.latent)

    def forward(self, evidence: Tensor) -> Tensor:
        """`[B, V, S, 72]` -> `[B, S, d]`."""
        tokens = self.wide_in(self.tokens(evidence).flatten(0, 1))
        for layer in (*self.convolutions, *self.layers):
            tokens = layer(tokens)
        fused: Tensor = self.fusion(tokens.unflatten(0, evidence.shape[:2]), evidence)
        return fused


class ViMo(nn.Module):
    """`(x_t, t, condition) -> x0_hat`. Any window length; one timestep a clip or one a frame; any number of views.

    Condition dropout is the objective's business: it mixes `encode` and `null` per clip.
    """

    def __init__(self, config: ViMoConfig) -> None:
        super().__init__()
        d = config.latent
        self.config = config
        self.pose_encoder = PoseSequenceEncoder(config)
        self.pose_pool = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, d), nn.SiLU(), nn.Linear(d, d))
        self.null_token = nn.Parameter(torch.randn(d))
        self.null_pooled = nn.Parameter(torch.randn(d))
        self.time_in = nn.Sequential(nn.Linear(d, 4 * d), nn.Mish(), nn.Linear(4 * d, d))
        self.motion_in = nn.Linear(config.motion_dim, d)
        self.evidence_beside = nn.Linear(d, d) if config.evidence_beside else None
        self.memory_norm = nn.LayerNorm(d)
        film: Any = config.film
        self.blocks = nn.ModuleList(DecoderLayer(config, film, code_width=2 * d) for _ in range(config.blocks))
        self.motion_out = nn.Linear(d, config.motion_dim)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """torch compiles what a call runs; what `encode` runs is compiled beside it."""
        super().compile(*args, **kwargs)
        self.pose_encoder.compile(*args, **kwargs)

    def encode(self, cond: Tensor) -> Condition:
        """Evidence `[B, V, S, 72]` or `[B, S, 72]` (one view) -> tokens `[B, S, d]` and their pooled code `[B, d]`."""
        tokens = self.pose_encoder(as_views(cond))
        return Condition(tokens, self.pose_pool(tokens.mean(dim=-2)))

    def null(self, batch: int, frames: int) -> Condition:
        """No video, for a window of any length: one token for all frames, so that nothing tells them apart."""
        return Condition(self.null_token.expand(batch, frames, -1), self.null_pooled.expand(batch, -1))

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """`x [B, S, D]`, `t [B]` or `[B, S]` int, 0 to T - 1 -> x0_hat `[B, S, D]`."""
        times = t[:, None] if t.ndim == 1 else t
        time = self.time_in(sinusoid(times, self.config.latent).to(self.motion_in.weight.dtype))
        pooled = condition.pooled[:, None].expand(-1, time.shape[1], -1)
        film_code = torch.cat((time, pooled.to(time)), dim=-1)
        values = self.memory_norm(condition.tokens)
        memory = Memory(rotate(values), values)
        h = self.motion_in(x)
        if self.evidence_beside is not None:
            h = h + self.evidence_beside(condition.tokens)
        for block in self.blocks:
            h = block(h, memory, film_code)
        return self.motion_out(h)
