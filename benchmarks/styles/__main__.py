"""`python -m benchmarks.styles`: a style's few clips taught to a backbone in two ways; .json, and .md beside it."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.measure import machine
from benchmarks.styles.domains import write_clips
from benchmarks.styles.measurement import Measurement, Plan
from core_vimo.metrics.report import Report
from core_vimo.metrics.tables import as_json, as_markdown
from core_vimo.publish import publish_file
from edge_adapter.build import load_dance_model

RESULT = "styles.json"


def main() -> None:
    plan = _plan(_parser().parse_args())
    base = load_dance_model(plan.bundle)
    measurement = Measurement(plan, base)
    clips = plan.out / "clips"
    if not (clips / "clips.json").is_file():
        write_clips(measurement.style.learned, clips, plan.style)
    measurement.train(clips)
    ran_on = machine() | {"command": "python -m benchmarks.styles " + " ".join(sys.argv[1:])}
    told = {name: value for name, value in asdict(plan).items() if not isinstance(value, Path)}
    facts = {**ran_on, "bundle": base.bundle_hash, **told}
    results: dict[str, Any] = {"facts": facts}
    text = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    for part, result in measurement.parts():
        numbers = json.loads(as_json(result)) if isinstance(result, Report) else result
        shown = as_markdown(result) if isinstance(result, Report) else _rows(result)
        print(f"\n{part}\n{shown}", flush=True)
        results[part] = numbers
        text += f"\n\n## {part}\n\n{shown}"
        _write(plan.out / RESULT, json.dumps(results, indent=1) + "\n")
        _write((plan.out / RESULT).with_suffix(".md"), text)


def _plan(arguments: argparse.Namespace) -> Plan:
    return Plan(
        arguments.bundle,
        arguments.data,
        arguments.style,
        arguments.pattern,
        tuple(arguments.learn),
        arguments.out,
        seeds=arguments.seeds,
        takes=arguments.takes,
        seconds=arguments.seconds,
        overrides=tuple(arguments.overrides),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.styles", description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True, help="the backbone, trained without the style")
    parser.add_argument("--data", type=Path, required=True, help="the dance set that the backbone learned from")
    parser.add_argument("--style", type=Path, required=True, help="a dance set that holds the style's dances")
    parser.add_argument("--pattern", required=True, help="what the names of the style's dances look like")
    parser.add_argument("--learn", nargs="+", required=True, metavar="NAME", help="the few dances to learn from")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each way (default 3)")
    parser.add_argument("--takes", type=int, default=2, help="dances a song (default 2)")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of a dance (default 20)")
    parser.add_argument("--overrides", nargs="*", default=[], help="settings of `vimo style train`")
    parser.add_argument("--out", type=Path, default=Path("build/styles"))
    return parser


def _rows(rows: list[dict[str, Any]]) -> str:
    lines = ["| " + " | ".join(rows[0]) + " |", "|---" * len(rows[0]) + "|"]
    lines += ["| " + " | ".join(map(_shown, row.values())) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _write(path: Path, text: str) -> None:
    with publish_file(path) as aside:
        aside.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
