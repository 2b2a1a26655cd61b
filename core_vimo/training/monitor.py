"""What a run says while it trains: `stats.jsonl` always, a progress bar, TensorBoard where asked for.

A line of `stats.jsonl` is the mean over the steps since the line before: `step`, `loss`, the terms, `lr`, `grad_norm`,
`loss_noise_q1..4` (by quarter of t / T), `predicted_std`, `target_std`, `skipped`, `samples_per_s`, `eta_s`.
"""

import json
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from torch import Tensor

from core_vimo.errors import MissingExtraError
from core_vimo.publish import publish_file
from core_vimo.training import Losses
from core_vimo.training.settings import TrainerSettings

_COLLAPSED = 0.1  # of the target's standard deviation


class StepStatistics:
    """Sums over a step's micro-batches as one vector, so that processes exchange it in a single reduction."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._sum: Tensor | None = None

    @torch.no_grad()
    def add(self, losses: Losses) -> None:
        terms = sorted(losses.terms.items())
        scalars = [losses.loss, losses.predicted_std, losses.target_std, *(value for _, value in terms)]
        self.names = ["loss", "predicted_std", "target_std", *(f"term_{name}" for name, _ in terms)]
        level = losses.noise_level.to(losses.per_sample.device)  # drawn on the CPU, it may still be there
        quarter = torch.nn.functional.one_hot((level * 4).long().clamp(0, 3), 4).double()
        per_quarter = (quarter * losses.per_sample.double()[:, None]).sum(0)
        vector = torch.cat(
            [torch.stack([s.detach().double().to(quarter.device) for s in scalars]), per_quarter, quarter.sum(0)]
        )
        self._sum = vector if self._sum is None else self._sum + vector

    def reduced(self, accelerator: Accelerator, parts: int, own: list[float]) -> tuple["Step", list[float]]:
        """Mean over `parts` micro-batches of all processes; `own` numbers of each process are summed alongside."""
        assert self._sum is not None
        vector = torch.cat([self._sum, self._sum.new_tensor(own)])
        total = accelerator.reduce(vector, "sum").tolist()
        scalars = len(self.names)
        means = {name: value / parts for name, value in zip(self.names, total, strict=False)}
        sums, counts = total[scalars : scalars + 4], total[scalars + 4 : scalars + 8]
        return Step(means, sums, counts), total[scalars + 8 :]


class Step:
    """The global batch's numbers at one step."""

    def __init__(self, means: dict[str, float], quarter_sums: list[float], quarter_counts: list[float]) -> None:
        self.means = means
        self.quarters = {
            f"loss_noise_q{i + 1}": pair for i, pair in enumerate(zip(quarter_sums, quarter_counts, strict=True))
        }


class Monitor:
    """The main process's console and files; in other processes it only keeps the same window."""

    def __init__(self, out: Path, settings: TrainerSettings, accelerator: Accelerator) -> None:
        self.path = out / "stats.jsonl"
        self.settings = settings
        self.window: dict[str, list[float]] = {}
        self._accelerator = accelerator
        self._main = accelerator.is_main_process
        self._warned = False
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("step {task.completed}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=self._console,
            disable=not (self._main and self._console.is_terminal),
        )
        if settings.tensorboard and self._main:
            _need_tensorboard()

    def start(self, step: int) -> None:
        """Forget lines written after the checkpoint that the run goes on from, and show the bar."""
        if self._main:
            self._trim(step)
        if self.settings.tensorboard:
            self._accelerator.init_trackers("tensorboard")
        self._task = self._progress.add_task("", total=self.settings.steps, completed=step, note="")
        self._progress.start()
        self._started = (time.monotonic(), step)

    def stop(self) -> None:
        self._progress.stop()
        if self.settings.tensorboard:
            self._accelerator.end_training()

    def record(self, step: int, numbers: Step, lr: float, grad_norm: float, elapsed_s: float) -> None:
        """Add a step (`step` are done, in `elapsed_s` with resumed parts), and write a line when one is due."""
        for name, value in (numbers.means | {"lr": lr, "grad_norm": grad_norm}).items():
            self._add(name, value, 1)
        for name, (total, count) in numbers.quarters.items():
            self._add(name, total, count)
        self._after(step, elapsed_s)

    def record_skip(self, step: int, elapsed_s: float) -> None:
        """Count a step that moved nothing."""
        self._add("skipped", 1, 1)
        self._after(step, elapsed_s)

    def say(self, text: str) -> None:
        """One line beside the progress bar."""
        if self._main:
            self._progress.console.print(text, highlight=False, markup=False)

    def write(self, line: dict[str, Any]) -> None:
        """Append a line to `stats.jsonl` and the trackers."""
        if self._main:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        if self.settings.tensorboard:
            self._accelerator.log({k: v for k, v in line.items() if k != "step"}, step=line["step"])

    def _add(self, name: str, total: float, count: float) -> None:
        pair = self.window.setdefault(name, [0.0, 0.0])
        pair[0] += total
        pair[1] += count

    def _after(self, step: int, elapsed_s: float) -> None:
        self._progress.update(self._task, completed=step)
        if step % self.settings.log_every:
            return
        line = {"step": step} | _means(self.window) | self._speed(step, elapsed_s)
        self.window.clear()
        self.write(line)
        self._show(line)
        self._warn_of_collapse(line)

    def _speed(self, step: int, elapsed_s: float) -> dict[str, float | None]:
        """Over the part of the run since it was started or resumed."""
        began, first = self._started
        seconds = time.monotonic() - began
        eta_s = None
        if self.settings.steps is not None:
            eta_s = round(seconds / (step - first) * (self.settings.steps - step), 1)
        if self.settings.minutes is not None:
            by_clock = round(self.settings.minutes * 60 - elapsed_s, 1)
            eta_s = by_clock if eta_s is None else min(eta_s, by_clock)
        return {"samples_per_s": round((step - first) * self.settings.batch_size / seconds, 3), "eta_s": eta_s}

    def _show(self, line: dict[str, Any]) -> None:
        note = (
            f"loss {line.get('loss', float('nan')):.4g}  {line['samples_per_s']:.1f} samples/s  {_left(line['eta_s'])}"
        )
        self._progress.update(self._task, note=note)
        if self._progress.disable:
            self.say(f"step {line['step']}  {note}")

    def _warn_of_collapse(self, line: dict[str, Any]) -> None:
        if self._warned or line["step"] < self.settings.collapse_after or "loss" not in line:
            return
        if line["predicted_std"] < _COLLAPSED * line["target_std"]:
            self._warned = True
            warnings.warn(
                f"at step {line['step']} the predictions' standard deviation is {line['predicted_std']:.3g} against "
                f"the data's {line['target_std']:.3g}: the model may be collapsing to one still pose; lower the weight "
                "of the velocity loss",
                stacklevel=2,
            )

    def _trim(self, step: int) -> None:
        if not self.path.exists():
            return
        kept = [text for text in self.path.read_text(encoding="utf-8").splitlines() if _step_in(text) <= step]
        with publish_file(self.path) as aside:
            aside.write_text("".join(text + "\n" for text in kept), encoding="utf-8")


def _means(window: dict[str, list[float]]) -> dict[str, float]:
    return {name: total if name == "skipped" else total / count for name, (total, count) in window.items() if count}


def _step_in(text: str) -> float:
    """The line's step; a line torn by a kill counts as later than any checkpoint."""
    try:
        return float(json.loads(text)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d} left"


def _need_tensorboard() -> None:
    try:
        import tensorboard  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            'trainer.tensorboard=true needs TensorBoard; install it with: pip install "vimo-suite[track]"'
        ) from error
