"""A model trained by `vimo train vimo`'s code and measured by `vimo evaluate motion`'s, kept as JSON.

A folder a run: plan.json, run/ with checkpoints and bundle, log.txt, result.json. What is done isn't made again:
stopped, the same goes on. A process of its own each (`python -m benchmarks.trained_run FOLDER`): training owns the
process it runs in.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Table, machine
from core_vimo.metrics.tables import as_json
from core_vimo.publish import publish_file
from core_vimo.reading import read_json
from core_vimo.training.run import BUNDLE
from core_vimo.video_to_motion.build import load_lifter, load_vimo
from core_vimo.video_to_motion.train import train_vimo
from stylize.configuration import compose
from stylize.motion_evaluation import EvaluationSettings, evaluate_motion

PLAN, RESULT, LOG = "plan.json", "result.json", "log.txt"


@dataclass(frozen=True)
class TrainedRun:
    """overrides: of configs/vimo.yaml, all but `out`; measured on the held-out motions of `held_out`, beside a lifter.

    `folder` must be another one where the overrides, or the data they name, are others.
    """

    folder: Path
    overrides: tuple[str, ...]
    held_out: Path
    evaluation: EvaluationSettings
    lifter: Path | None = None

    def result(self) -> dict[str, Any] | None:
        """What is kept of it, None where it isn't done, or was measured otherwise."""
        file = self.folder / RESULT
        if not file.is_file():
            return None
        kept: dict[str, Any] = read_json(file)
        return kept if kept["evaluation"] == _plain(self.evaluation) else None


def make(run: TrainedRun) -> None:
    """Train where there is no bundle yet, going on where a stopped run was; measure; keep."""
    out = run.folder / "run"
    if not (out / BUNDLE).is_dir():
        train_vimo(compose("vimo", [*run.overrides, f"out='{out}'"]))
    lifter = None if run.lifter is None else load_lifter(run.lifter)
    report = evaluate_motion(run.held_out, load_vimo(out / BUNDLE), lifter, run.evaluation)
    content = {
        "overrides": run.overrides,
        "evaluation": _plain(run.evaluation),
        "report": json.loads(as_json(report)),
    }
    _write(run.folder / RESULT, content)


def make_all(runs: Sequence[TrainedRun], jobs: int) -> list[TrainedRun]:
    """Make those that are missing, `jobs` at a time. Those that failed."""
    missing = [run for run in runs if run.result() is None]
    failed = []
    with ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(make_apart, run): run for run in missing}
        for done, future in enumerate(as_completed(running), start=1):
            run, code = running[future], future.result()
            print(f"{done}/{len(missing)} {run.folder.name}" + (": failed" if code else ""), flush=True)
            failed += [run] if code else []
    for run in failed:
        print(f"failed: {run.folder / LOG}", file=sys.stderr)
    return failed


def results_of(named: Iterable[tuple[str, TrainedRun]]) -> dict[str, list[dict[str, Any]]]:
    """What is kept of the finished ones, by name."""
    results: dict[str, list[dict[str, Any]]] = {}
    for name, run in named:
        result = run.result()
        if result is not None:
            results.setdefault(name, []).append(result)
    return results


def publish_tables(
    stem: Path, module: str, told: Mapping[str, Any], tables: Sequence[Table], results: Mapping[str, Any]
) -> None:
    """Print the tables and keep them: `stem`.md, and `stem`.json with the results that they were made of."""
    facts = machine() | {"command": " ".join([f"python -m {module}", *sys.argv[1:]])} | told
    text = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    text += "\n\n" + "\n\n".join(map(str, tables)) + "\n"
    print(text)
    _write(
        stem.with_suffix(".json"), {"facts": facts, "tables": [asdict(table) for table in tables], "results": results}
    )
    with publish_file(stem.with_suffix(".md")) as aside:
        aside.write_text(text, encoding="utf-8")
    print(stem.with_suffix(".md"))


def make_apart(run: TrainedRun) -> int:
    """In a process of one thread, whose exit code this is; what it says is kept beside its result."""
    plan = asdict(run) | {"held_out": str(run.held_out), "lifter": None if run.lifter is None else str(run.lifter)}
    _write(run.folder / PLAN, {name: value for name, value in plan.items() if name != "folder"})
    command = [sys.executable, "-m", "benchmarks.trained_run", str(run.folder)]
    with open(run.folder / LOG, "w") as log:
        return subprocess.run(command, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"}).returncode


def _planned(folder: Path) -> TrainedRun:
    plan = read_json(folder / PLAN)
    evaluation = plan["evaluation"] | {"conditions": tuple(plan["evaluation"]["conditions"])}
    lifter = None if plan["lifter"] is None else Path(plan["lifter"])
    settings = EvaluationSettings(**evaluation)
    return TrainedRun(folder, tuple(plan["overrides"]), Path(plan["held_out"]), settings, lifter)


def _plain(settings: EvaluationSettings) -> dict[str, Any]:
    """As it comes back from JSON."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(settings)))
    return plain


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with publish_file(path) as aside:
        aside.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trained_run", description=__doc__)
    parser.add_argument("folder", type=Path, help="where plan.json lies")
    make(_planned(parser.parse_args().folder))


if __name__ == "__main__":
    main()
