"""Losses and gradients that are no numbers: their steps are skipped without a trace, and at last named."""

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from training_toy import SETTINGS, ToyData, ToyObjective, run

from core_vimo.training import Losses, TrainingError
from core_vimo.training.trainer import Trainer


def test_a_poisoned_sample_is_skipped_without_a_trace_then_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"2 steps in a row.*\[3\]"):
        run(tmp_path, length=5, poisoned=[3], nonfinite_in_a_row=2)
    assert [json.loads(t)["skipped"] for t in (tmp_path / "stats.jsonl").read_text().splitlines()] == [1, 1]


def test_skipped_steps_move_nothing(tmp_path: Path) -> None:
    start_weights = {name: p.clone() for name, p in ToyObjective().named_parameters()}
    trainer = run(tmp_path, length=5, poisoned=[3], nonfinite_in_a_row=100)
    assert trainer.skipped == 6
    assert all(torch.equal(p, start_weights[name]) for name, p in trainer.objective.named_parameters())


class InfiniteSlope(nn.Module):
    """A finite loss whose gradient is not."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4))

    def forward(self, batch: dict[str, Tensor], samples: Tensor, step: int) -> Losses:
        per_sample = (self.weight * 0 * batch["x"]).sum(-1).sqrt()
        std = batch["x"].std()
        return Losses(per_sample.mean(), {}, per_sample, torch.zeros(len(samples)), std, std)


def test_a_gradient_that_is_not_finite_is_skipped_too(tmp_path: Path) -> None:
    trainer = Trainer(InfiniteSlope(), ToyData(6), replace(SETTINGS, nonfinite_in_a_row=3), tmp_path)
    with pytest.raises(TrainingError, match=r"\[0, 1, 2, 3, 4, 5\]"):
        trainer.fit()
    assert torch.equal(trainer.objective.weight, torch.zeros(4))


class Flawed(nn.Module):
    """A loss, or a gradient, that is not finite while the other is, or a finite gradient of a norm beyond float32."""

    def __init__(self, flaw: str) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))
        self.flaw = flaw

    def forward(self, batch: dict[str, Tensor], samples: Tensor, step: int) -> Losses:
        x = batch["x"]
        per_sample = {
            "loss": (self.weight * x).sum(-1) + torch.inf,
            "gradient": (self.weight * 0 * x).sum(-1).sqrt(),
            "norm": (self.weight * 1e25).sum() + x.sum(-1),
        }[self.flaw]
        return Losses(per_sample.mean(), {}, per_sample, torch.zeros(len(x)), x.std(), x.std())


@pytest.mark.parametrize(("flaw", "scale"), [("loss", 1024.0), ("gradient", 128.0), ("norm", 1024.0)])
def test_a_scaler_of_gradients_lets_no_flawed_step_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flaw: str, scale: float
) -> None:
    """fp16's scaler, which works on a CPU too; it steps wherever the gradients it sees are finite."""
    settings = replace(SETTINGS, nonfinite_in_a_row=3, steps=3, optimizer="adamw")
    trainer = Trainer(Flawed(flaw), ToyData(6), settings, tmp_path)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    trainer.accelerator.scaler = trainer._stepper.scaler = scaler
    trainer.accelerator.native_amp = True
    monkeypatch.setattr(type(trainer.accelerator), "mixed_precision", "fp16")
    with nullcontext() if flaw == "gradient" else pytest.raises(TrainingError, match="3 steps in a row"):
        trainer.fit()
    assert trainer.skipped == 3
    assert torch.equal(trainer.objective.weight, torch.ones(4))
    assert scaler.get_scale() == scale
