"""The ablations: what is tried fits the recipe, runs are made once, and tables say what the seeds measured."""

import json
import sys
from dataclasses import replace

import pytest

from benchmarks import trained_run
from benchmarks.trained_run import LOG, RESULT, TrainedRun, make, make_apart
from benchmarks.video_to_motion import __main__ as command
from benchmarks.video_to_motion.item import Item, Plan
from benchmarks.video_to_motion.summary import METRICS, tables
from benchmarks.video_to_motion.variants import BASE, CHOICES, VARIANTS
from core_vimo.diffusion.weighting import min_snr
from core_vimo.motion_store import data_hash
from core_vimo.video_to_motion.motion_set import StoredMotion, write_motion_set
from stylize.configuration import compose

TINY = ("data.frames=30", "trainer.batch_size=2", "model.latent=16", "model.feed_forward=32", "model.blocks=1")


@pytest.fixture(scope="module")
def plan(tmp_path_factory, invented_dance) -> Plan:
    folder = tmp_path_factory.mktemp("ablations")
    lengths = {"train": (80, 90, 100), "test": (60, 70)}
    write_motion_set(
        [
            StoredMotion(f"{split}{n}", invented_dance(n, n), split=split)
            for split, frames in lengths.items()
            for n in frames
        ],
        folder / "set",
    )
    return Plan(folder / "set", data_hash(folder / "set"), folder / "out", 2, 2, None, TINY)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_one_of_the_recipes(plan, variant):
    config = compose("vimo", [*Item(plan, variant, 7).overrides, "data.folder=x", "out=y"])
    assert config.seed == 7 and config.trainer.steps == 2
    chosen = (config.diffusion.weighting, config.diffusion.ptss, config.model.film)
    base = compose("vimo", [*Item(plan, BASE, 7).overrides, "data.folder=x", "out=y"])
    same = [
        a == b for a, b in zip(chosen, (base.diffusion.weighting, base.diffusion.ptss, base.model.film), strict=True)
    ]
    assert same.count(False) == (variant != BASE), "one choice at a time"


def test_every_variant_has_a_table_and_is_called_what_it_is():
    assert {variant for named in CHOICES.values() for variant in named} == set(VARIANTS)
    assert min_snr.__defaults__ == (5.0,) and "gamma 5" in CHOICES["Weighting of noise levels"]["min_snr"]


@pytest.fixture(scope="module")
def made(plan) -> TrainedRun:
    run = Item(plan, BASE, 0).run
    make(run)
    return run


def test_a_finished_run_is_not_made_again(plan, made):
    assert made.result() is not None and Item(plan, BASE, 1).run.result() is None
    bundle = made.folder / "run" / "bundle" / "model.safetensors"
    before = bundle.stat().st_mtime_ns
    other = Item(replace(plan, sampling_steps=3), BASE, 0).run
    assert other.folder == made.folder and other.result() is None, "measured otherwise: only that is done anew"
    make(other)
    assert other.result() is not None and made.result() is None and bundle.stat().st_mtime_ns == before
    make(made)


@pytest.mark.parametrize("change", [{"steps": 3}, {"data_sha256": "other"}, {"overrides": ()}])
def test_other_training_is_another_run(plan, change):
    assert Item(replace(plan, **change), BASE, 0).run.folder != Item(plan, BASE, 0).run.folder


def test_only_the_training_hangs_on_the_seed(plan):
    first, second = (Item(plan, BASE, seed) for seed in (0, 1))
    assert first.run.evaluation == second.run.evaluation and first.overrides != second.overrides


def test_tables_show_means_and_extremes_over_seeds(made):
    result = made.result()
    other = json.loads(json.dumps(result))
    for row in other["report"]["rows"]:
        row["metrics"]["mpjpe"]["value"] *= 3
    found = tables({BASE: [result, other]}, ("static",))
    assert [table.title for table in found] == [f"{choice}: static (N = 2 windows)" for choice in CHOICES]
    value = next(row for row in result["report"]["rows"] if row["name"] == "vimo")["metrics"]["mpjpe"]["value"]
    mine, truth = found[0].rows
    assert mine[:2] == ("average", "2") and truth[0] == "ground truth"
    assert mine[2] == f"{2 * value:.0f} ({value:.0f}–{3 * value:.0f})"
    assert len(mine) == len(truth) == 2 + len(METRICS)


def test_the_command_makes_what_is_missing_and_tells_what_fails(plan, made, monkeypatch, capsys):
    """One run is there, the other one's process ends badly."""
    asked: list[str] = []
    monkeypatch.setattr(trained_run, "make_apart", lambda run: asked.append(run.folder.name.split("-")[0]) or 1)
    flags = ["--steps", "2", "--sampling-steps", "2", "--variants", BASE, "ptss", "--seeds", "1", "--overrides", *TINY]
    monkeypatch.setattr(sys, "argv", ["x", "--data", str(plan.data), "--out", str(plan.out), *flags])
    assert command.main() == 1
    assert asked == ["ptss"]
    shown = capsys.readouterr()
    assert "failed: " in shown.err and "| average | 1 |" in shown.out
    content = json.loads((plan.out / "ablations.json").read_text())
    assert list(content["results"]) == [BASE]
    assert (plan.out / "ablations.md").is_file() and (made.folder / RESULT).is_file()


def test_a_run_in_a_process_of_its_own(plan):
    run = Item(plan, "film_separate", 0).run
    assert make_apart(run) == 0, (run.folder / LOG).read_text()
    assert run.result() is not None
