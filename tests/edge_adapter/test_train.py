import json

import pytest
import torch

from core_vimo.bundle import Bundle
from core_vimo.errors import InputError
from edge_adapter.build import load_dance_model
from stylize.cli import main


@pytest.fixture(scope="module")
def run(dance_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    overrides = ["+experiment=debug", f"data.folder={dance_folder}", f"out={out}", "trainer.steps=6"]
    assert main(["train", "dance", *overrides]) == 0
    return out, overrides


def test_training_ends_in_a_bundle_that_loads(run):
    out, _ = run
    model = load_dance_model(out / "bundle")
    assert model.extractor == "librosa35+beats" and model.backbone.config.latent == 32
    assert not any(p.requires_grad for p in model.backbone.parameters())
    music = torch.zeros(1, 30, 38)
    guess = model.backbone(torch.zeros(1, 30, 151), torch.tensor([5]), model.backbone.encode(music))
    assert torch.isfinite(guess).all()


def test_the_card_says_what_was_done(run):
    card = Bundle.load(run[0] / "bundle").card
    assert str(run[0].parent) not in card  # nobody's folders
    assert not load_dance_model(run[0] / "bundle").per_frame_timesteps
    assert "3 dances" in card and "6 steps" in card and "latent: 32" in card


def test_a_finished_run_is_not_trained_again(run):
    out, overrides = run
    lines = (out / "stats.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["step"] == 6
    assert main(["train", "dance", *overrides]) == 0
    assert (out / "stats.jsonl").read_text().splitlines() == lines


def test_a_bundle_tells_of_per_frame_timesteps(dance_folder, tmp_path):
    shared = ["train", "dance", "+experiment=debug", f"data.folder={dance_folder}", f"out={tmp_path / 'run'}"]
    assert main([*shared, "diffusion=vimo", "diffusion.ptss=[[0,0.2],[0.5,1]]", "trainer.steps=2"]) == 0
    assert load_dance_model(tmp_path / "run" / "bundle").per_frame_timesteps


def test_a_bundle_of_another_kind_is_refused(run, tmp_path):
    bundle = Bundle.load(run[0] / "bundle")
    Bundle(bundle.weights, bundle.config | {"kind": "vimo"}, bundle.codec, "# Card").save(tmp_path / "b")
    with pytest.raises(InputError, match="holds a 'vimo' model, a 'dance' model is needed"):
        load_dance_model(tmp_path / "b")
    smaller = bundle.config | {"model": bundle.config["model"] | {"latent": 16}}
    Bundle(bundle.weights, smaller, bundle.codec, "# Card").save(tmp_path / "c")
    with pytest.raises(InputError, match="its tensors don't fit"):
        load_dance_model(tmp_path / "c")


@pytest.mark.parametrize(
    ("override", "names"),
    [
        ("trainer.steps=abc", "abc"),
        ("+trainer.stepz=3", "stepz"),
        ("trainer.seed=3", "seed"),
        ("+trainer.seed=3", "give seed instead"),
        ("diffusion.ptss=often", "diffusion.ptss=often must be a number from 0 to 1"),
        ("model.latent=wide", "wide"),
        ("seed=${oc.env:NOT_THERE}", "NOT_THERE"),
    ],
)
def test_settings_that_do_not_fit_are_one_sentence(run, tmp_path, capsys, override, names):
    overrides = [o for o in run[1] if not o.startswith("out=")]
    assert main(["train", "dance", *overrides, f"out={tmp_path / 'out'}", override]) == 2
    shown = capsys.readouterr().err
    assert names in shown and shown.count("\n") == 1
    assert not (tmp_path / "out").exists()
