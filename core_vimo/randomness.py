"""Randomness is a function of (seed, step, sample, purpose); nothing draws from a global generator.

`step` is the optimiser step in training or the timestep in sampling, `sample` the item's index in the data set or the
window's index in a song (never its place in a batch), `purpose` a word. The same key gives the same numbers for any
number of processes, workers and batch mates.
"""

import hashlib
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

Part = int | str


def fold(*parts: Part) -> int:
    """Fold a key into one 63-bit integer; different keys collide with probability 2^-63."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(*key: Part) -> torch.Generator:
    """A CPU generator for the key; draw on the CPU and move, so that devices agree.

    torch's CPU engine keeps 32 bits of a seed: of a million keys some two hundred share their numbers with another, at
    random.
    """
    return torch.Generator().manual_seed(fold(*key))


def normal(shape: Sequence[int], *key: Part) -> Tensor:
    """Standard normal float32 numbers `shape` for the key."""
    return torch.randn(tuple(shape), generator=generator(*key))


def normal_rows(samples: Iterable[int], shape: Sequence[int], seed: int, step: int, purpose: str) -> Tensor:
    """One independent draw a sample: `[len(samples), *shape]`; row i depends on samples[i] alone."""
    return torch.stack([normal(shape, seed, step, int(sample), purpose) for sample in samples])


def uniform_rows(samples: Iterable[int], seed: int, step: int, purpose: str) -> Tensor:
    """One number in [0, 1) a sample, `[len(samples)]`."""
    return torch.stack([torch.rand((), generator=generator(seed, step, int(s), purpose)) for s in samples])
