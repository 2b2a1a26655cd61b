"""The `vimo` command in this process, held to what a user is promised."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stylize.cli import main


@pytest.fixture(scope="session")
def song(tmp_path_factory) -> Path:
    time = np.arange(3 * 22050) / 22050
    path = tmp_path_factory.mktemp("songs") / "a song, with spaces.wav"
    soundfile.write(path, 0.5 * np.sin(2000 * time) * np.exp(-20 * (time % 0.5)), 22050)
    return path


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch) -> None:
    monkeypatch.setenv("VIMO_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def refused(capfd) -> Callable[..., str]:
    """Run the command; it must end with 2 and one line on standard error, which is returned."""

    def run(*arguments: object) -> str:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as error:
            code = error.code
        lines = capfd.readouterr().err.splitlines(keepends=True)
        said = "".join(line for line in lines if not line.startswith("vimo: first run: "))
        assert code == 2, said
        assert said.startswith("vimo: ") and said.count("\n") == 1, said
        assert "Traceback" not in said
        return said

    return run


@pytest.fixture
def refused_dance(refused, tiny_bundle, tmp_path) -> Callable[..., str]:
    """`vimo dance` with the tiny bundle; nothing may be left in the place of its folder."""

    def run(song: object, *more: object) -> str:
        out = tmp_path / "new" / "dance"
        said = refused("dance", "--bundle", tiny_bundle, "--steps", 1, "--no-video", "--out", out, *more, "--", song)
        assert not (tmp_path / "new").exists()
        return said

    return run
