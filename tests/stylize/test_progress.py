import sys

import pytest

from stylize.progress import tell_compiling


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """Puts a function of a package into numba's cache."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))

    def put(package, python=f"py{sys.version_info.major}{sys.version_info.minor}"):
        (tmp_path / f"{package}_0abc").mkdir(exist_ok=True)
        (tmp_path / f"{package}_0abc" / f"module.function-12.{python}.nbi").touch()

    return put


def test_what_will_be_compiled_is_told_once(compiled, capsys):
    compiled("librosa", python="py20")
    tell_compiling("librosa", "render")
    told = capsys.readouterr().err
    assert "the music analysis" in told and "the renderer" in told and "later runs start at once" in told
    compiled("librosa")
    tell_compiling("librosa", "render")
    told = capsys.readouterr().err
    assert "the music analysis" not in told and "the renderer" in told
    compiled("render")
    tell_compiling("librosa", "render")
    assert capsys.readouterr().err == ""


def test_who_cannot_keep_it_is_told_what_to_do(compiled, capsys, monkeypatch):
    monkeypatch.setattr("core_vimo.cache._passing", ["/tmp/somewhere"])
    tell_compiling("render")
    told = capsys.readouterr().err
    assert "VIMO_CACHE" in told and "later runs" not in told
