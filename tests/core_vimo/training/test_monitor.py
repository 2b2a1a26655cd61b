"""What a run writes down."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from training_toy import SETTINGS

from core_vimo.training import Losses
from core_vimo.training.monitor import Monitor, Step, StepStatistics


def losses(per_sample: list[float], level: list[float]) -> Losses:
    loss = torch.tensor(per_sample)
    return Losses(loss.mean(), {"b": loss.mean(), "a": 2 * loss.mean()}, loss, torch.tensor(level), loss[0], loss[1])


def a_step(predicted_std: float = 1.0, loss: float = 1.0) -> Step:
    means = {"loss": loss, "predicted_std": predicted_std, "target_std": 1.0}
    return Step(means, [1.0, 6.0, 0.0, 0.0], [1.0, 2.0, 0.0, 0.0])


def test_micro_batches_average_and_losses_fall_into_their_quarter_of_the_noise() -> None:
    statistics = StepStatistics()
    statistics.add(losses([1.0, 3.0], [0.0, 0.26]))
    statistics.add(losses([5.0, 7.0], [0.49, 0.999]))
    step, own = statistics.reduced(Accelerator(cpu=True), 2, [4.5])
    assert step.means == {"loss": 4.0, "predicted_std": 3.0, "target_std": 5.0, "term_a": 8.0, "term_b": 4.0}
    assert list(step.quarters.values()) == [(1.0, 1.0), (8.0, 2.0), (0.0, 0.0), (7.0, 1.0)]
    assert own == [4.5]


@pytest.fixture
def monitor(tmp_path: Path) -> Monitor:
    return Monitor(tmp_path, replace(SETTINGS, log_every=2, collapse_after=4), Accelerator(cpu=True))


def lines(monitor: Monitor) -> list[dict[str, float]]:
    return [json.loads(text) for text in monitor.path.read_text().splitlines()]


def test_a_line_is_the_mean_since_the_line_before(monitor: Monitor) -> None:
    monitor.start(0)
    for step, loss in enumerate((1.0, 3.0, 5.0, 9.0), start=1):
        monitor.record(step, a_step(loss=loss), lr=0.1, grad_norm=2.0, elapsed_s=1.0)
    monitor.stop()
    assert [(line["step"], line["loss"]) for line in lines(monitor)] == [(2, 2.0), (4, 7.0)]
    assert (lines(monitor)[0]["loss_noise_q1"], lines(monitor)[0]["loss_noise_q2"]) == (1.0, 3.0)
    assert "loss_noise_q3" not in lines(monitor)[0]
    assert {"lr", "grad_norm", "samples_per_s", "eta_s"} <= lines(monitor)[0].keys()


def test_skipped_steps_are_counted(monitor: Monitor) -> None:
    monitor.start(0)
    monitor.record_skip(1, 1.0)
    monitor.record_skip(2, 1.0)
    monitor.stop()
    assert lines(monitor)[0]["skipped"] == 2


def test_lines_after_the_checkpoint_and_torn_ones_are_forgotten(monitor: Monitor) -> None:
    monitor.path.write_text('{"step": 2, "loss": 1}\n{"step": 4, "loss": 1}\n{"step": 6, "lo')
    monitor.start(3)
    monitor.stop()
    assert lines(monitor) == [{"step": 2, "loss": 1}]


def test_a_collapse_is_warned_about_once_and_not_at_the_start(
    monitor: Monitor, recwarn: pytest.WarningsRecorder
) -> None:
    monitor.start(0)
    counts = []
    for step in range(1, 9):
        monitor.record(step, a_step(predicted_std=0.05), lr=0.1, grad_norm=2.0, elapsed_s=1.0)
        counts.append(sum("standard deviation" in str(w.message) for w in recwarn))
    monitor.stop()
    assert counts == [0, 0, 0, 1, 1, 1, 1, 1]
