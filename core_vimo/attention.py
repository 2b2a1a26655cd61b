"""Multi-head attention with EDGE's rotary positions: turned over the whole width, before the projections.

Shapes: `B` clips, `N` positions, `d` channels.
"""

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@lru_cache(maxsize=32)
def _turns(positions: int, width: int, device: torch.device) -> Tensor:
    """Complex numbers `[positions, width / 2]` of angle position · 10000^(-2i / width); RoFormer, equation 15."""
    with torch.inference_mode(False), torch.no_grad():  # a cached inference tensor could never be trained with
        rates = torch.pow(10000.0, -torch.arange(0, width, 2, dtype=torch.float64) / width)
        angles = torch.outer(torch.arange(positions, dtype=torch.float64), rates)
        return torch.complex(angles.cos().float(), angles.sin().float()).to(device)


def rotate(x: Tensor) -> Tensor:
    """Turn the channel pairs (0, 1), (2, 3), … of `x [B, N, d]` by their position, counted from 0; any N.

    EDGE makes the frequencies for the whole width d, not for one head's, and turns before projecting to
    queries and keys. Both are unusual, and its trained weights depend on them.
    """
    # A pair is a complex number and its turn a product of two: a tenth of the time that four real products take.
    wide = x.to(torch.promote_types(x.dtype, torch.float32)).contiguous()
    pairs = torch.view_as_complex(wide.unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * _turns(*x.shape[-2:], x.device)).flatten(-2).type_as(x)


class Attention(nn.Module):
    """Scaled dot-product attention over `heads`.

    While training it drops outputs but, unlike EDGE, no attention weights: that would forbid the fused kernels
    (a quarter of a training step on a CPU).
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.dropout = dropout
        for projection in (self.query, self.key, self.value):
            # The spread of one Xavier draw over the three stacked, as in torch's MultiheadAttention.
            nn.init.xavier_uniform_(projection.weight, gain=math.sqrt(0.5))
            nn.init.zeros_(projection.bias)
        nn.init.zeros_(self.out.bias)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """`query [B, N, d]`, `key` and `value [B, M, d]` -> `[B, N, d]`."""
        q, k, v = self._heads(self.query(query)), self._heads(self.key(key)), self._heads(self.value(value))
        joined = _attend(q, k, v)
        return F.dropout(self.out(joined.transpose(1, 2).flatten(2)), self.dropout, self.training)

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


def _attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    if q.device.type == "cpu" and q.dtype == torch.bfloat16:
        # torch 2.13's fused kernel takes four times as long as two products there, most of it backwards.
        return (q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2)).softmax(dim=-1) @ v
    return F.scaled_dot_product_attention(q, k, v)
