import pytest

from stylize.cli import COMMANDS, main


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
