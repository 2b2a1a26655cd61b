"""Dances in styles, by random weights: what strengths and timelines do, what manifests keep, what is refused."""

import json
import shutil

import pytest
import torch

from core_vimo.bundle import bundle_hash
from core_vimo.formats import read_motion
from core_vimo.publish import write_manifest
from stylize.cli import main


@pytest.fixture(scope="module")
def shelf(tmp_path_factory, tiny_bundle, invented_style):
    """A library of three styles, one of them of another backbone."""
    place = tmp_path_factory.mktemp("library")
    for name in ("chaplin", "jackson"):
        invented_style(name, place, tiny_bundle)
    other = shutil.copytree(tiny_bundle, tmp_path_factory.mktemp("bundle") / "other")
    (other / "card.md").write_text("# Another\n")
    write_manifest(other)
    invented_style("foreign", place, other)
    (place / "waltz" / "clips").mkdir(parents=True)
    return place


@pytest.fixture(autouse=True)
def own_library(shelf, monkeypatch):
    monkeypatch.setenv("VIMO_STYLES", str(shelf))
    monkeypatch.setattr("stylize.style_library.SHIPPED", shelf / "none ship")


@pytest.fixture(scope="module")
def danced(song, tiny_bundle, shelf, tmp_path_factory):
    """Options -> (the dance as a motion, its folder), made once each."""
    options = ["--bundle", str(tiny_bundle), "--steps", "3", "--no-video", "--seconds", "6", "--start", "1"]
    made = {}

    def dance(*more):
        if more not in made:
            out = tmp_path_factory.mktemp("styled") / "dance"
            assert main(["dance", str(song), "--out", str(out), *options, *more]) == 0
            made[more] = read_motion(out / "dance.npz"), out
        return made[more]

    return dance


def same(one, other):
    return torch.equal(one.rotations, other.rotations) and torch.equal(one.root_m, other.root_m)


def refusal(capsys, *words):
    assert main([str(word) for word in words]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("vimo: ")]
    assert len(lines) == 1
    return lines[0]


def test_strength_0_is_the_dance_without_styles_and_1_is_another(danced):
    plain, one = danced()[0], danced("--style", "jackson")[0]
    assert same(danced("--style", "jackson:0")[0], plain) and not same(one, plain)
    assert same(danced("--style", "jackson:1")[0], one)
    assert not same(danced("--style", "jackson:0.5")[0], one)


def test_dials_and_a_timeline_that_say_the_same_dance_the_same(danced):
    said = danced("--timeline", "0-4 jackson:0.8, 4-end jackson:0.8 ramp 2", "--style", "chaplin:0.4")[0]
    assert same(danced("--style", "chaplin:0.4", "--style", "jackson:0.8")[0], said)


def test_the_manifest_says_when_which_style_is_how_strong(danced):
    _, out = danced("--timeline", "0-2 chaplin, 2-end jackson ramp 2")
    rows = {row["name"]: row for row in json.loads((out / "manifest.json").read_text())["styles"]}
    begins, changes, ends = rows["jackson"]["strength_at_s"]
    assert begins == [0.0, 0.0] and ends[1] == 1.0 and ends[0] - changes[0] == pytest.approx(1.0, abs=0.1)
    assert [strength for _, strength in rows["chaplin"]["strength_at_s"]] == [1.0, 1.0, 0.0]


def test_the_manifest_names_the_styles_and_makes_the_dance_again(danced, shelf, song, tiny_bundle, tmp_path, capsys):
    how = ("--style", "jackson:0.8", "--timeline", "0-2 chaplin, 2-end jackson ramp 2")
    first, folder = danced(*how)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["settings"]["styles"] == ["jackson:0.8"] and manifest["settings"]["timeline"] == how[3]
    assert {row["name"]: row["sha256"] for row in manifest["styles"]} == {
        name: bundle_hash(shelf / name) for name in ("jackson", "chaplin")
    }
    again = ["dance", str(song), "--again", str(folder / "manifest.json"), "--bundle", str(tiny_bundle)]
    assert main([*again, "--out", str(tmp_path / "again")]) == 0
    assert "style jackson: 0 at 0 s" in capsys.readouterr().out
    assert same(read_motion(tmp_path / "again" / "dance.npz"), first)
    assert main([*again, "--remake", "1", "--out", str(tmp_path / "anew")]) == 0
    anew = read_motion(tmp_path / "anew" / "dance.npz")
    assert not same(anew, first) and same(anew[150:], first[150:])


def test_a_manifest_whose_style_is_another_by_now_is_refused(danced, song, tiny_bundle, shelf, tmp_path, capsys):
    _, folder = danced("--style", "jackson")
    again = ["dance", song, "--again", folder / "manifest.json", "--bundle", tiny_bundle, "--out", tmp_path / "x"]
    shutil.move(shelf / "jackson", tmp_path / "jackson")
    try:
        assert "there is no style 'jackson'" in refusal(capsys, *again)
        shutil.copytree(shelf / "chaplin", shelf / "jackson")
        assert "'jackson' is not that of" in refusal(capsys, *again)
    finally:
        shutil.rmtree(shelf / "jackson", ignore_errors=True)
        shutil.move(tmp_path / "jackson", shelf / "jackson")
    assert not (tmp_path / "x").exists()


def test_a_folder_is_a_style_too(danced, shelf):
    assert same(danced("--style", f"{shelf / 'jackson'}:0.5")[0], danced("--style", "jackson:0.5")[0])


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (["--style", "tango"], "there is no style 'tango'; there are chaplin, foreign, jackson, "),
        (["--style", "../jackson"], "there is no style in this folder"),
        (["--style", "waltz"], "'waltz' isn't trained yet; run `vimo style train waltz`"),
        (["--style", "foreign"], "was made for another backbone"),
        (["--style", "jackson:1.6"], "'jackson' at strength 1.6 is beyond what it can; it goes from 0 to 1.5"),
        (["--style", "jackson", "--style", "jackson:0.3"], "is given twice"),
        (["--style", "jackson:loud"], "a style's strength is a number"),
        (["--timeline", "0-4 tango"], "there is no style 'tango'"),
        (["--timeline", "0-4 chaplin, 2-6 jackson"], "'0-4 chaplin' and '2-6 jackson' overlap"),
        (["--timeline", "6-2 chaplin"], "'6-2 chaplin' doesn't run forwards"),
        (["--timeline", "4-99 chaplin"], "'4-99 chaplin' leaves the dance, which ends at count"),
        (["--timeline", "4-8 chaplin:2"], "beyond what it can"),
        (["--timeline", "always chaplin"], "is no part of a timeline"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence_and_leaves_nothing(how, told, song, tiny_bundle, tmp_path, capsys):
    out = tmp_path / "out"
    options = ["--bundle", tiny_bundle, "--steps", "3", "--no-video", "--seconds", "6", "--out", out]
    assert told in refusal(capsys, "dance", song, *options, *how)
    assert not out.exists()


def test_a_span_is_danced_anew_in_a_style(danced, tiny_bundle, tmp_path, capsys):
    before, folder = danced()
    options = ["--bundle", str(tiny_bundle), "--steps", "3", "--no-video", "--regenerate", "0c:4c"]
    edit = ["edit", str(folder / "dance.npz"), *options]
    made = {}
    for name, how in {"plain": [], "none": ["--style", "jackson:0"], "styled": ["--style", "jackson"]}.items():
        assert main([*edit, "--out", str(tmp_path / name), *how]) == 0
        made[name] = read_motion(tmp_path / name / "dance.npz")
    manifest = json.loads((tmp_path / "styled" / "manifest.json").read_text())
    (start, stop), (row,) = manifest["made_frames"][0], manifest["styles"]
    assert row["name"] == "jackson" and row["strength_at_s"] == [[0.0, 1.0]]
    assert same(made["none"], made["plain"]) and not same(made["styled"][start:stop], made["plain"][start:stop])
    assert same(made["styled"][:start], before[:start]) and same(made["styled"][stop:], before[stop:])
    capsys.readouterr()
    said = refusal(capsys, *edit, "--out", tmp_path / "x", "--alone", "--style", "jackson")
    assert "styles dance to a song" in said and not (tmp_path / "x").exists()
