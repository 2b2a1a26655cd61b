"""`python -m benchmarks.styles.picture styles.json --out dial.png`: what the dial does, what each way learned."""

import argparse
import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from core_vimo.publish import publish_file

_OURS, _TRUTH = "#c2410c", "#64748b"
_ON_STYLE = "the style's held-out songs, against the style's held-out dances"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.styles.picture", description=__doc__)
    parser.add_argument("results", type=Path, help="what benchmarks.styles wrote")
    parser.add_argument("--out", type=Path, required=True, metavar="PNG")
    arguments = parser.parse_args()
    draw(json.loads(arguments.results.read_text()), arguments.out)


def draw(results: dict[str, Any], path: Path) -> None:
    figure = Figure(figsize=(8.4, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _dial(left, results["dial"])
    _learned(right, results[_ON_STYLE]["rows"])
    with publish_file(path) as aside:
        figure.savefig(aside, format="png", dpi=110)


def _dial(axis: Axes, rows: list[dict[str, float]]) -> None:
    axis.plot([row["strength"] for row in rows], [row["classified_as_style"] for row in rows], "o-", color=_OURS)
    axis.set_xlabel("strength of the branch, on songs of other genres", fontsize=8)
    axis.set_ylabel("share that a classifier sees of the style", fontsize=8)


def _learned(axis: Axes, rows: list[dict[str, Any]]) -> None:
    found = [row["metrics"]["classified_as_style"] for row in rows]
    value = [estimate["value"] for estimate in found]
    reach = [[e["value"] - e["low"] for e in found], [e["high"] - e["value"] for e in found]]
    colours = [_TRUTH if row["name"] == "ground truth" else _OURS for row in rows]
    axis.bar(range(len(rows)), value, color=colours, yerr=reach, capsize=3)
    axis.set_xticks(range(len(rows)), [row["name"] for row in rows], fontsize=8)
    axis.set_xlabel("on held-out songs of the style", fontsize=8)
    axis.set_ylim(0, 1)


if __name__ == "__main__":
    main()
