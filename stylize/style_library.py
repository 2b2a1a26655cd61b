"""Where styles live: a folder each, one's own in the platform's place for data, those that ship beside this file.

```
NAME/branch.safetensors style.yaml card.md manifest.json    the style, once it is trained
NAME/clips/                                                 the clips it is made of (`core_vimo.clip_set`)
NAME/training/                                              where its training stands
```
"""

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from core_vimo.errors import InputError
from core_vimo.publish import MANIFEST
from edge_adapter.style import STYLE_FILES, STYLE_NAME, checked_name

SHIPPED = Path(__file__).resolve().parent / "styles"
"""Styles that come with the suite."""

FILES = (*STYLE_FILES, MANIFEST)
"""What a trained style is; nothing else of its folder is ever given away."""

_TAKEN = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
"""Names that Windows keeps for devices."""


def library() -> Path:
    """One's own styles: `VIMO_STYLES`, else `vimo/styles` in the platform's folder for data. May not exist."""
    if named := os.environ.get("VIMO_STYLES"):
        return Path(named).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "vimo" / "styles"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "vimo" / "styles"
    xdg = os.environ.get("XDG_DATA_HOME", "")
    # The XDG specification says to ignore a relative path.
    return (Path(xdg) if os.path.isabs(xdg) else Path.home() / ".local" / "share") / "vimo" / "styles"


def is_name(text: str) -> bool:
    """Whether a style may be called so, and its folder."""
    return STYLE_NAME.fullmatch(text) is not None and text not in _TAKEN


def own_folder(name: str) -> Path:
    """Where one's own style of this name lies, or will. Raises InputError for what is no name."""
    if checked_name(name) in _TAKEN:
        raise InputError(f"'{name}' can't be a style's name, since Windows keeps it for a device; take another")
    return library() / name


def clips_of(folder: Path) -> Path:
    return folder / "clips"


def training_of(folder: Path) -> Path:
    return folder / "training"


def is_trained(folder: Path) -> bool:
    return all((folder / name).is_file() for name in FILES)


def styles() -> dict[str, Path]:
    """Every style by its name, trained or not; one's own before the one of the same name that ships."""
    found = {folder.name: folder for place in (SHIPPED, library()) for folder in _folders(place)}
    return dict(sorted(found.items()))


def _folders(place: Path) -> list[Path]:
    try:
        named = [entry for entry in place.iterdir() if is_name(entry.name)]
    except OSError:  # nothing was ever put there, or nobody may look
        return []
    return [folder for folder in named if is_trained(folder) or clips_of(folder).is_dir()]


def folder_of(name: str) -> Path:
    """The folder of a style in the library, trained or not. Raises InputError, which lists those there are."""
    known = styles()
    if name in known:
        return known[name]
    there = f"there are {', '.join(known)}" if known else "there are none yet"
    raise InputError(f"there is no style '{name:.60}'; {there}; `vimo style add` makes one of clips")


def find_style(style: str | Path) -> Path:
    """The folder of a trained style, by its name in the library or by the folder's path.

    Raises InputError, which for an unknown name lists the known ones.
    """
    text = str(style)
    if text not in styles() and (Path(text).is_dir() or re.search(r"[/\\]", text)):
        if not is_trained(Path(text)):
            raise InputError(f"{text}: there is no style in this folder; give one that holds {', '.join(FILES)}")
        return Path(text)
    folder = folder_of(text)
    if not is_trained(folder):
        raise InputError(f"the style '{text}' isn't trained yet; run `vimo style train {text}` first")
    return folder


def remove(name: str) -> Path:
    """Delete one's own style with its clips and its training. Raises InputError where there is none of this name."""
    folder = own_folder(name)
    if not folder.exists() and not folder.is_symlink():
        if name in styles():
            raise InputError(f"the style '{name}' comes with the suite and stays; only one's own can be removed")
        folder_of(name)
    if folder.is_symlink():  # what it points to is somebody's else
        folder.unlink()
        return folder
    try:
        aside = Path(tempfile.mkdtemp(prefix=f".{name}-removing-", dir=folder.parent))
        os.replace(folder, aside / name)  # gone in one stroke, whatever becomes of the rest
        shutil.rmtree(aside)
    except OSError as error:
        raise InputError(f"{folder}: cannot be removed ({error.strerror}); check who may write there") from error
    return folder
