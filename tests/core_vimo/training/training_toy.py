"""A tiny objective and data set, and runs in a new process: `python training_toy.py OUT JSON [OUT JSON ...]`."""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core_vimo.randomness import generator, normal_rows
from core_vimo.training import Losses
from core_vimo.training.settings import TrainerSettings
from core_vimo.training.trainer import Trainer

SETTINGS = TrainerSettings(
    steps=6, batch_size=6, device="cpu", lr=1e-2, warmup_steps=0, log_every=1, save_every=0, save_minutes=0
)


class ToyData:
    """`length` vectors, augmented by (item, epoch); `poisoned` items are NaN; reading pauses after the first epoch."""

    def __init__(self, length: int = 10, poisoned: Sequence[int] = (), pause_s: float = 0.0) -> None:
        self.length, self.poisoned, self.pause_s = length, poisoned, pause_s

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, draw: tuple[int, int]) -> dict[str, Tensor]:
        item, epoch = draw
        if epoch:
            time.sleep(self.pause_s)
        x = torch.randn(4, generator=generator(item)) + 0.1 * torch.randn(4, generator=generator(item, epoch))
        return {"x": x * torch.nan if item in self.poisoned else x}


class ToyObjective(nn.Module):
    """Predict clean vectors from noisy ones; a frozen layer, a buffer and dropout, as real objectives have."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        g = generator(0, "toy")
        self.net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 4))
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.register_buffer("scale", torch.tensor(2.0))
        for p in self.parameters():
            p.data = torch.randn(p.shape, generator=g) * 0.5

    def forward(self, batch: dict[str, Tensor], samples: Tensor, step: int) -> Losses:
        x = batch["x"]
        noise = normal_rows(samples.tolist(), x.shape[1:], 0, step, "noise")
        level = torch.stack([torch.rand((), generator=generator(step, int(s))) for s in samples])
        predicted = self.net(self.frozen(x) + noise * level[:, None])
        per_sample = (predicted * self.scale - x).square().mean(-1)
        return Losses(per_sample.mean(), {"simple": per_sample.mean()}, per_sample, level, predicted.std(), x.std())


def losses(out: Path) -> list[float]:
    """The loss list of a run, from its log."""
    lines = [json.loads(text) for text in (out / "stats.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


def run(
    out: Path,
    *,
    dropout: float = 0.0,
    length: int = 10,
    poisoned: Sequence[int] = (),
    pause_s: float = 0.0,
    **dials: Any,
) -> Trainer:
    """A whole `fit` in this process."""
    data = ToyData(length, poisoned, pause_s)
    trainer = Trainer(ToyObjective(dropout), data, replace(SETTINGS, **dials), out)
    trainer.fit()
    return trainer


if __name__ == "__main__":
    torch.set_num_threads(1)
    for out, arguments in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        run(Path(out), **json.loads(arguments))
    # A gloo group left standing may abort a process on exit.
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
