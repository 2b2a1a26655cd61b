"""A report as JSON (everything), CSV, Markdown, or tables on the terminal: metrics down, sets of clips across."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core_vimo.errors import InputError
from core_vimo.metrics.bootstrap import Estimate
from core_vimo.metrics.report import Report, Row
from core_vimo.publish import publish_file

if TYPE_CHECKING:
    from rich.table import Table

GOOD = {
    "fid": "lower",
    "div": "as the ground truth",
    "bas_music_to_dance": "as the ground truth; jitter raises it",
    "bas_dance_to_music": "higher",
    "beat_f1": "higher",
    "beat_count_ratio": "as the ground truth",
    "pfc_edge": "lower; a glitch lowers it too",
    "pfc_abs": "lower, m³/s⁴",
    "foot_skate_ratio": "lower, share of contact",
    "foot_skate_speed": "lower, m/s",
    "float_m": "as the ground truth, m",
    "jitter": "as the ground truth, 10 m/s³",
    "classified_as_style": "as the ground truth, mean share that a classifier sees",
    "copy_distance_m": "not far below the ground truth, m",
    "mpjpe": "lower, mm",
    "pa_mpjpe": "lower, mm",
    "accel_error": "lower, m/s²",
}
"""What to wish for, and the unit; by metric, or by the word before its underscore."""


def write_report(report: Report, path: Path | str) -> None:
    """Write by suffix: .json (everything, each dance too), .csv or .md (the table). InputError for another suffix."""
    path = Path(path)
    require_report_suffix(path)
    with publish_file(path) as aside:
        aside.write_text(_WRITERS[path.suffix.lower()](report), encoding="utf-8")


def require_report_suffix(path: Path) -> None:
    """Raise InputError for a file that `write_report` can't write, before the work is done."""
    if path.suffix.lower() not in _WRITERS:
        raise InputError(f"{path}: reports are written as .json, .csv or .md; choose one of these endings")


def as_json(report: Report) -> str:
    """Strict JSON: numbers that can't be told are null."""
    content = {
        "seed": report.seed,
        "protocol": dict(report.protocol),
        "notes": list(report.notes),
        "rows": [_row_content(row, report.clips_are) for row in report.rows],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(report: Report) -> str:
    """One line a metric and row: row, metric, value, low, high, clips, seed; lines of the row "protocol" say how."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "metric", "value", "low", "high", "clips", "seed"])
    for row in report.rows:
        for metric, e in row.metrics.items():
            writer.writerow([_full_name(row), metric, e.value, e.low, e.high, e.clips, report.seed])
    for subject, how in report.protocol.items():
        writer.writerow(["protocol", subject, how, "", "", "", report.seed])
    return text.getvalue()


def as_markdown(report: Report) -> str:
    """The tables, the protocol and the notes."""
    lines: list[str] = []
    for section, rows in _sections(report).items():
        header = ["metric", *map(_title, rows), "good is"]
        lines += [f"### {section}", ""] if section else []
        lines += ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
        lines += ["| " + " | ".join(cells) + " |" for cells in _cells(rows)]
        lines += [""]
    lines += [*(f"- {line}" for line in _footnotes(report)), ""]
    return "\n".join(lines)


def as_rich(report: Report) -> "list[Table]":
    """For the terminal; the last table has the protocol and the notes below it."""
    from rich.markup import escape
    from rich.table import Table

    tables = []
    for section, rows in _sections(report).items():
        table = Table(title=escape(section) or None, title_justify="left", caption_justify="left")
        for title in ("metric", *map(_title, rows), "good is"):
            table.add_column(escape(title))
        for cells in _cells(rows):
            table.add_row(*map(escape, cells))
        tables.append(table)
    tables[-1].caption = escape("\n".join(_footnotes(report)))
    return tables


_WRITERS = {".json": as_json, ".csv": as_csv, ".md": as_markdown}


def _sections(report: Report) -> Mapping[str, list[Row]]:
    return {section: list(rows) for section, rows in groupby(report.rows, lambda row: row.section)}


def _full_name(row: Row) -> str:
    return f"{row.section}: {row.name}" if row.section else row.name


def _cells(rows: Sequence[Row]) -> list[list[str]]:
    return [[metric, *(_shown(row.metrics[metric]) for row in rows), _good(metric)] for metric in rows[0].metrics]


def _footnotes(report: Report) -> Sequence[str]:
    protocol = [f"{subject}: {text}" for subject, text in report.protocol.items()]
    return [*report.notes, *protocol, f"seed {report.seed}"]


def _title(row: Row) -> str:
    return f"{row.name} (N = {len(row.clips)})"


def _good(metric: str) -> str:
    return GOOD.get(metric) or GOOD[metric.partition("_")[0]]


def _shown(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return "–"
    # Millionths are what sums are off by, and only make a zero hard to read.
    value, low, high = (round(number, 6) + 0 for number in (estimate.value, estimate.low, estimate.high))
    return f"{value:.4g} [{low:.4g}, {high:.4g}]"


def _row_content(row: Row, clips_are: str) -> dict[str, Any]:
    return {
        **({"section": row.section} if row.section else {}),
        "name": row.name,
        "clips": len(row.clips),
        "metrics": {name: _estimate_content(e) for name, e in row.metrics.items()},
        clips_are: [
            {
                "name": clip.name,
                "seconds": clip.seconds,
                "fps": clip.fps,
                **{name: _finite(number) for name, number in clip.numbers.items()},
                **_nearest_content(row, clip.name),
            }
            for clip in row.clips
        ],
    }


def _estimate_content(e: Estimate) -> dict[str, float | int | None]:
    return {"value": _finite(e.value), "low": _finite(e.low), "high": _finite(e.high), "clips": e.clips}


def _nearest_content(row: Row, name: str) -> dict[str, str | float]:
    if name not in row.nearest:
        return {}
    clip, distance_m = row.nearest[name]
    return {"nearest_training_dance": clip, "copy_distance_m": distance_m}


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
