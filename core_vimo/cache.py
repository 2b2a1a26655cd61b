"""Where compiled and computed things are kept between runs; import this before librosa or numba.

numba's default cache lies beside the installed package, where two processes that compile at once can poison it
(seen with numba 0.68.1: from then on every process that tracks beats dies with a segmentation fault) and where users
of one installation may not write. A folder of our own cures both.

Who has no folder to keep things in (no home, a read-only disk) gets one for the length of the process, since without
any librosa cannot be imported. Every run then compiles anew.
"""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

_passing: list[str] = []  # folders that go with this process


def cache_folder() -> Path:
    """The suite's cache: `VIMO_CACHE`, else `vimo` in the platform's folder for caches. May not exist."""
    if named := os.environ.get("VIMO_CACHE"):
        return Path(named).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "vimo" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "vimo"
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification says to ignore a relative path.
    return (Path(xdg) if os.path.isabs(xdg) else Path.home() / ".cache") / "vimo"


def is_compiled(package: str) -> bool:
    """Whether functions of a package are compiled already; package: the name of its folder (`librosa`, `render`)."""
    python = f"py{sys.version_info.major}{sys.version_info.minor}"
    return any(Path(os.environ["NUMBA_CACHE_DIR"]).glob(f"{package}_*/*.{python}.nbi"))


def is_kept() -> bool:
    """Whether what is compiled now will be there for the next run."""
    return not _passing


def _passing_folder() -> str:
    folder = tempfile.mkdtemp(prefix="vimo-compiled-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _passing.append(folder)
    return folder


def _has_home() -> bool:
    try:
        return bool(Path.home())
    except RuntimeError:
        return False


def _is_writable(folder: str) -> bool:
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


# Processes that this one starts find the same folders in their environment.
if not (os.path.isabs(os.environ.get("XDG_CACHE_HOME", "")) or _has_home()):
    os.environ["XDG_CACHE_HOME"] = _passing_folder()  # librosa's import needs either
_compiled = os.environ.get("NUMBA_CACHE_DIR") or str(cache_folder() / "numba")
os.environ["NUMBA_CACHE_DIR"] = _compiled if _is_writable(_compiled) else _passing_folder()
