from pathlib import Path

import pytest

from core_vimo.formats import write_motion
from stylize.cli import COMMANDS, main, parser_of_all_commands
from stylize.configuration import compose


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches_itself(command, capsys):
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert "example:" in shown and f"vimo {command}" in shown


def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path, capsys):
    missing = tmp_path / "none.bvh"
    assert main(["export", str(missing)]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("vimo: ") and str(missing) in shown and shown.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_styles_that_can_be_played_are_told(capsys):
    with pytest.raises(SystemExit) as left:
        main(["compose", "song.wav", "--style", "polka"])
    assert left.value.code == 2
    shown = capsys.readouterr().err
    assert "polka" in shown and "waltz" in shown and shown.count("\n") == 1


def test_an_unknown_setting_is_named(capsys):
    assert main(["train", "dance", "trainer.stepz=3"]) == 2
    assert "stepz" in capsys.readouterr().err
    assert main(["train", "dance"]) == 2
    assert "data.folder" in capsys.readouterr().err


def test_settings_are_shown_without_training(capsys):
    arguments = ["train", "dance", "out=x", "data.folder=y", "model=edge", "trainer=debug", "--show"]
    assert main(arguments) == 0
    assert "latent: 512" in capsys.readouterr().out


def test_all_settings_are_shown_to_whom_has_given_none(capsys):
    assert main(["train", "dance", "--show"]) == 0
    assert "out: ???" in capsys.readouterr().out


def test_a_path_that_no_shell_has_expanded_begins_at_home(tmp_path, monkeypatch, invented_dance, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_motion(invented_dance(30, 0), tmp_path / "dance.npz")
    assert main(["export", "~/dance.npz", "--to", "bvh", "--out=~/new"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "new" / "dance.bvh")
    assert (tmp_path / "new" / "dance.bvh").is_file() and not (tmp_path / "~").exists()


def test_every_path_of_every_command_knows_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/at/home")
    parser = parser_of_all_commands()
    for words in (
        ["dance", "~/x", "--out", "~/x", "--again", "~/x", "--bundle", "~/x"],
        ["compose", "~/x"],
        ["view", "~/x", "--out", "~/x", "--song", "~/x"],
        ["render", "~/x", "--out", "~/x", "--song", "~/x"],
        ["export", "~/x", "--out", "~/x"],
        ["evaluate", "dances", "~/x", "--reference", "~/x", "--songs", "~/x", "--training", "~/x", "--out", "~/x"],
        ["evaluate", "motion", "~/x", "--bundle", "~/x", "--lifter", "~/x", "--out", "~/x"],
        ["dataset", "dances", "~/x", "~/x", "--out", "~/x", "--songs", "~/x"],
        ["dataset", "motions", "~/x", "~/x", "--out", "~/x"],
        ["dataset", "aist", "~/x", "--out", "~/x"],
        ["bundle", "~/x", "--out", "~/x"],
    ):
        assert not [value for value in vars(parser.parse_args(words)).values() if "~" in str(value)], words
    assert parser.parse_args(["view", "~takes.npz"]).motion == Path("~takes.npz"), "a file may be called so"


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_a_setting_that_is_a_path_begins_at_home_too(monkeypatch, quote):
    monkeypatch.setenv("HOME", "/at/Zoë's (new) home")
    config = compose("dance", [f"data.folder={quote}~/data set{quote}", "out=~"])
    assert config.data.folder == "/at/Zoë's (new) home/data set" and config.out == "/at/Zoë's (new) home"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dance", "song.wav", "--out", ""], "a name is empty"),
        (["render", "walk.bvh", "--workers", "0"], "at least one process"),
        (["dance", "song.wav", "--guidance", "1e30"], "guidance in -100 to 100"),
    ],
)
def test_what_can_only_be_a_slip_is_refused(arguments, said, capsys):
    try:
        code = main(arguments)
    except SystemExit as left:
        code = left.code
    assert code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]  # a first run may say before that it compiles
