import pytest

from stylize.cli import main


@pytest.mark.parametrize("style", [[], ["--style", "waltz"]])
def test_a_tempo_nobody_dances_is_refused_also_when_it_is_0(style, tmp_path, capsys):
    assert main(["compose", str(tmp_path / "song.wav"), "--tempo", "0", *style]) == 2
    assert "a tempo of 0.0 BPM" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
