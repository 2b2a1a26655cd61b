"""The music-to-dance network: EDGE's DanceDecoder (Tseng et al. 2023, section 3), for windows of any length.

- A transformer decoder over motion frames; each of its branches is FiLM-modulated before the residual sum.
- It attends to `[music tokens, two time tokens]`; FiLM sees the timestep plus the mean of the music.
- With `music_beside`, which EDGE lacks, a frame needn't learn by attention which token sounds at its own time.
- The music is encoded once (`encode`), not at every step of sampling; `null` stands for no music.
- Rotary positions everywhere, pre-norm, exact GELU, prediction of x0.

Shapes: `B` clips, `S` frames, `D` motion channels, `C` music channels, `N` music tokens, `d` the latent width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core_vimo.attention import rotate
from core_vimo.diffusion.guidance import Condition
from core_vimo.transformer import DecoderLayer, EncoderLayer, Memory, check_size, sinusoid

TIME_TOKENS = 2

_MOST = {
    "motion_dim": 65536, "condition_dim": 65536, "latent": 65536, "feed_forward": 1 << 18, "layers": 1024,
    "heads": 1024, "trained_frames": 65536,
}  # fmt: skip
"""Far beyond any use; what is larger is a slip or an attack."""


@dataclass(frozen=True)
class BackboneConfig:
    """The size of a backbone; the defaults are EDGE's published ones. `configs/model/` holds those in use."""

    motion_dim: int = 151
    condition_dim: int = 4800  # Jukebox 4800, librosa 35
    latent: int = 512
    feed_forward: int = 1024
    layers: int = 8
    heads: int = 8
    dropout: float = 0.1
    trained_frames: int = 150  # the length of the learned "no music"; windows may have any other
    music_beside: bool = False  # EDGE's only attends to the music; also add each frame's token to its motion

    def __post_init__(self) -> None:
        check_size(self, _MOST, ("music_beside",))


class Backbone(nn.Module):
    """`(x_t, t, condition) -> x0_hat`. Any window length; one timestep a clip or one a frame.

    Condition dropout is the objective's business: it mixes `encode` and `null` per clip.
    """

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        d = config.latent
        self.config = config
        self.music_mean: Tensor
        self.music_std: Tensor
        # What a music channel usually is; EDGE feeds its features raw, so its checkpoint keeps 0 and 1.
        self.register_buffer("music_mean", torch.zeros(config.condition_dim))
        self.register_buffer("music_std", torch.ones(config.condition_dim))
        self.motion_in = nn.Linear(config.motion_dim, d)
        self.music_beside = nn.Linear(d, d) if config.music_beside else None
        self.music_in = nn.Linear(config.condition_dim, d)
        self.music_layers = nn.ModuleList(EncoderLayer(config) for _ in range(2))
        self.music_pool = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, d), nn.SiLU(), nn.Linear(d, d))
        self.null_tokens = nn.Parameter(torch.randn(1, config.trained_frames, d))
        self.null_pooled = nn.Parameter(torch.randn(1, d))
        self.time_in = nn.Sequential(nn.Linear(d, 4 * d), nn.Mish())
        self.time_film = nn.Linear(4 * d, d)
        self.time_tokens = nn.Linear(4 * d, TIME_TOKENS * d)
        self.memory_norm = nn.LayerNorm(d)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))
        self.motion_out = nn.Linear(d, config.motion_dim)

    def encode(self, cond: Tensor) -> Condition:
        """Music features `[B, S, C]` -> tokens `[B, S, d]` and their pooled code `[B, d]`."""
        tokens = self.music_in((cond - self.music_mean) / self.music_std)
        for layer in self.music_layers:
            tokens = layer(tokens)
        return Condition(tokens, self.music_pool(tokens.mean(dim=-2)))

    def fit_music(self, features: Tensor) -> None:
        """Take the usual mean and spread of each channel from `features [N, C]`; a constant channel keeps its unit."""
        spread = features.std(0)
        self.music_mean.copy_(features.mean(0))
        self.music_std.copy_(torch.where(spread > 1e-6, spread, torch.ones_like(spread)))

    def null(self, batch: int, frames: int) -> Condition:
        """No music, for a window of any length.

        EDGE learned one token a frame, `trained_frames` of them. A shorter window takes the first ones; in a
        longer one they repeat, so every token is one the decoder was trained with (an average of them is not).
        """
        index = torch.arange(frames, device=self.null_tokens.device) % self.config.trained_frames
        return Condition(self.null_tokens[:, index].expand(batch, -1, -1), self.null_pooled.expand(batch, -1))

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """`x [B, S, D]`, `t [B]` or `[B, S]` int, 0 to T - 1 -> x0_hat `[B, S, D]`.

        With a timestep a frame, FiLM is per frame and the two time tokens are the mean over frames; with equal
        timesteps that is EDGE's network.
        """
        h, memory, film_code = self.begin(x, t, condition)
        for layer in self.layers:
            h = layer(h, memory, film_code)
        return self.motion_out(h)

    def begin(self, x: Tensor, t: Tensor, condition: Condition) -> tuple[Tensor, Memory, Tensor]:
        """What the first decoder layer is given: `h [B, S, d]`, the memory, `film_code [B, 1 or S, d]`."""
        times = t[:, None] if t.ndim == 1 else t
        time = self.time_in(sinusoid(times, self.config.latent).to(self.time_film.weight.dtype))
        film_code = self.time_film(time) + condition.pooled[:, None]
        memory = self.remember(condition.tokens, time)
        h = self.motion_in(x)
        if self.music_beside is not None:
            h = h + self.music_beside(condition.tokens)
        return h, memory, film_code

    def remember(self, tokens: Tensor, time: Tensor) -> Memory:
        """Music tokens `[B, N, d]` and the hidden time `[B, 1 or S, 4 d]` -> what every decoder layer attends to."""
        time_tokens = self.time_tokens(time.mean(dim=1)).unflatten(-1, (TIME_TOKENS, -1))
        values = self.memory_norm(torch.cat((tokens, time_tokens), dim=1))
        return Memory(rotate(values), values)
