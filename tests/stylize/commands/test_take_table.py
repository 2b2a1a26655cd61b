from pathlib import Path

import pytest

from stylize.commands import dance, motion
from stylize.commands.take_table import print_takes
from stylize.takes import FILMED_RANKED_BY, RANKED_BY


@pytest.mark.parametrize(("command", "ranked_by"), [(dance, RANKED_BY), (motion, FILMED_RANKED_BY)])
def test_headings_and_numbers_are_whole_on_80_columns(command, ranked_by, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    take = {"seed": 12345, "numbers": dict.fromkeys(command.HEADINGS, 0.123), "files": ["dance.npz"]}
    print_takes([take], command.HEADINGS, ranked_by, Path("out"))
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert all(word in shown for heading in command.HEADINGS.values() for word in heading.split())
    assert shown.count("0.123") == len(command.HEADINGS) and "12345" in shown
