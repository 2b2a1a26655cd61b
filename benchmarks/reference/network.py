"""The reference's dance decoder, plainly: the same function and weight names as `edge_adapter.backbone.Backbone`.

What makes it slower is the way of working: attention weights are written out, the memory is turned by
position in every layer, and each call encodes the music again.
"""

import math
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edge_adapter.backbone import Backbone, BackboneConfig


class Told(NamedTuple):
    """Music `[B, S, C]`, and which clips hear it `[B]`; who doesn't has it encoded all the same."""

    music: Tensor
    heard: Tensor


def plain_twin(model: Backbone, *, fused: bool = False, dropout: float | None = None) -> nn.Module:
    """`(x [B, S, D], t [B], told) -> x0_hat` with the model's weights."""
    config = model.config if dropout is None else replace(model.config, dropout=dropout)
    plain = PlainDecoder(config, fused)
    plain.load_state_dict(model.state_dict())
    return plain


class PlainAttention(nn.Module):
    """softmax(q k^T / sqrt(d)) v with the weights in memory, as torch had it when EDGE was published.

    `fused` takes torch's present kernel, which EDGE's code would meet today when sampling.
    """

    def __init__(self, width: int, heads: int, dropout: float, fused: bool) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.heads, self.dropout, self.fused = heads, dropout, fused

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        q, k, v = (self._heads(part) for part in (self.query(query), self.key(key), self.value(value)))
        if self.fused:
            seen = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0)
        else:
            weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), dim=-1)
            seen = F.dropout(weights, self.dropout, self.training) @ v
        joined = self.out(seen.transpose(1, 2).reshape(query.shape))
        return F.dropout(joined, self.dropout, self.training)

    def _heads(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)


class PlainFeedForward(nn.Sequential):
    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        inner, outer = nn.Linear(width, hidden), nn.Linear(hidden, width)
        super().__init__(inner, nn.GELU(), nn.Dropout(dropout), outer, nn.Dropout(dropout))


class PlainEncoderLayer(nn.Module):
    def __init__(self, config: BackboneConfig, fused: bool) -> None:
        super().__init__()
        d = config.latent
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attention = PlainAttention(d, config.heads, config.dropout, fused)
        self.feed_forward = PlainFeedForward(d, config.feed_forward, config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        normed = self.attention_norm(x)
        placed = turned(normed)
        x = x + self.attention(placed, placed, normed)
        return x + self.feed_forward(self.feed_forward_norm(x))


class PlainDecoderLayer(nn.Module):
    def __init__(self, config: BackboneConfig, fused: bool) -> None:
        super().__init__()
        d = config.latent
        self.self_norm, self.cross_norm, self.feed_forward_norm = (nn.LayerNorm(d) for _ in range(3))
        self.self_film, self.cross_film, self.feed_forward_film = (
            nn.Sequential(nn.Mish(), nn.Linear(d, 2 * d)) for _ in range(3)
        )
        self.self_attention = PlainAttention(d, config.heads, config.dropout, fused)
        self.cross_attention = PlainAttention(d, config.heads, config.dropout, fused)
        self.feed_forward = PlainFeedForward(d, config.feed_forward, config.dropout)

    def forward(self, x: Tensor, memory: Tensor, code: Tensor) -> Tensor:
        normed = self.self_norm(x)
        placed = turned(normed)
        x = x + modulated(self.self_attention(placed, placed, normed), self.self_film(code))
        seen = self.cross_attention(turned(self.cross_norm(x)), turned(memory), memory)
        x = x + modulated(seen, self.cross_film(code))
        return x + modulated(self.feed_forward(self.feed_forward_norm(x)), self.feed_forward_film(code))


class PlainDecoder(nn.Module):
    """`(x [B, S, D], t [B], told) -> x0_hat [B, S, D]`."""

    def __init__(self, config: BackboneConfig, fused: bool) -> None:
        super().__init__()
        d = config.latent
        self.music_mean: Tensor
        self.music_std: Tensor
        self.register_buffer("music_mean", torch.zeros(config.condition_dim))
        self.register_buffer("music_std", torch.ones(config.condition_dim))
        self.motion_in, self.music_in = nn.Linear(config.motion_dim, d), nn.Linear(config.condition_dim, d)
        self.music_beside = nn.Linear(d, d) if config.music_beside else None
        self.music_layers = nn.ModuleList(PlainEncoderLayer(config, fused) for _ in range(2))
        self.music_pool = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, d), nn.SiLU(), nn.Linear(d, d))
        self.null_tokens = nn.Parameter(torch.randn(1, config.trained_frames, d))
        self.null_pooled = nn.Parameter(torch.randn(1, d))
        self.time_in = nn.Sequential(nn.Linear(d, 4 * d), nn.Mish())
        self.time_film, self.time_tokens = nn.Linear(4 * d, d), nn.Linear(4 * d, 2 * d)
        self.memory_norm = nn.LayerNorm(d)
        self.layers = nn.ModuleList(PlainDecoderLayer(config, fused) for _ in range(config.layers))
        self.motion_out = nn.Linear(d, config.motion_dim)

    def forward(self, x: Tensor, t: Tensor, told: Told) -> Tensor:
        music, heard = told
        tokens = self.music_in((music - self.music_mean) / self.music_std)
        for layer in self.music_layers:
            tokens = layer(tokens)
        tokens = torch.where(heard[:, None, None], tokens, self.null_tokens[:, : x.shape[1]])
        pooled = torch.where(heard[:, None], self.music_pool(tokens.mean(dim=1)), self.null_pooled)
        time = self.time_in(sinusoid(t, tokens.shape[-1]))
        code = (self.time_film(time) + pooled)[:, None]
        memory = torch.cat((tokens, self.time_tokens(time).reshape(len(x), 2, -1)), dim=1)
        memory = self.memory_norm(memory)
        h = self.motion_in(x)
        if self.music_beside is not None:
            h = h + self.music_beside(tokens)
        for layer in self.layers:
            h = layer(h, memory, code)
        return self.motion_out(h)


def turned(x: Tensor) -> Tensor:
    """Rotary positions: each pair of neighbouring channels turned by an angle that grows with the position."""
    angles = _angles(*x.shape[-2:])
    pairs = x.unflatten(-1, (-1, 2))
    quarter_turned = torch.stack((-pairs[..., 1], pairs[..., 0]), dim=-1).reshape(x.shape)
    return x * angles.cos() + quarter_turned * angles.sin()


@lru_cache(maxsize=8)
def _angles(positions: int, width: int) -> Tensor:
    with torch.inference_mode(False):
        rates = 10000.0 ** (-torch.arange(0, width, 2) / width)
        return (torch.arange(positions)[:, None] * rates).repeat_interleave(2, dim=-1)


def modulated(x: Tensor, code: Tensor) -> Tensor:
    scale, shift = code.chunk(2, dim=-1)
    return (scale + 1) * x + shift


def sinusoid(t: Tensor, width: int) -> Tensor:
    half = width // 2
    angles = t[:, None] * torch.exp(torch.arange(half) * -(math.log(10000.0) / (half - 1)))
    return torch.cat((angles.sin(), angles.cos()), dim=-1)
