"""Models that learned from 2D, from the truth and from a lifter's output, and that lifter: the paper's comparison.

One domain is the teacher's, another the target: seen by one casual camera a clip, and never by the teacher. A run that
is done is not made again: stopped, the same command goes on.
"""

import argparse
import hashlib
import json
import multiprocessing
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from benchmarks.measure import Table, digits
from benchmarks.supervision.lessons import filmed_depths_m, write_lessons
from benchmarks.supervision.systems import ABLATIONS, AS_TRUTH, IN_2D, IN_3D, LESSONS, SYSTEMS, System
from benchmarks.trained_run import TrainedRun, make_all, publish_tables, results_of
from benchmarks.video_to_motion.summary import Results, row_of, tables
from core_vimo.bundle import bundle_hash
from core_vimo.motion_store import data_hash
from stylize.configuration import compose
from stylize.motion_evaluation import LIFTER, TRUTH, VIMO, EvaluationSettings

CONDITIONS = ("static", "moving")
REFERENCE_POWER = 2
"""The weights of `configs/loss/videomdm.yaml` are for errors in metres; other powers of depth are brought to it."""

_IN_2D_TERMS = ("reprojection", "velocity_2d")


@dataclass(frozen=True)
class Plan:
    """What all runs share; clips learnt from and held-out windows measured are so many at most (None: all)."""

    data: Path
    teacher: Path
    out: Path
    steps: int
    clips: int | None
    windows: int | None
    overrides: tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="target domain: made by `vimo dataset motions`")
    parser.add_argument("--teacher", type=Path, required=True, help="bundle of a lifter that learned from other motion")
    parser.add_argument("--out", type=Path, default=Path("build/supervision"), help="folder of data, runs and tables")
    parser.add_argument("--steps", type=int, default=600, help="training steps a run (default 600)")
    parser.add_argument("--clips", type=int, help="clips of 5 s that are learnt from, at most (default: all)")
    parser.add_argument("--windows", type=int, help="held-out windows measured, at most (default: all)")
    parser.add_argument("--seeds", type=int, default=3, help="runs a system (default 3)")
    parser.add_argument("--ablation-seeds", type=int, default=1, help="runs a variation of (b) (default 1; 0: none)")
    parser.add_argument("--ablations", nargs="+", choices=tuple(ABLATIONS), default=list(ABLATIONS), metavar="NAME")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, a core each (default 2)")
    parser.add_argument("--overrides", nargs="*", default=[], metavar="key=value", help="further settings of every run")


def run(arguments: argparse.Namespace) -> int:
    a = arguments
    data, teacher, out = a.data.resolve(), a.teacher.resolve(), a.out.resolve()
    plan = Plan(data, teacher, out, a.steps, a.clips, a.windows, tuple(a.overrides))
    wanted = [(name, seed) for seed in range(arguments.seeds) for name in SYSTEMS]
    wanted += [(name, seed) for seed in range(arguments.ablation_seeds) for name in arguments.ablations]
    _write_lessons(plan, {_system(name).lessons for name, _ in wanted}, arguments.jobs)
    runs = {key: _run(plan, *key) for key in wanted}
    failed = make_all(list(runs.values()), arguments.jobs)
    _summarise(runs, plan)
    return 1 if failed else 0


def _system(name: str) -> System:
    return {**SYSTEMS, **ABLATIONS}[name]


def _write_lessons(plan: Plan, names: set[str], jobs: int) -> None:
    missing = [name for name in sorted(names) if not _lessons_folder(plan, name).is_dir()]
    # Spawned: what is forked from a process with torch's threads may hang.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        writing = {
            name: pool.submit(
                write_lessons, plan.data, LESSONS[name], plan.teacher, _lessons_folder(plan, name), 0, plan.clips
            )
            for name in missing
        }
        for name, future in writing.items():
            future.result()
            print(f"filmed and lifted: {name}", flush=True)


def _lessons_folder(plan: Plan, name: str) -> Path:
    """Where the lessons of a name lie; other settings, another teacher or other data would lie elsewhere."""
    made = json.dumps([repr(LESSONS[name]), bundle_hash(plan.teacher), plan.clips, data_hash(plan.data)])
    return plan.out / "lessons" / f"{name}-{hashlib.sha256(made.encode()).hexdigest()[:8]}"


def _run(plan: Plan, name: str, seed: int) -> TrainedRun:
    system = _system(name)
    lessons = _lessons_folder(plan, system.lessons)
    short = [f"trainer.steps={plan.steps}", f"trainer.warmup_steps={max(plan.steps // 10, 1)}", "trainer.compile=false"]
    alone = ["trainer.workers=0", "trainer.device=cpu", "trainer.save_every=0", "trainer.save_minutes=1"]
    weights = _in_metres(system, lessons)
    overrides = ["+experiment=vimo_small", f"seed={seed}", *short, *alone, *weights, *system.overrides, *plan.overrides]
    key = json.dumps([overrides, data_hash(lessons)])
    folder = plan.out / f"{name}-{seed}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
    evaluation = EvaluationSettings(CONDITIONS, windows=plan.windows)
    return TrainedRun(folder, (*overrides, f"data.folder='{lessons}'"), plan.data, evaluation, plan.teacher)


def _in_metres(system: System, lessons: Path) -> list[str]:
    """Weights of 2D errors that on average count as much as those in metres do; none where they are."""
    if system.power == REFERENCE_POWER:
        return []
    loss = compose("vimo", ["supervision=2d", "data.folder=x", "out=y"]).loss
    missing = float(filmed_depths_m(lessons).clamp(min=0).pow(REFERENCE_POWER - system.power).mean())
    return [f"loss.{term}={loss[term] * missing:.4g}" for term in _IN_2D_TERMS]


def _summarise(runs: Mapping[tuple[str, int], TrainedRun], plan: Plan) -> None:
    results = results_of((name, run) for (name, _), run in runs.items())
    choices = {
        "Supervision": {name: system.told for name, system in SYSTEMS.items()},
        "Variations of (b)": {IN_2D: "as above"} | {name: system.told for name, system in ABLATIONS.items()},
    }
    made = tables(results, CONDITIONS, choices, beside=(LIFTER, TRUTH))
    made += [_ratios(results, condition) for condition in CONDITIONS if _complete(results)]
    told = {
        "steps": plan.steps,
        "clips learnt from": plan.clips or "all",
        "windows": plan.windows or "all",
        "(d)": "the row called lifter",
    }
    publish_tables(plan.out / "compare", "benchmarks.supervision", told, made, results)


def _complete(results: Results) -> bool:
    return all(results.get(name) for name in SYSTEMS)


def _ratios(results: Results, condition: str) -> Table:
    """The paper's bars, of means over seeds."""

    def value(system: str, row: str, metric: str) -> float:
        return mean(row_of(run, condition, row)["metrics"][metric]["value"] for run in results[system])

    of_2d, of_3d, as_truth = ({m: value(s, VIMO, m) for m in _COMPARED} for s in (IN_2D, IN_3D, AS_TRUTH))
    of_lifter = {m: value(IN_2D, LIFTER, m) for m in _COMPARED}
    rows = [
        ("FID_k fixed of (b) over (a)", digits(of_2d["fid_k_fixed"] / of_3d["fid_k_fixed"]), "at most 1.63"),
        ("FID_m fixed of (b) over (a)", digits(of_2d["fid_m_fixed"] / of_3d["fid_m_fixed"]), "at most 1.63"),
        ("MPJPE of (b) over (d)", digits(of_2d["mpjpe"] / of_lifter["mpjpe"]), "at most 0.5"),
        ("acceleration error of (d) over (b)", digits(of_lifter["accel_error"] / of_2d["accel_error"]), "5.5"),
        ("MPJPE of (c) over (b)", digits(as_truth["mpjpe"] / of_2d["mpjpe"]), "above 1"),
        ("FID_k fixed of (c) over (b)", digits(as_truth["fid_k_fixed"] / of_2d["fid_k_fixed"]), "above 1"),
    ]
    return Table(f"In ratios: {condition}", ("of means over seeds", "here", "the paper's bar"), rows)


_COMPARED = ("fid_k_fixed", "fid_m_fixed", "mpjpe", "accel_error")
