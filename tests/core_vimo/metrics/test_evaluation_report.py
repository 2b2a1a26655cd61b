import csv
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core_vimo.errors import InputError
from core_vimo.metrics.kinetic import kinetic_features
from core_vimo.metrics.measures import BeatTimes, measure
from core_vimo.metrics.protocol import published_joints_m
from core_vimo.metrics.report import Report, summarise
from core_vimo.metrics.tables import GOOD, as_json, as_markdown, as_rich, write_report
from core_vimo.motion import Motion

MakeDance = Callable[..., Motion]
Dances = dict[str, Motion]


def evaluate_motions(
    generated: Dances,
    reference: Dances,
    songs: Mapping[str, BeatTimes] | None = None,
    training: Dances | None = None,
    seed: int = 0,
) -> Report:
    """Measured one by one and summarised, as the command does with files; `songs` only for the generated."""
    return summarise(
        [measure(name, motion, (songs or {}).get(name)) for name, motion in generated.items()],
        [measure(name, motion) for name, motion in reference.items()],
        [measure(name, motion) for name, motion in (training or {}).items()],
        seed,
    )


@pytest.fixture(scope="module")
def generated(make_dance: MakeDance) -> Dances:
    return {f"g{seed}": make_dance(seed, seconds=5) for seed in range(100, 104)}


@pytest.fixture(scope="module")
def reference(make_dance: MakeDance) -> Dances:
    return {f"r{seed}": make_dance(seed, seconds=5) for seed in range(10)}


@pytest.fixture(scope="module")
def training(make_dance: MakeDance, generated: Dances) -> Dances:
    return {"own": make_dance(50, seconds=5), "copied": generated["g102"]}


@pytest.fixture(scope="module")
def report(generated: Dances, reference: Dances, training: Dances) -> Report:
    songs = {"g100": np.arange(0.5, 5, 0.5), "g101": np.arange(0.5, 5, 0.5)}
    return evaluate_motions(generated, reference, songs, training, seed=3)


def test_every_table_has_the_ground_truth_and_the_copying_baseline(report: Report) -> None:
    assert [row.name for row in report.rows] == ["generated", "ground truth", "training"]
    assert len({tuple(row.metrics) for row in report.rows}) == 1


def test_every_estimate_lies_in_its_interval(report: Report) -> None:
    for row in report.rows:
        for name, e in row.metrics.items():
            assert math.isnan(e.value) or e.low <= e.value <= e.high, (row.name, name)


def test_the_same_seed_gives_the_same_report_and_another_does_not(
    report: Report, generated: Dances, reference: Dances, training: Dances
) -> None:
    songs = {"g100": np.arange(0.5, 5, 0.5), "g101": np.arange(0.5, 5, 0.5)}
    again = evaluate_motions(generated, reference, songs, training, seed=3)
    other = evaluate_motions(generated, reference, songs, training, seed=4)
    assert as_json(again) == as_json(report)
    fid, other_fid = (r.rows[0].metrics["fid_k"] for r in (report, other))
    assert fid.value == other_fid.value
    assert fid.low != other_fid.low


def test_real_dances_are_nearer_to_real_dances_than_strange_ones(make_dance: MakeDance, reference: Dances) -> None:
    dances = {f"s{i}": make_dance(100 + i, seconds=5) for i in range(4)}
    hurried = {name: replace(dance, fps=120.0) for name, dance in dances.items()}
    rows = evaluate_motions(hurried, reference).rows
    assert rows[0].metrics["fid_k_fixed"].value > 3 * rows[1].metrics["fid_k_fixed"].value


def test_a_long_dance_is_scored_by_its_first_20_s_and_pooled_whole(make_dance: MakeDance) -> None:
    long = make_dance(1, seconds=25)
    whole, start = measure("whole", long), measure("start", long[:600])
    torch.testing.assert_close(whole.features["k"], start.features["k"], rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(whole.pool_features["k_fixed"], kinetic_features(published_joints_m(long), "fixed"))
    assert whole.pool_features["k"].ne(whole.features["k"]).all()


def test_beats_are_scored_where_there_is_a_song(report: Report) -> None:
    assert report.rows[0].metrics["bas_music_to_dance"].clips == 2
    assert any("2 of 4 generated dances have a song" in note for note in report.notes)


def test_a_copied_dance_is_named(report: Report) -> None:
    nearest, distance_m = report.rows[0].nearest["g102"]
    assert nearest == "copied"
    assert distance_m < 1e-3
    assert report.rows[0].nearest["g100"][1] > 0.03
    assert report.rows[2].metrics["copy_distance_m"].value < 1e-3


def test_a_dance_does_not_depend_on_its_neighbours(report: Report, generated: Dances, reference: Dances) -> None:
    alone = evaluate_motions({"g103": generated["g103"]}, reference).rows[0].clips[0]
    assert alone.numbers["pfc_edge"] == report.rows[0].clips[3].numbers["pfc_edge"]


def test_one_dance_has_no_fid_but_all_else(generated: Dances, reference: Dances) -> None:
    report = evaluate_motions({"only": generated["g100"]}, reference)
    assert math.isnan(report.rows[0].metrics["fid_k"].value)
    assert report.rows[0].metrics["jitter"].value > 0
    assert any("at least 2 dances" in note for note in report.notes)
    assert "–" in as_markdown(report)


def test_json_is_strict_and_complete(report: Report) -> None:
    content = json.loads(as_json(report), parse_constant=lambda name: pytest.fail(name))
    assert content["seed"] == 3
    assert content["protocol"]["pfc"].startswith("z-up, 30 fps, windows of 150")
    assert [row["clips"] for row in content["rows"]] == [4, 10, 2]
    dance = content["rows"][0]["dances"][2]
    assert (dance["name"], dance["nearest_training_dance"], dance["fps"]) == ("g102", "copied", 30.0)
    assert content["rows"][2]["metrics"]["beat_f1"]["value"] is None


def test_csv_holds_every_number(report: Report, tmp_path: Path) -> None:
    write_report(report, tmp_path / "report.csv")
    with open(tmp_path / "report.csv", newline="") as file:
        rows = {(r["row"], r["metric"]): r for r in csv.DictReader(file)}
    assert len(rows) == 3 * len(report.rows[0].metrics) + len(report.protocol)
    assert "150 frames" in rows["protocol", "pfc"]["value"]
    assert float(rows["generated", "fid_k"]["value"]) == report.rows[0].metrics["fid_k"].value


def test_every_table_names_sizes_rates_windows_and_seed(report: Report) -> None:
    text = as_markdown(report)
    for fact in ("generated (N = 4)", "ground truth (N = 10)", "60 fps", "150 frames", "seed 3"):
        assert fact in text
    (table,) = as_rich(report)
    assert table.row_count == len(report.rows[0].metrics)


def test_every_metric_says_what_is_good(report: Report) -> None:
    for metric in report.rows[0].metrics:
        assert metric in GOOD or metric.partition("_")[0] in GOOD


def test_another_suffix_is_refused(report: Report, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.json, \.csv or \.md"):
        write_report(report, tmp_path / "report.xlsx")


def test_an_empty_side_is_refused(generated: Dances) -> None:
    with pytest.raises(InputError, match="at least one generated and one reference"):
        evaluate_motions(generated, {})
