"""`python -m benchmarks.fit_to_song`: write the results of one bundle as .json, and as .md beside it."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.fit_to_song.measurement import Measurement, Plan
from benchmarks.measure import machine
from core_vimo.formats import write_motion
from core_vimo.publish import publish_file
from edge_adapter.build import SHIPPED, load_dance_model
from stylize.dance import DanceSettings


def main() -> None:
    arguments = _parser().parse_args()
    settings = DanceSettings(seed=arguments.seed, steps=arguments.steps, guidance=arguments.guidance)
    model = load_dance_model(arguments.bundle)
    plan = Plan(
        arguments.songs,
        arguments.data,
        arguments.long_song,
        settings,
        takes=arguments.seeds,
        rendered=arguments.rendered,
        seconds=arguments.seconds,
    )
    measurement = Measurement(model, plan)
    if arguments.keep:
        _keep(measurement, arguments.keep)
    ran_on = machine() | {"command": "python -m benchmarks.fit_to_song " + " ".join(sys.argv[1:])}
    facts = {**ran_on, "bundle": model.bundle_hash, "fps": model.codec.fps, **_plain(asdict(plan))}
    results: dict[str, Any] = {"facts": facts}
    text = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    for part, table in measurement.parts():
        print(f"\n{part}\n{table.markdown}", flush=True)
        results[part] = table.numbers
        text += f"\n\n## {part}\n\n{table.markdown}"
        _write(arguments.out, json.dumps(results, indent=1) + "\n")
        _write(arguments.out.with_suffix(".md"), text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit_to_song", description=__doc__)
    parser.add_argument("--bundle", type=Path, default=SHIPPED, help="folder of a trained backbone (the shipped one)")
    parser.add_argument("--songs", type=Path, required=True, help="folder of songs and loops, searched through")
    parser.add_argument(
        "--data", type=Path, help="the data set the bundle was trained on, made by `vimo dataset dances`"
    )
    parser.add_argument("--long-song", type=Path, help="a song to dance to for four minutes in one go")
    parser.add_argument("--seeds", type=int, default=3, help="dances a song (default 3)")
    parser.add_argument("--rendered", type=int, default=6, help="songs of the sequencer (default 6)")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of a dance (default 20)")
    parser.add_argument("--steps", type=int, default=15, help="sampling steps (default 15)")
    parser.add_argument("--guidance", type=float, default=2.0, help="default 2")
    parser.add_argument("--seed", type=int, default=0, help="of dances, excerpts, intervals")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the dances to real songs here, to look at")
    parser.add_argument("--out", type=Path, default=Path("build/fit_to_song.json"))
    return parser


def _keep(measurement: Measurement, folder: Path) -> None:
    for excerpt, takes in zip(measurement.real, measurement.to_real_songs, strict=True):
        for take, motion in enumerate(takes):
            write_motion(motion, folder / f"{excerpt.name}_{take}.npz")


def _plain(plan: dict[str, Any]) -> dict[str, Any]:
    """The plan without the places of this machine's folders."""
    return {name: value for name, value in plan.items() if not isinstance(value, Path)}


def _write(path: Path, text: str) -> None:
    with publish_file(path) as aside:
        aside.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
