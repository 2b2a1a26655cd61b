"""The library of styles: found by name, listed, shown, packed, installed and removed."""

from pathlib import Path

import pytest

from core_vimo.errors import InputError
from stylize import style_library
from stylize.cli import main
from stylize.style_library import FILES, find_style, library, styles
from stylize.style_package import pack
from stylize.style_recipe import training_config


@pytest.fixture(autouse=True)
def shelf(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("VIMO_STYLES", str(tmp_path / "library"))
    monkeypatch.setattr(style_library, "SHIPPED", tmp_path / "ships")
    return tmp_path / "library"


def test_where_it_is(monkeypatch, tmp_path) -> None:
    assert library() == tmp_path / "library"
    monkeypatch.delenv("VIMO_STYLES")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert library() == Path("/data/vimo/styles")
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert library() == Path.home() / ".local" / "share" / "vimo" / "styles"


def test_none_yet(capsys) -> None:
    assert styles() == {} and main(["style", "list"]) == 0
    assert "vimo style add" in capsys.readouterr().out
    with pytest.raises(InputError, match="there are none yet"):
        find_style("waltz")


def test_ones_own_come_before_those_that_ship(shelf, tmp_path, tiny_bundle, invented_style) -> None:
    shipped = invented_style("waltz", tmp_path / "ships", tiny_bundle)
    assert find_style("waltz") == shipped
    with pytest.raises(InputError, match="comes with the suite"):
        style_library.remove("waltz")
    own = invented_style("waltz", shelf, tiny_bundle)
    assert find_style("waltz") == own and list(styles()) == ["waltz"]
    style_library.remove("waltz")
    assert find_style("waltz") == shipped


def test_what_is_no_style_is_not_listed(shelf, tiny_bundle, invented_style) -> None:
    invented_style("waltz", shelf, tiny_bundle)
    (shelf / "empty").mkdir()
    (shelf / ".waltz-removing-x" / "clips").mkdir(parents=True)
    (shelf / "Big Name" / "clips").mkdir(parents=True)
    (shelf / "file").touch()
    (shelf / "jive" / "clips").mkdir(parents=True)
    assert list(styles()) == ["jive", "waltz"]


def test_packed_and_installed_it_is_the_same(shelf, tiny_bundle, invented_style, tmp_path, capsys) -> None:
    folder = invented_style("waltz", shelf, tiny_bundle)
    (folder / "clips").mkdir()
    (folder / "clips" / "private.txt").write_text("mine alone")
    before = {name: (folder / name).read_bytes() for name in FILES}
    packed = tmp_path / "waltz.vimostyle"
    assert main(["style", "pack", "waltz", "--out", str(packed)]) == 0
    once = packed.read_bytes()
    pack(folder, packed)
    assert packed.read_bytes() == once and b"private" not in once
    assert main(["style", "remove", "waltz"]) == 0 and not folder.exists() and list(shelf.iterdir()) == []
    assert main(["style", "install", str(packed)]) == 0
    assert "another backbone than the shipped one" in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_damaged_style_is_not_given_away(shelf, tiny_bundle, invented_style, tmp_path, capsys) -> None:
    folder = invented_style("waltz", shelf, tiny_bundle)
    (folder / "card.md").write_text("changed")
    assert main(["style", "pack", "waltz", "--out", str(tmp_path / "x")]) == 2 and not (tmp_path / "x").exists()
    assert "card.md" in capsys.readouterr().err
    assert main(["style", "list"]) == 0 and "damaged" in capsys.readouterr().out


def test_a_style_is_never_packed_over_itself(shelf, tiny_bundle, invented_style, capsys) -> None:
    folder = invented_style("waltz", shelf, tiny_bundle)
    assert main(["style", "pack", "waltz", "--out", str(folder / "card.md")]) == 2
    assert "would be replaced" in capsys.readouterr().err


def test_show_says_what_there_is_to_know(shelf, tiny_bundle, invented_style, capsys) -> None:
    folder = invented_style("waltz", shelf, tiny_bundle)
    (folder / "clips").mkdir()
    (folder / "clips" / "page.html").touch()
    assert main(["style", "show", "waltz"]) == 0
    out = capsys.readouterr().out
    assert "# waltz" in out and "up to 1.5" in out and str(folder / "clips" / "page.html") in out
    (shelf / "jive" / "clips").mkdir(parents=True)
    assert main(["style", "show", "jive"]) == 0 and "vimo style train jive" in capsys.readouterr().out
    assert main(["style", "show", "tango"]) == 2 and "there are jive, waltz" in capsys.readouterr().err


def test_training_needs_clips_and_shows_its_settings(capsys) -> None:
    assert main(["style", "train", "waltz"]) == 2
    assert "vimo style add waltz" in capsys.readouterr().err
    assert main(["style", "train", "waltz", "trainer.steps=7", "--show"]) == 0
    out = capsys.readouterr().out
    assert "steps: 7" in out and str(library() / "waltz" / "clips") in out


def test_settings_stand_on_both_sides_of_options(capsys) -> None:
    for words in (["--show", "seed=3", "trainer.steps=7"], ["seed=3", "--show", "trainer.steps=7"]):
        assert main(["style", "train", "waltz", *words]) == 0
        out = capsys.readouterr().out
        assert "steps: 7" in out and "seed: 3" in out and "name: waltz" in out
    assert main(["style", "train", "--show", "waltz", "clips=elsewhere"]) == 0
    assert "clips: elsewhere" in capsys.readouterr().out
    for words, said in (([], "name"), (["waltz", "--what"], "--what")):
        with pytest.raises(SystemExit, match="2"):
            main(["style", "train", *words])
        assert said in capsys.readouterr().err.lower()


def test_settings_that_do_not_fit_name_the_command_that_shows_them(capsys) -> None:
    assert main(["style", "train", "waltz", "speed=3"]) == 2
    assert "`vimo style train waltz --show`" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["1920", "1e5", "null", "true", "0x10"])
def test_names_that_are_other_things_to_yaml(name, capsys) -> None:
    assert str(training_config(name).name) == name and isinstance(training_config(name).name, str)
    assert main(["style", "train", name, "--show"]) == 0 and f"{name}/clips" in capsys.readouterr().out


def test_nothing_to_add_leaves_nothing(shelf, tmp_path, capsys) -> None:
    (tmp_path / "nothing").mkdir()
    assert main(["style", "add", "waltz", str(tmp_path / "nothing")]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not (shelf / "waltz").exists()
