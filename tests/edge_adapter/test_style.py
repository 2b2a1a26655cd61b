"""Styles on disk: what is saved is what is used; another backbone, altered files and odd contents are refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from core_vimo.errors import InputError
from core_vimo.publish import write_manifest
from core_vimo.training.run import half
from edge_adapter.branch import Branch, BranchConfig
from edge_adapter.build import DanceModel, load_dance_model
from edge_adapter.style import STYLE_FILES, Style, build_branch, checked_name

FACTS = {
    "strength": {"usual": 1.0, "most": 1.5},
    "clips": [{"name": "walk", "seconds": 12.5, "sound": "its own", "sha256": "0" * 64}],
    "source": "made up",
    "licence": "free",
    "trained": {"steps": 3, "seed": 0},
}


@pytest.fixture(scope="module")
def model(tiny_bundle: Path) -> DanceModel:
    return load_dance_model(tiny_bundle)


@pytest.fixture
def style(model: DanceModel) -> Style:
    torch.manual_seed(0)
    branch = Branch(model.backbone, BranchConfig(1, "concat"))
    for parameter in branch.parameters():
        parameter.data = torch.randn_like(parameter)
    return Style("walk-1", half(branch.state_dict()), branch.config, model.bundle_hash, FACTS, "# Card\n")


def test_what_is_saved_is_what_is_built(style: Style, model: DanceModel, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    style.save(tmp_path)
    style.save(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*STYLE_FILES, "clips", "manifest.json"])
    loaded = Style.load(tmp_path)
    assert (loaded.name, loaded.branch, loaded.facts, loaded.card) == ("walk-1", style.branch, FACTS, "# Card\n")
    branch = build_branch(loaded, model)
    assert not branch.training and not any(p.requires_grad for p in branch.parameters())
    for name, value in branch.state_dict().items():
        assert torch.equal(value, style.weights[name].float())


def test_only_the_branch_is_saved(style: Style, model: DanceModel, tmp_path: Path) -> None:
    style.save(tmp_path)
    saved = sum(value.numel() for value in load_file(tmp_path / STYLE_FILES[0]).values())
    width = model.backbone.config.latent
    copied = sum(parameter.numel() for parameter in model.backbone.layers[-1].parameters())
    assert saved == copied + 2 * width * width + width


def test_another_backbone_is_refused(style: Style, model: DanceModel) -> None:
    with pytest.raises(InputError, match="made for another backbone"):
        build_branch(replace(style, backbone_sha256="a" * 64), model)


@pytest.mark.parametrize("change", ["missing", "shape", "layers"])
def test_tensors_that_do_not_fit_are_refused(style: Style, model: DanceModel, change: str) -> None:
    weights = dict(style.weights)
    if change == "missing":
        del weights["layers.0.self_norm.weight"]
    elif change == "shape":
        weights["layers.0.self_norm.weight"] = torch.zeros(3)
    branch = BranchConfig(1_000_000 if change == "layers" else 1, "concat")
    with pytest.raises(InputError, match="style walk-1: doesn't fit its backbone"):
        build_branch(replace(style, weights=weights, branch=branch), model)


def test_a_tampered_style_is_refused(style: Style, tmp_path: Path) -> None:
    style.save(tmp_path)
    (tmp_path / "card.md").write_text("# Mine\n")
    with pytest.raises(InputError, match=r"card\.md: differs from its sha256"):
        Style.load(tmp_path)


def test_numbers_that_are_none_are_refused(style: Style, tmp_path: Path) -> None:
    style.save(tmp_path)
    weights = load_file(tmp_path / STYLE_FILES[0])
    next(iter(weights.values())).view(-1)[0] = torch.nan
    save_file(weights, tmp_path / STYLE_FILES[0])
    write_manifest(tmp_path)
    with pytest.raises(InputError, match="NaN or infinity"):
        Style.load(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("format", 2, "not of format 1"),
        ("name", "../evil", "not a style's name"),
        ("name", "", "not a style's name"),
        ("backbone", "abc", "a sha256 is not one"),
        ("branch", {"layers": 0, "fusion": "add"}, "whole number"),
        ("branch", {"layers": 1, "fusion": "mean"}, "take add or concat"),
        ("branch", [1], "is not that of a style"),
        ("strength", {"usual": 1.0, "most": float("inf")}, "most of strength"),
        ("strength", {"usual": 2.0, "most": 1.5}, "usual <= most"),
        ("clips", [{"name": "walk"}], "a clip doesn't have exactly"),
        ("clips", "walk", "clips of style.yaml"),
        ("extra", 1, "doesn't have exactly"),
    ],
)
def test_contents_that_are_not_a_styles_are_refused(
    style: Style, tmp_path: Path, key: str, value: object, says: str
) -> None:
    style.save(tmp_path)
    path = tmp_path / STYLE_FILES[1]
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {key: value}))
    write_manifest(tmp_path)
    with pytest.raises(InputError, match=says):
        Style.load(tmp_path)


def test_no_style_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such style"):
        Style.load(tmp_path / "none")


@pytest.mark.parametrize("name", ["Jackson", "../x", "-a", "a" * 41, "ä", "a/b", ""])
def test_names_that_are_no_names(name: str) -> None:
    with pytest.raises(InputError, match="not a style's name"):
        checked_name(name)
    assert checked_name("jackson_2-b") == "jackson_2-b"
