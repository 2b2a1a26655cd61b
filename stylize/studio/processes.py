"""Modules of the suite run as processes of their own, wherever the suite lies and the studio was started."""

import os
import sys
from pathlib import Path

_SUITE = str(Path(__file__).resolve().parents[2])


def module_command(module: str, *arguments: str) -> list[str]:
    """-P: what lies in the current folder is never imported."""
    return [sys.executable, "-P", "-m", module, *arguments]


def module_environment(**more: str) -> dict[str, str]:
    """This process's environment, in which the suite is found."""
    found = [_SUITE, *filter(None, [os.environ.get("PYTHONPATH")])]
    return dict(os.environ, PYTHONPATH=os.pathsep.join(found), PYTHONUNBUFFERED="1", **more)
