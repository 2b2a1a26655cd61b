"""Transformer layers over time whose branches are modulated (FiLM) by a code of the timestep and the condition.

The layers of EDGE's DanceDecoder (Tseng et al. 2023) and of ViMo's denoiser. Pre-norm, exact GELU, rotary positions.

Shapes: `B` clips, `S` frames, `N` condition tokens, `d` the latent width.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from core_vimo.attention import Attention, rotate
from core_vimo.errors import InputError

Film = Literal["shared", "separate"]
"""One modulation for the three branches of a decoder layer, or one each."""


class LayerSize(Protocol):
    """What a layer needs to know of a model's configuration."""

    @property
    def latent(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def feed_forward(self) -> int: ...
    @property
    def dropout(self) -> float: ...


def check_size(size: LayerSize, most: Mapping[str, int], switches: Sequence[str] = ()) -> None:
    """Raise InputError where a configuration can't be built: whole numbers up to `most`, `switches` true or false."""
    for name, limit in most.items():
        value = getattr(size, name)
        if type(value) is not int or not 1 <= value <= limit:
            raise InputError(f"model.{name}={value!s:.20} must be a whole number from 1 to {limit}")
    if size.latent % size.heads or size.latent % 2 or size.latent < 4:
        raise InputError(f"model.latent={size.latent} must be even, 4 or more, a multiple of model.heads={size.heads}")
    for name in switches:
        if type(getattr(size, name)) is not bool:
            raise InputError(f"model.{name}={getattr(size, name)!s:.20} must be true or false")
    if not (isinstance(size.dropout, int | float) and 0 <= size.dropout < 1):
        raise InputError(f"model.dropout={size.dropout!s:.20} must be at least 0 and below 1")


class Memory(NamedTuple):
    """What the decoder attends to, `[B, N + 2, d]`: normalised tokens, and the same turned by position."""

    keys: Tensor
    values: Tensor


class FeedForward(nn.Sequential):
    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__(
            nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, width), nn.Dropout(dropout)
        )


class FiLM(nn.Sequential):
    """Feature-wise scale and shift from a code: (scale + 1) x + shift (Perez et al. 2018)."""

    def __init__(self, width: int, code_width: int) -> None:
        super().__init__(nn.Mish(), nn.Linear(code_width, 2 * width))


def modulate(x: Tensor, scale_and_shift: Tensor) -> Tensor:
    """`x [B, S, d]` by what a `FiLM` made of a code, `[B, 1 or S, 2 d]`."""
    scale, shift = scale_and_shift.chunk(2, dim=-1)
    return torch.addcmul(x + shift, scale, x)


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward over condition tokens."""

    def __init__(self, size: LayerSize) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(size.latent)
        self.attention = Attention(size.latent, size.heads, size.dropout)
        self.feed_forward_norm = nn.LayerNorm(size.latent)
        self.feed_forward = FeedForward(size.latent, size.feed_forward, size.dropout)

    def forward(self, h: Tensor) -> Tensor:
        normed = self.attention_norm(h)
        turned = rotate(normed)
        h = h + self.attention(turned, turned, normed)
        return h + self.feed_forward(self.feed_forward_norm(h))


class DecoderLayer(nn.Module):
    """Self-attention, attention to the memory, feed-forward; FiLM on each before it joins the residual.

    `film` is "separate" (EDGE; the report's version 2) or "shared": one scale and shift for the three (version 1).
    The code is as wide as the layer where `code_width` is not given.
    """

    def __init__(self, size: LayerSize, film: Film = "separate", code_width: int | None = None) -> None:
        super().__init__()
        self.self_norm, self.cross_norm, self.feed_forward_norm = (nn.LayerNorm(size.latent) for _ in range(3))
        self.film_names = ("film",) if film == "shared" else ("self_film", "cross_film", "feed_forward_film")
        for name in self.film_names:
            self.add_module(name, FiLM(size.latent, code_width or size.latent))
        self.self_attention = Attention(size.latent, size.heads, size.dropout)
        self.cross_attention = Attention(size.latent, size.heads, size.dropout)
        self.feed_forward = FeedForward(size.latent, size.feed_forward, size.dropout)

    def forward(self, h: Tensor, memory: Memory, film_code: Tensor) -> Tensor:
        """`h [B, S, d]`, `film_code [B, 1, c]` for one modulation of all frames or `[B, S, c]` -> `[B, S, d]`."""
        of_self, of_cross, of_feed_forward = self._modulations(film_code)
        normed = self.self_norm(h)
        turned = rotate(normed)
        h = h + modulate(self.self_attention(turned, turned, normed), of_self)
        seen = self.cross_attention(rotate(self.cross_norm(h)), memory.keys, memory.values)
        h = h + modulate(seen, of_cross)
        return h + modulate(self.feed_forward(self.feed_forward_norm(h)), of_feed_forward)

    def _modulations(self, film_code: Tensor) -> list[Tensor]:
        made = [getattr(self, name)(film_code) for name in self.film_names]
        return made * (3 // len(made))


def sinusoid(t: Tensor, width: int) -> Tensor:
    """Timesteps `[...]` -> `[..., width]`: sines, then cosines, of rates from 1 down to 1/10000 (both reached)."""
    half = width // 2
    rates = torch.exp(torch.arange(half, device=t.device) * (-math.log(10000.0) / (half - 1)))
    angles = t[..., None].float() * rates
    return torch.cat((angles.sin(), angles.cos()), dim=-1)
