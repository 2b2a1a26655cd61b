"""One variant with one seed: trained by `vimo train`'s code, measured by `vimo evaluate motion`'s, kept as JSON.

A process of its own each (`python -m benchmarks.video_to_motion.item`): training owns the process it runs in.
"""

import argparse
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.video_to_motion.variants import VARIANTS
from core_vimo.metrics.tables import as_json
from core_vimo.motion_store import data_hash
from core_vimo.publish import publish_file
from core_vimo.reading import read_json
from core_vimo.training.run import BUNDLE
from core_vimo.video_to_motion.build import load_vimo
from core_vimo.video_to_motion.train import train_vimo
from stylize.configuration import compose
from stylize.motion_evaluation import EvaluationSettings, evaluate_motion

CONDITIONS = ("static", "cut")
RESULT = "result.json"


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
    """A run to make: `overrides` are its settings for training, `folder` is named after them and the data."""

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
    def folder(self) -> Path:
        key = json.dumps([self.overrides, self.plan.data_sha256])
        return self.plan.out / f"{self.variant}-{self.seed}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"

    @property
    def evaluation(self) -> EvaluationSettings:
        """Seeds differ in training alone: all models see the same films and begin at the same noise."""
        return EvaluationSettings(CONDITIONS, steps=self.plan.sampling_steps, windows=self.plan.windows)

    def result(self) -> dict[str, Any] | None:
        """What is kept of it, None where it isn't done, or was measured otherwise."""
        file = self.folder / RESULT
        if not file.is_file():
            return None
        kept: dict[str, Any] = read_json(file)
        return kept if kept["evaluation"] == _plain(self.evaluation) else None


def make(item: Item) -> None:
    """Train where there is no bundle yet, going on where a stopped run was; measure; keep."""
    run = item.folder / "run"
    if not (run / BUNDLE).is_dir():
        train_vimo(compose("vimo", [*item.overrides, f"data.folder='{item.plan.data}'", f"out='{run}'"]))
    report = evaluate_motion(item.plan.data, load_vimo(run / BUNDLE), settings=item.evaluation)
    content = {
        "variant": item.variant,
        "seed": item.seed,
        "overrides": item.overrides,
        "evaluation": _plain(item.evaluation),
        "report": json.loads(as_json(report)),
    }
    with publish_file(item.folder / RESULT) as aside:
        aside.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


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


def _plain(settings: EvaluationSettings) -> dict[str, Any]:
    """As it comes back from JSON."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(settings)))
    return plain


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.video_to_motion.item", description=__doc__)
    parser.add_argument("variant", choices=tuple(VARIANTS))
    parser.add_argument("seed", type=int)
    add_plan(parser)
    arguments = parser.parse_args()
    make(Item(plan_of(arguments), arguments.variant, arguments.seed))


if __name__ == "__main__":
    main()
