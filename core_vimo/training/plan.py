"""Which samples make a step: a pure function of (seed, step, length, batch size).

So resuming in mid-epoch needs no state but the step, and any number of processes, micro-batches and workers sees the
same global batch.
"""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from core_vimo.errors import InputError
from core_vimo.randomness import generator


class Draw(NamedTuple):
    """Item `item` of the data set as seen in `epoch`."""

    item: int
    epoch: int


class Dataset(Protocol):
    """A pure map: the same (item, epoch) gives the same tensors in any process; augmentation is keyed by both."""

    def __len__(self) -> int: ...

    def __getitem__(self, draw: tuple[int, int]) -> dict[str, Tensor]: ...


@dataclass(frozen=True)
class BatchPlan:
    """Full batches for ever: epochs are permutations laid end to end, so a last batch runs on into the next epoch."""

    seed: int
    length: int
    batch_size: int

    def __post_init__(self) -> None:
        if self.length < 1 or self.batch_size < 1:
            raise InputError(
                f"cannot train on {self.length} samples in batches of {self.batch_size}; both must be at least 1"
            )

    def draws(self, step: int) -> list[Draw]:
        """The global batch of a step, `batch_size` draws."""
        start = step * self.batch_size
        return [self._draw(position) for position in range(start, start + self.batch_size)]

    def sample(self, draw: Draw) -> int:
        """The draw's own number, `epoch * length + item`.

        The key of its noise: an item met twice in one batch (a data set smaller than the batch) gets different noise.
        """
        return draw.epoch * self.length + draw.item

    def _draw(self, position: int) -> Draw:
        epoch, offset = divmod(position, self.length)
        return Draw(int(_order(self.seed, self.length, epoch)[offset]), epoch)


@lru_cache(maxsize=4)
def _order(seed: int, length: int, epoch: int) -> Tensor:
    return torch.randperm(length, generator=generator(seed, epoch, "order"))


@dataclass(frozen=True)
class Shard:
    """This process's part of a plan; the `accumulation` micro-batches of a step are split over `processes`."""

    plan: BatchPlan
    rank: int = 0
    processes: int = 1
    accumulation: int = 1

    def __post_init__(self) -> None:
        parts = self.processes * self.accumulation
        if self.plan.batch_size % parts:
            raise InputError(
                f"batch_size {self.plan.batch_size} cannot be split evenly over {self.processes} processes x "
                f"{self.accumulation} accumulated micro-batches; take a multiple of {parts}"
            )

    def micro_batches(self, step: int) -> list[list[Draw]]:
        """`accumulation` lists of draws; over all ranks they are the global batch in order."""
        draws = self.plan.draws(step)
        size = len(draws) // (self.processes * self.accumulation)
        starts = [(micro * self.processes + self.rank) * size for micro in range(self.accumulation)]
        return [draws[start : start + size] for start in starts]


@dataclass(frozen=True)
class _MicroBatchesFrom:
    """A batch sampler: the shard's micro-batches, one after the other, from a step on."""

    shard: Shard
    step: int

    def __iter__(self) -> Iterator[list[Draw]]:
        step = self.step
        while True:
            yield from self.shard.micro_batches(step)
            step += 1


def load_from(
    dataset: Dataset, shard: Shard, step: int, *, workers: int = 0, pin_memory: bool = False
) -> Iterator[dict[str, Tensor]]:
    """Stacked micro-batches from `step` on, without end; the same for any number of `workers`."""
    loader: DataLoader[dict[str, Tensor]] = DataLoader(
        dataset,  # type: ignore[arg-type]  # a map over draws, not over integers
        batch_sampler=_MicroBatchesFrom(shard, step),  # type: ignore[arg-type]  # endless, so without a length
        num_workers=workers,
        pin_memory=pin_memory,
        worker_init_fn=_leave_signals_to_the_parent,
    )
    return iter(loader)


def _leave_signals_to_the_parent(_worker: int) -> None:
    """Ctrl-C reaches the whole process group, but the step being finished still needs its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
