"""Mean and spread over seeds of what the finished runs measured."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from benchmarks.measure import Table, digits
from benchmarks.video_to_motion.variants import CHOICES
from stylize.motion_evaluation import TRUTH, VIMO

METRICS = {
    "mpjpe": "MPJPE, mm",
    "pa_mpjpe": "PA-MPJPE, mm",
    "accel_error": "acceleration error, m/s²",
    "jitter": "jitter, 10 m/s³",
    "foot_skate_ratio": "skating",
    "fid_k": "FID_k",
    "fid_m": "FID_m",
    "fid_k_fixed": "FID_k fixed",
    "fid_m_fixed": "FID_m fixed",
    "div_k": "Div_k",
    "div_m": "Div_m",
}

Results = Mapping[str, Sequence[Mapping[str, Any]]]
"""Variant -> the results of its seeds (`item.RESULT`)."""


def tables(
    results: Results,
    conditions: Sequence[str],
    choices: Mapping[str, Mapping[str, str]] = CHOICES,
    beside: Sequence[str] = (TRUTH,),
) -> list[Table]:
    """One a choice and condition; below are rows of the evaluation that don't hang on the variant, such as the truth's.

    Variants without a result are left out.
    """
    return [
        table
        for choice, named in choices.items()
        for condition in conditions
        if (table := _table(f"{choice}: {condition}", named, results, condition, beside)) is not None
    ]


def _table(
    title: str, named: Mapping[str, str], results: Results, condition: str, beside: Sequence[str]
) -> Table | None:
    there = {variant: results[variant] for variant in named if results.get(variant)}
    if not there:
        return None
    rows = [
        (named[variant], str(len(runs)), *(_cell(runs, condition, VIMO, metric) for metric in METRICS))
        for variant, runs in there.items()
    ]
    some = next(iter(there.values()))[:1]
    rows += [(name, "", *(_cell(some, condition, name, metric) for metric in METRICS)) for name in beside]
    windows = row_of(some[0], condition, VIMO)["clips"]
    return Table(f"{title} (N = {windows} windows)", (title.partition(":")[0], "seeds", *METRICS.values()), rows)


def _cell(runs: Sequence[Mapping[str, Any]], condition: str, name: str, metric: str) -> str:
    """The mean over seeds, and between what they lie."""
    values = [row_of(run, condition, name)["metrics"][metric]["value"] for run in runs]
    if any(value is None for value in values):
        return "–"
    shown = digits(mean(values))
    return shown if len(values) == 1 else f"{shown} ({digits(min(values))}–{digits(max(values))})"


def row_of(run: Mapping[str, Any], condition: str, name: str) -> Mapping[str, Any]:
    row: Mapping[str, Any] = next(
        row for row in run["report"]["rows"] if (row.get("section"), row["name"]) == (condition, name)
    )
    return row
