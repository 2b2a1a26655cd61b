"""`vimo evaluate motion` from end to end by random weights, and what its numbers must say of known guesses."""

import json
from pathlib import Path

import pytest
import torch

from core_vimo.bundle import Bundle
from core_vimo.codec import MotionCodec
from core_vimo.evidence import EVIDENCE
from core_vimo.motion import Motion, turn
from core_vimo.video_to_motion.build import KIND, LIFTER
from core_vimo.video_to_motion.held_out import CONDITIONS, Clip, filmed
from core_vimo.video_to_motion.lifter import Lifter, LifterConfig
from core_vimo.video_to_motion.motion_set import StoredMotion, write_motion_set
from core_vimo.video_to_motion.network import ViMo, ViMoConfig
from stylize.cli import main
from stylize.motion_evaluation import OWN, best_take, measure_guess

VIMO_SIZE = {"latent": 16, "feed_forward": 32, "blocks": 1, "heads": 2}
LIFTER_SIZE = {"width": 16, "blocks": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, invented_dance) -> Path:
    """A motion set, and a ViMo and a lifter of random weights."""
    folder = tmp_path_factory.mktemp("evaluated")
    lengths = {"train": (160, 70, 150), "test": (225, 60)}
    motions = [
        StoredMotion(f"{split}{frames}", invented_dance(frames, frames), split=split)
        for split, all_frames in lengths.items()
        for frames in all_frames
    ]
    write_motion_set(motions, folder / "set")
    codec = MotionCodec.fit([stored.motion for stored in motions], any_heading=True)
    torch.manual_seed(0)
    weights = ViMo(ViMoConfig(**VIMO_SIZE)).state_dict()
    config = {
        "kind": KIND, "model": VIMO_SIZE, "evidence": EVIDENCE, "diffusion": {"name": "cosine", "steps": 100}
    }  # fmt: skip
    Bundle(weights, config, codec, "# Tiny\n").save(folder / "vimo")
    weights = Lifter(LifterConfig(**LIFTER_SIZE)).state_dict()
    config = {"kind": LIFTER, "model": LIFTER_SIZE, "evidence": EVIDENCE}
    Bundle(weights, config, codec, "# Tiny\n").save(folder / "lifter")
    return folder


def evaluate(folder: Path, *options: str) -> int:
    given = ["--bundle", str(folder / "vimo"), "--steps", "2"]
    return main(["evaluate", "motion", str(folder / "set"), *given, *options])


@pytest.fixture(scope="module")
def report(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "report.json"
    options = [
        "--lifter",
        str(folder / "lifter"),
        "--takes",
        "2",
        "--out",
        str(out),
        "--out",
        str(out.with_suffix(".md")),
    ]
    assert evaluate(folder, *options) == 0
    return out


def test_each_condition_has_every_method_beside_the_truth(report) -> None:
    rows = [(row["section"], row["name"], row["clips"]) for row in json.loads(report.read_text())["rows"]]
    guesses = ["vimo", "vimo, best of 2", "lifter", "vimo, finished", "lifter, finished"]
    methods = [*guesses, "standing still", "ground truth", "vimo - lifter"]
    assert rows[:32] == [(condition, method, 3) for condition in CONDITIONS for method in methods]
    costs = [f"{method}, {other}" for method in guesses for other in ("moving", "cut", "missing")]
    assert rows[32:] == [("Difference from static", name, 3) for name in costs]


def test_the_truth_has_no_error_and_differences_are_those_of_the_rows(report) -> None:
    rows = {(row["section"], row["name"]): row for row in json.loads(report.read_text())["rows"]}
    truth = rows["moving", "ground truth"]["metrics"]
    assert all(truth[error]["value"] == pytest.approx(0, abs=1e-9) for error in ("mpjpe", "pa_mpjpe", "accel_error"))
    moving, static, cost = (
        rows[key]["metrics"]["mpjpe"]["value"]
        for key in (("moving", "vimo"), ("static", "vimo"), ("Difference from static", "vimo, moving"))
    )
    assert cost == pytest.approx(moving - static, abs=1e-4)  # means in float32: a last digit of hundreds of millimetres
    names = [window["name"] for window in rows["cut", "lifter"]["windows"]]
    assert names == ["test225 from 0", "test225 from 150", "test60 from 0"]


def test_standing_still_is_the_same_whatever_films_it(report) -> None:
    rows = {(row["section"], row["name"]): row["metrics"] for row in json.loads(report.read_text())["rows"]}
    for condition in CONDITIONS:
        still = rows[condition, "standing still"]
        assert still["jitter"]["value"] == 0 and still["fid_k"] == rows["static", "standing still"]["fid_k"]
        assert still["pa_mpjpe"]["value"] == pytest.approx(rows["static", "standing still"]["pa_mpjpe"]["value"])


def test_markdown_has_a_table_a_section_and_its_protocol(report) -> None:
    text = report.with_suffix(".md").read_text()
    assert [line for line in text.splitlines() if line.startswith("### ")] == [
        "### static", "### moving", "### cut", "### missing", "### Difference from static"
    ]  # fmt: skip
    assert "| metric | vimo (N = 3) | vimo, best of 2 (N = 3) | lifter (N = 3)" in text
    assert "| jitter |" in text and "| 0 [0, 0] |" in text and "e-0" not in text
    assert "against a pool of 6" in text and "2 of them shorter than 5 s" in text


def test_the_same_command_gives_the_same_report(folder, report, tmp_path) -> None:
    few = ["--conditions", "cut", "static", "--windows", "2"]
    outs = [tmp_path / f"{name}.json" for name in "ab"]
    for out in outs:
        assert evaluate(folder, *few, "--out", str(out)) == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    sections = [row["section"] for row in json.loads(outs[0].read_text())["rows"]]
    assert list(dict.fromkeys(sections)) == ["cut", "static", "Difference from cut"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--conditions", "flying"], "conditions are one or more of static, moving, cut, missing"),
        (["--conditions", "cut", "cut"], "each once"),
        (["--windows", "1"], "at least 2 windows"),
        (["--takes", "0"], "takes must lie"),
        (["--steps", "200"], "200 sampling steps asked of a model with 100"),
        (["--lifter", "nowhere"], "nowhere"),
        (["--out", "report.xlsx"], "choose one of these endings"),
    ],
)
def test_what_cannot_work_is_one_sentence(folder, capsys, options, said) -> None:
    assert evaluate(folder, *options) == 2
    shown = capsys.readouterr().err
    assert said in shown and shown.count("vimo: ") == 1 and "Traceback" not in shown


def test_a_folder_that_is_no_motion_set_is_told(folder, tmp_path, capsys) -> None:
    assert main(["evaluate", "motion", str(tmp_path), "--bundle", str(folder / "vimo")]) == 2
    assert "make one with `vimo dataset motions`" in capsys.readouterr().err


@pytest.fixture(scope="module")
def film(invented_dance):
    return filmed(Clip("clip", invented_dance(90, 8)), CONDITIONS["static"], 0)


def shaken(motion: Motion, by: float) -> Motion:
    angles = motion.axis_angle()
    return Motion.from_axis_angle(
        angles + by * torch.randn(angles.shape, generator=torch.manual_seed(0)), motion.root_m
    )


def test_errors_are_of_pose_and_direction(film) -> None:
    exact, turned, worse = (
        measure_guess(film, m).numbers for m in (film.truth, turn(film.truth, 0.5), shaken(film.truth, 0.2))
    )
    assert exact["mpjpe"] == 0 and set(exact) == {"mpjpe", "pa_mpjpe", "accel_error", *OWN}
    assert turned["mpjpe"] > 20 and turned["pa_mpjpe"] < 0.01
    assert worse["pa_mpjpe"] > 10 and worse["accel_error"] > 10


def test_the_best_take_is_found_without_the_truth(film) -> None:
    takes = [shaken(film.truth, 0.3), shaken(film.truth, 0.1), film.truth, shaken(film.truth, 0.2)]
    assert best_take(takes, film) == 2
