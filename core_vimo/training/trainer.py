"""The training loop, for one process or many, that can be killed at any moment and goes on exactly where it was."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from core_vimo.errors import InputError
from core_vimo.publish import verify_manifest
from core_vimo.randomness import fold
from core_vimo.training import Losses, TrainingError
from core_vimo.training.adan import Adan
from core_vimo.training.checkpoint import (
    Checkpoint,
    CheckpointStore,
    frozen_hash,
    load,
    locked,
    module_tensors,
    optimizer_tensors,
    restore_module,
    restore_optimizer,
)
from core_vimo.training.compilation import compile_networks, one_sentence_for_failed_compilation
from core_vimo.training.ema import Ema
from core_vimo.training.interruption import Interruption
from core_vimo.training.monitor import Monitor, Step, StepStatistics
from core_vimo.training.plan import BatchPlan, Dataset, Draw, Shard, load_from
from core_vimo.training.settings import TrainerSettings

Evaluate = Callable[[nn.Module, int], dict[str, float]]

_FIXED = ("seed", "batch_size", "optimizer")  # what an interrupted run cannot change and stay the same run


class Trainer:
    """Train `objective` (see `core_vimo.training`) on `dataset`, writing checkpoints and `stats.jsonl` to `out`.

    `evaluate(objective, step) -> numbers` is called in the main process with the EMA's weights in place, in eval mode;
    the checkpoint with the lowest `settings.best_by` is kept, and after `settings.patience` evaluations without a lower
    one the run ends. told: plain values by name without which it would be another run, which is refused. Two processes,
    or accumulation, give the weights of one to rounding; a resumed run gives those of an uninterrupted one bit for bit
    (with a budget of steps: under `minutes`, where the run ends and where a cosine without `steps` stands depend on the
    clock). Several processes are started by `torchrun --nproc_per_node N`; accelerate 1.15's `launch --cpu
    --num_processes N` starts only one.

    All trainable parameters must take part in every loss, or processes wait for one another's gradients.
    """

    def __init__(
        self,
        objective: nn.Module,
        dataset: Dataset,
        settings: TrainerSettings,
        out: Path | str,
        *,
        evaluate: Evaluate | None = None,
        told: Mapping[str, Any] | None = None,
    ) -> None:
        if settings.evaluate_every and evaluate is None:
            raise InputError(f"trainer.evaluate_every={settings.evaluate_every}, but nothing evaluates here; take 0")
        self.settings = settings
        self.out = Path(out)
        self.accelerator = _accelerator(settings, self.out)
        self.objective = objective.to(self.accelerator.device)
        if settings.compile:
            compile_networks(objective)
        self.step = 0
        self.began = 0
        self.skipped = 0
        self.best_score: float | None = None
        self._without_improvement = 0
        self._dataset = dataset
        self._told = dict(told or {})
        self._evaluate = evaluate
        self._plan = BatchPlan(settings.seed, len(dataset), settings.batch_size)
        self._shard = Shard(
            self._plan, self.accelerator.process_index, self.accelerator.num_processes, settings.accumulation
        )
        self._frozen = frozen_hash(objective)
        self._ema = Ema(objective, settings.ema_decay)
        self._optimizer = _optimizer(objective, settings)
        self._wrapped, self._stepper = self.accelerator.prepare(self.objective, self._optimizer)
        self._store = CheckpointStore(self.out / "checkpoints", settings.keep)
        self._monitor = Monitor(self.out, settings, self.accelerator)
        self._elapsed_s = 0.0  # the main process's, agreed on at every step
        self._exit_code: int | None = None  # set when a signal ends the run
        self._nonfinite_in_a_row = 0
        self._suspects: list[int] = []

    def fit(self) -> None:
        """Train to the end of the budget, resuming from the newest valid checkpoint in `out`.

        SIGTERM and SIGINT finish the step, save, and raise SystemExit(0 | 130). TrainingError after
        `nonfinite_in_a_row` steps without a finite loss or gradient. InputError where another trainer works in `out`.
        """
        if self.accelerator.is_main_process:
            with locked(self.out):
                self._fit()
        else:
            self._fit()

    def ema_state_dict(self) -> dict[str, Tensor]:
        """The objective's state dict with the means of the weights: what a bundle ships (copies, on the CPU)."""
        state = {name: tensor.detach().cpu().clone() for name, tensor in self.objective.state_dict().items()}
        state.update((name, mean.detach().cpu().to(state[name].dtype)) for name, mean in self._ema.state_dict().items())
        return state

    def best_ema_state_dict(self) -> tuple[dict[str, Tensor], int]:
        """`ema_state_dict` as of the best checkpoint, and its step; as of now where none was scored."""
        best = self._store.best()
        if best is None:
            return self.ema_state_dict(), self.step
        verify_manifest(best)
        checkpoint = load(best)
        state = self.ema_state_dict()
        state.update((name, mean.to(state[name].dtype)) for name, mean in checkpoint.ema.items())
        return state, checkpoint.step

    def _fit(self) -> None:
        self._resume()
        with Interruption() as interruption:
            self._monitor.start(self.step)
            try:
                with one_sentence_for_failed_compilation(self.settings.compile):
                    self._run(interruption)
            finally:
                self._monitor.stop()
        self.accelerator.wait_for_everyone()
        if self._exit_code is not None:
            raise SystemExit(self._exit_code)

    def _run(self, interruption: Interruption) -> None:
        batches = load_from(
            self._dataset,
            self._shard,
            self.step,
            workers=self.settings.workers,
            pin_memory=self.accelerator.device.type == "cuda",
        )
        self._began = time.monotonic() - self._elapsed_s
        saved_at, saved_s = self.step, self._elapsed_s
        self.objective.train()
        while not self._finished():
            self._train_step(batches, interruption)
            score, improved = self._evaluated() if self._due(self.settings.evaluate_every) else (None, False)
            if improved or self._due(self.settings.save_every) or self._overdue(saved_s):
                self._save(score)
                saved_at, saved_s = self.step, self._elapsed_s
        if saved_at != self.step:
            self._save()

    # One step

    def _train_step(self, batches: Iterator[dict[str, Tensor]], interruption: Interruption) -> None:
        torch.manual_seed(fold(self.settings.seed, self.step, self.accelerator.process_index, "dropout"))
        lr = self._learning_rate()
        micro_batches = self._shard.micro_batches(self.step)
        statistics, per_sample = StepStatistics(), []
        for number, draws in enumerate(micro_batches):
            losses = self._backward(next(batches), draws, last=number == len(micro_batches) - 1)
            statistics.add(losses)
            per_sample.append(losses.per_sample.detach().float())
        grad_norm = self._clip()
        numbers = self._agree(statistics, interruption)
        self.step += 1
        if math.isfinite(numbers.means["loss"]) and math.isfinite(grad_norm):
            self._update(lr)
            self._monitor.record(self.step, numbers, lr, grad_norm, self._elapsed_s)
        else:
            self._skip(math.isfinite(numbers.means["loss"]), torch.cat(per_sample), micro_batches)
        self._optimizer.zero_grad(set_to_none=True)

    def _backward(self, batch: dict[str, Tensor], draws: list[Draw], *, last: bool) -> Losses:
        device = self.accelerator.device
        batch = {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}
        samples = torch.tensor([self._plan.sample(draw) for draw in draws])
        # Gradients are exchanged once a step, in the last micro-batch's backward.
        with nullcontext() if last else self.accelerator.no_sync(self._wrapped):
            losses: Losses = self._wrapped(batch, samples, self.step)
            self.accelerator.backward(losses.loss / self.settings.accumulation)
        return losses

    def _clip(self) -> float:
        limit = self.settings.clip_norm or math.inf
        return float(self.accelerator.clip_grad_norm_(self.objective.parameters(), limit))

    def _agree(self, statistics: StepStatistics, interruption: Interruption) -> Step:
        """The step's numbers, the clock and the wish to stop, the same in all processes."""
        main = self.accelerator.is_main_process
        clock_s = time.monotonic() - self._began if main else 0.0
        own = [clock_s, float(interruption.requested), float(interruption.exit_code)]
        parts = self.accelerator.num_processes * self.settings.accumulation
        numbers, (self._elapsed_s, requested, exit_code) = statistics.reduced(self.accelerator, parts, own)
        if requested:
            self._exit_code = 130 if exit_code else 0
        return numbers

    def _update(self, lr: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        self._stepper.step()
        self._ema.update()
        self._nonfinite_in_a_row = 0
        self._suspects = []

    def _skip(self, loss_is_finite: bool, per_sample: Tensor, micro_batches: list[list[Draw]]) -> None:
        """All processes come here together: the loss is reduced and gradients are shared before they are looked at."""
        self.skipped += 1
        self._monitor.record_skip(self.step, self._elapsed_s)
        scaler = self.accelerator.scaler
        if scaler is not None:
            before = scaler.get_scale()
            # Not through its step, which would move the weights where only the loss, or only the norm, is not finite.
            scaler.update()
            if loss_is_finite and 1 <= scaler.get_scale() < before:
                return  # fp16 finding its scale
        self._nonfinite_in_a_row += 1
        self._suspects += self._not_finite(per_sample, micro_batches)
        if self._nonfinite_in_a_row >= self.settings.nonfinite_in_a_row:
            raise TrainingError(
                f"the loss or its gradient was not finite in {self._nonfinite_in_a_row} steps in a row up to step "
                f"{self.step}; look at samples {sorted(set(self._suspects))} of the data set, or lower trainer.lr"
            )

    def _not_finite(self, per_sample: Tensor, micro_batches: list[list[Draw]]) -> list[int]:
        """Items whose own loss is not finite, or the whole batch where only the gradient is at fault."""
        own = torch.tensor([draw.item for draws in micro_batches for draw in draws], device=per_sample.device)
        items = self.accelerator.gather(own)
        bad = ~torch.isfinite(self.accelerator.gather(per_sample))
        return (items[bad] if bad.any() else items).tolist()

    def _learning_rate(self) -> float:
        """A straight warm-up, then constant, or half a cosine down to `final_lr_fraction` over the budget."""
        s = self.settings
        warmup = min(1.0, (self.step + 1) / s.warmup_steps) if s.warmup_steps else 1.0
        if s.decay == "constant":
            return s.lr * warmup
        done = self.step / s.steps if s.steps else self._elapsed_s / (60 * (s.minutes or math.inf))
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
        return s.lr * warmup * (s.final_lr_fraction + (1 - s.final_lr_fraction) * cosine)

    # Once in a while

    def _finished(self) -> bool:
        s = self.settings
        out_of_steps = s.steps is not None and self.step >= s.steps
        out_of_time = s.minutes is not None and self._elapsed_s >= s.minutes * 60
        out_of_patience = 0 < s.patience <= self._without_improvement
        return out_of_steps or out_of_time or out_of_patience or self._exit_code is not None

    def _due(self, every: int) -> bool:
        return every > 0 and self.step % every == 0

    def _overdue(self, saved_s: float) -> bool:
        return 0 < self.settings.save_minutes * 60 <= self._elapsed_s - saved_s

    def _evaluated(self) -> tuple[float | None, bool]:
        """The main process's score, for all of them, and whether it is the best so far."""
        scores = [self._score() if self.accelerator.is_main_process else None]
        score = broadcast_object_list(scores)[0]
        improved = self._improves(score)
        self._without_improvement = 0 if improved else self._without_improvement + 1
        return score, improved

    def _score(self) -> float | None:
        """Evaluate; None where the number to be small is not finite."""
        assert self._evaluate is not None
        self.objective.eval()
        with self._ema.swapped_in(), torch.no_grad():
            numbers = self._evaluate(self.objective, self.step)
        self.objective.train()
        self._monitor.write({"step": self.step} | {f"eval_{name}": value for name, value in numbers.items()})
        self._monitor.say(f"step {self.step}  " + "  ".join(f"{name} {value:.4g}" for name, value in numbers.items()))
        if self.settings.best_by not in numbers:
            known = ", ".join(numbers)
            raise InputError(f"trainer.best_by={self.settings.best_by} is not evaluated; take one of {known}")
        score = float(numbers[self.settings.best_by])
        return score if math.isfinite(score) else None

    def _improves(self, score: float | None) -> bool:
        if score is None or (self.best_score is not None and score >= self.best_score):
            return False
        self.best_score = score
        return True

    # Saving and resuming

    def _save(self, score: float | None = None) -> None:
        if not self.accelerator.is_main_process:
            return
        weights = module_tensors(self.objective)
        optimizer = optimizer_tensors(self._optimizer, self.objective)
        checkpoint = Checkpoint(self.step, weights, self._ema.state_dict(), optimizer, self._state())
        self._store.save(checkpoint, score)

    def _state(self) -> dict[str, Any]:
        scaler = self.accelerator.scaler
        return {
            "elapsed_s": self._elapsed_s,
            "skipped": self.skipped,
            "nonfinite_in_a_row": self._nonfinite_in_a_row,
            "suspects": self._suspects,
            "best_score": self.best_score,
            "without_improvement": self._without_improvement,
            "ema_updates": self._ema.updates,
            "log_window": self._monitor.window,
            "scaler": scaler.state_dict() if scaler is not None else None,
            "fixed": self._fixed(),
        }

    def _fixed(self) -> dict[str, Any]:
        fixed = {name: getattr(self.settings, name) for name in _FIXED}
        return fixed | {"samples": self._plan.length, "frozen weights": self._frozen} | self._told

    def _resume(self) -> None:
        path = self._newest()
        if path is None:
            return
        checkpoint = load(path)
        state = checkpoint.state
        self._refuse_another_run(path, state["fixed"])
        restore_module(self.objective, checkpoint.weights, path)
        restore_optimizer(self._optimizer, self.objective, checkpoint.optimizer)
        self._ema.load_state_dict(checkpoint.ema, state["ema_updates"])
        if self.accelerator.scaler is not None and state["scaler"]:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self.step = checkpoint.step
        self._elapsed_s = state["elapsed_s"]
        self.skipped = state["skipped"]
        self._nonfinite_in_a_row = state["nonfinite_in_a_row"]
        self._suspects = state["suspects"]
        self.best_score = state["best_score"]
        self._without_improvement = state.get("without_improvement", 0)  # checkpoints of older versions lack it
        self._monitor.window = state["log_window"]
        self.began = self.step
        self._monitor.say(f"going on from {path} (step {self.step})")

    def _newest(self) -> Path | None:
        """The main process's choice, so that all take the same."""
        choice: list[Path | None] = [None]
        if self.accelerator.is_main_process:
            self._store.sweep()
            choice = [self._store.newest_valid()]
        return broadcast_object_list(choice)[0]

    def _refuse_another_run(self, path: Path, saved: dict[str, Any]) -> None:
        fixed = self._fixed()
        for name, then in saved.items():  # those of older versions lack some
            if then != (now := fixed.get(name)):
                raise InputError(
                    f"{path}: was trained with {name} = {then}, not {now}; go on with that, or begin anew in another "
                    f"folder, or here after deleting {self.out}"
                )


def _accelerator(settings: TrainerSettings, out: Path) -> Accelerator:
    cpu = settings.device == "cpu" or not torch.cuda.is_available()
    if settings.precision == "fp16" and cpu:
        raise InputError("trainer.precision=fp16 needs a GPU; take bf16 or no")
    # Its state is global, and would refuse a second trainer of another precision in this process.
    AcceleratorState._reset_state()
    return Accelerator(
        cpu=cpu,
        mixed_precision=settings.precision,
        log_with="tensorboard" if settings.tensorboard else None,
        project_dir=out,
    )


def _optimizer(objective: nn.Module, settings: TrainerSettings) -> Optimizer:
    params = [p for p in objective.parameters() if p.requires_grad]
    if not params:
        raise InputError("the objective has no trainable parameters; unfreeze some of them")
    build = {"adan": Adan, "adamw": AdamW}[settings.optimizer]
    return build(params, lr=settings.lr, weight_decay=settings.weight_decay)
