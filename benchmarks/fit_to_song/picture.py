"""`python -m benchmarks.fit_to_song.picture TITLE=results.json …`: own song against other songs, drawn as PNG."""

import argparse
import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.fit_to_song.measurement import OURS
from core_vimo.publish import publish_file

METRIC = "beat_f1"
_OWN, _OTHER = "#c2410c", "#64748b"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit_to_song.picture", description=__doc__)
    parser.add_argument("results", nargs="+", metavar="TITLE=FILE", help="results of benchmarks.fit_to_song")
    parser.add_argument("--out", type=Path, required=True, metavar="PNG")
    arguments = parser.parse_args()
    named = dict(result.split("=", 1) for result in arguments.results)
    draw({title: json.loads(Path(file).read_text())["alignment"] for title, file in named.items()}, arguments.out)


def draw(alignments: dict[str, Any], path: Path) -> None:
    """One column a model: above each song's F1, below the difference of every set of dances with its interval."""
    figure = Figure(figsize=(5.2 * len(alignments), 6.4), layout="constrained")
    axes = figure.subplots(2, len(alignments), sharex="row", squeeze=False, height_ratios=(3, 2))
    for (title, numbers), (above, below) in zip(alignments.items(), axes.T, strict=True):
        _songs(above, numbers[f"{OURS}, real songs"])
        above.set_title(title)
        _differences(below, numbers)
    axes[0, 0].legend(loc="lower right", fontsize=8)
    with publish_file(path) as aside:
        figure.savefig(aside, format="png", dpi=90)


def _songs(axis: Axes, result: dict[str, Any]) -> None:
    rows = range(len(result["songs"]))
    own, other = zip(*result[METRIC]["by_song"], strict=True)
    axis.hlines(rows, own, other, color="#cbd5e1", zorder=0)
    axis.plot(own, rows, "o", color=_OWN, label="beats of its own song")
    axis.plot(other, rows, "o", color=_OTHER, mfc="white", label="beats of other songs")
    axis.set_yticks(rows, result["songs"], fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel(f"beat F1, mean over {result['dances'] // len(result['songs'])} dances", fontsize=8)


def _differences(axis: Axes, numbers: dict[str, Any]) -> None:
    names = [f"{name} ({len(result['songs'])})" for name, result in numbers.items()]
    found = [result[METRIC]["difference"] for result in numbers.values()]
    value = [estimate["value"] for estimate in found]
    reach = [[e["value"] - e["low"] for e in found], [e["high"] - e["value"] for e in found]]
    axis.axvline(0, color="#94a3b8", lw=1)
    axis.errorbar(value, range(len(names)), xerr=reach, fmt="o", color=_OWN, capsize=3)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("beat F1: own song minus others, 95 % over songs", fontsize=8)


if __name__ == "__main__":
    main()
