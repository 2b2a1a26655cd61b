"""One variant with one seed: which run it is, where it lies, what it is measured on."""

import argparse
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from benchmarks.trained_run import TrainedRun
from benchmarks.video_to_motion.variants import VARIANTS
from core_vimo.motion_store import data_hash
from stylize.motion_evaluation import EvaluationSettings

CONDITIONS = ("static", "cut")


@dataclass(frozen=True)
class Plan:
    """What all items share. steps of training, sampling_steps of the evaluation; windows: at most so many."""

    data: Path
    data_sha256: str
    out: Path
    steps: int
    sampling_steps: int
    windows: int | None
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Item:
    """`overrides` are its settings for training; its run's folder is named after them and the data."""

    plan: Plan
    variant: str
    seed: int

    @property
    def overrides(self) -> list[str]:
        steps = self.plan.steps
        chosen = [f"{key}={value}" for key, value in VARIANTS[self.variant].items()]
        short = [f"trainer.steps={steps}", f"trainer.warmup_steps={max(steps // 10, 1)}", "trainer.compile=false"]
        alone = ["trainer.workers=0", "trainer.device=cpu", "trainer.save_every=0", "trainer.save_minutes=1"]
        return ["+experiment=vimo_small", *chosen, f"seed={self.seed}", *short, *alone, *self.plan.overrides]

    @property
    def run(self) -> TrainedRun:
        """Seeds differ in training alone: all models see the same films and begin at the same noise."""
        plan = self.plan
        key = json.dumps([self.overrides, plan.data_sha256])
        folder = plan.out / f"{self.variant}-{self.seed}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
        evaluation = EvaluationSettings(CONDITIONS, steps=plan.sampling_steps, windows=plan.windows)
        return TrainedRun(folder, (*self.overrides, f"data.folder='{plan.data}'"), plan.data, evaluation)


def add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="data set made by `vimo dataset motions`")
    parser.add_argument("--out", type=Path, default=Path("build/video_to_motion"), help="folder of runs and tables")
    parser.add_argument(
        "--steps", type=int, default=240, help="training steps a run (default 240: about 75 s on a core)"
    )
    parser.add_argument("--sampling-steps", type=int, default=10, help="of the evaluation (default 10)")
    parser.add_argument("--windows", type=int, help="held-out windows measured, at most (default: all)")
    parser.add_argument("--overrides", nargs="*", default=[], metavar="key=value", help="further settings of every run")


def plan_of(arguments: argparse.Namespace) -> Plan:
    return Plan(
        arguments.data.resolve(),
        data_hash(arguments.data),
        arguments.out.resolve(),
        arguments.steps,
        arguments.sampling_steps,
        arguments.windows,
        tuple(arguments.overrides),
    )
