"""Where things are kept between runs, also for those who have no place to keep them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core_vimo.cache import cache_folder

NOWHERE = os.path.join(os.devnull, "cache")  # can be made by nobody


def _asked(code: str, **variables: str) -> list[str]:
    """The words a fresh process prints, in an environment without any of the folders for caches."""
    dropped = ("VIMO_CACHE", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    run = [sys.executable, "-c", code]
    return subprocess.run(run, env=environment | variables, capture_output=True, text=True, check=True).stdout.split()


def test_cache_folder_follows_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIMO_CACHE", str(tmp_path / "cache"))
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("VIMO_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "vimo"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == Path.home() / ".cache" / "vimo"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder() == Path.home() / "Library" / "Caches" / "vimo"


def test_numba_is_sent_to_our_cache_before_it_is_imported(tmp_path: Path) -> None:
    code = "import edge_adapter, os, sys; print(os.environ['NUMBA_CACHE_DIR'], 'numba' in sys.modules)"
    assert _asked(code, VIMO_CACHE=str(tmp_path)) == [str(tmp_path / "numba"), "False"]
    assert _asked(code, VIMO_CACHE=str(tmp_path), NUMBA_CACHE_DIR=str(tmp_path / "own")) == [
        str(tmp_path / "own"), "False"
    ]  # fmt: skip


@pytest.mark.parametrize("variables", [{"VIMO_CACHE": NOWHERE}, {"NUMBA_CACHE_DIR": NOWHERE}, {"HOME": NOWHERE}])
def test_without_a_folder_to_write_it_is_compiled_for_this_run_alone(variables: dict[str, str]) -> None:
    code = """
import os, subprocess, sys
from core_vimo.cache import is_kept
folder = os.environ['NUMBA_CACHE_DIR']
open(os.path.join(folder, 'writable'), 'w').close()
child = "import core_vimo.cache, os; print(os.environ['NUMBA_CACHE_DIR'])"
print(folder, is_kept(), subprocess.check_output([sys.executable, '-c', child], text=True).strip() == folder)
print(os.path.isdir(folder))
"""
    if "NUMBA_CACHE_DIR" in variables:
        variables = {"HOME": os.devnull, **variables}
    folder, kept, shared, outlives_child = _asked(code, **variables)
    assert (kept, shared, outlives_child) == ("False", "True", "True")
    assert not Path(folder).exists(), "it goes with the process"


def test_a_user_without_a_home_has_folders_that_librosa_can_be_imported_with() -> None:
    code = """
import os, pwd
def unknown(_user): raise KeyError
pwd.getpwuid = unknown
import core_vimo.cache
print(os.environ['XDG_CACHE_HOME'], os.environ['NUMBA_CACHE_DIR'], os.path.isdir(os.environ['NUMBA_CACHE_DIR']))
import platformdirs
print(platformdirs.user_cache_dir())
"""
    home, compiled, there, of_libraries = _asked(code)
    assert (Path(compiled), there) == (Path(home) / "vimo" / "numba", "True")
    assert Path(of_libraries) == Path(home)
    assert not Path(home).exists()
