"""Paths as people type them, and what already lies where a command writes."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core_vimo.errors import InputError


def expanded(text: str) -> str:
    """`~` and `~/…` begin at the home folder, also where no shell has seen to it (`--out='~/x'`, `key=~/x`).

    Other names that begin with `~` are left alone: files may be called so.
    """
    return os.path.expanduser(text) if text == "~" or text.startswith(("~/", f"~{os.sep}")) else text


def require_others(targets: Iterable[Path], sources: Iterable[Path | None]) -> None:
    """Raise InputError where something to be written is something to be read."""
    read = [source for source in sources if source is not None and source.exists()]
    for target in targets:
        if target.exists() and any(target.samefile(source) for source in read):
            raise InputError(f"{target}: would be replaced though it is read here; choose another place with --out")


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Print the path once it is written, and that an older file or folder had to go where one lay there."""
    replaced = path.exists()
    yield
    print(f"{path} (an older {'folder' if path.is_dir() else 'file'} was replaced)" if replaced else path)
