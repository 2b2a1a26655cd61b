"""Where compiled and computed things are kept between runs; import this before librosa or numba.

numba's default cache lies beside the installed package, where two processes that compile at once can poison it
(seen with numba 0.68.1: from then on every process that tracks beats dies with a segmentation fault) and where users
of one installation may not write. A folder of our own cures both.
"""

import os
import sys
from pathlib import Path


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


os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder() / "numba"))
