"""The reference's sampling: DDIM with fresh noise, all windows of a song at once, guidance in two calls a step."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from benchmarks.reference.network import Told

WINDOW, OVERLAP = 150, 75


def half_overlapping(timeline: Tensor) -> Tensor:
    """`[S, C]` -> `[W, 150, C]`, a window every 75 frames; what does not fill a window is left out."""
    starts = range(0, len(timeline) - WINDOW + 1, OVERLAP)
    return torch.stack([timeline[start : start + WINDOW] for start in starts])


@torch.no_grad()
def tied_ddim(
    network: nn.Module,
    music: Tensor,
    alphas_cumprod: Tensor,
    noise: Callable[[int], Tensor],
    steps: int = 50,
    weight: float = 2.0,
) -> Tensor:
    """Windows `[W, 150, 151]` to music `[W, 150, C]`; after each step but the last, first halves are overwritten.

    `noise(-1)` is the start, `noise(k)` what step k adds (η = 1). `alphas_cumprod [T]`.
    """
    total = len(alphas_cumprod)
    times = [total * left // steps - 1 for left in range(steps, -1, -1)]
    heard = torch.ones(len(music), dtype=torch.bool)
    x = noise(-1)
    for step, (now, then) in enumerate(pairwise(times)):
        t = torch.full((len(x),), now)
        unconditional = network(x, t, Told(music, ~heard))
        conditional = network(x, t, Told(music, heard))
        guess = (unconditional + weight * (conditional - unconditional)).clamp(-1, 1)
        if then < 0:
            return guess
        a, b = alphas_cumprod[now], alphas_cumprod[then]
        sigma = ((1 - b) / (1 - a) * (1 - a / b)).sqrt()
        direction = (x - a.sqrt() * guess) / (1 - a).sqrt()
        x = (b.sqrt() * guess + (1 - b - sigma**2).sqrt() * direction + sigma * noise(step)).float()
        x[1:, :OVERLAP] = x[:-1, OVERLAP:].clone()
    return x
