"""Motions on disk, with whatever belongs to each: memory-mapped, so that a window is read and not the whole motion.

```
index.json              {"format": 1, ..., ENTRIES: [{name, split, frames, ...}]}
ENTRIES/NAME.safetensors   rotations [S,24,3,3], root_m [S,3], contacts [S,4], and tensors of the kind's own
```

All at 30 fps. A kind of data set (dances with music, motions with views) names its entries and its own tensors.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
from safetensors.torch import save_file
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.motion import FPS, Motion
from core_vimo.publish import publish_folder, sha256_file
from core_vimo.reading import read_json

FORMAT = 1

_MOTION = ("rotations", "root_m", "contacts")


@dataclass(frozen=True)
class Kind:
    """`entry` is what one is called; `texts` are a row's texts beside its name and split, `facts` the index's."""

    entry: str
    command: str
    texts: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()

    @property
    def entries(self) -> str:
        return f"{self.entry}s"


@dataclass(frozen=True, eq=False)
class Entry:
    """A motion to store, with the kind's own tensors and texts; a name stands for its file."""

    name: str
    split: str
    motion: Motion
    tensors: dict[str, Tensor] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


def write_store(kind: Kind, entries: Iterable[Entry], folder: Path | str, **facts: str) -> None:
    """Write a data set in one stroke; nothing is left behind when one entry fails."""
    rows = []
    with publish_folder(folder, ("index.json", kind.entries)) as aside:
        (aside / kind.entries).mkdir()
        for entry in entries:
            file = aside / kind.entries / f"{entry.name}.safetensors"
            if file.exists():
                raise InputError(f"{entry.name}: two {kind.entries} are called so; rename one of the files")
            if entry.motion.fps != FPS:
                raise InputError(f"{entry.name}: {entry.motion.fps:g} frames a second; resample it to {FPS:g}")
            write_motion_tensors(entry.motion, file, entry.tensors)
            rows.append({"name": entry.name, "split": entry.split, "frames": len(entry.motion), **entry.texts})
        if not rows:
            raise InputError(f"{folder}: no {kind.entry} was given, so there is nothing to write")
        index = {"format": FORMAT, **facts, kind.entries: rows}
        (aside / "index.json").write_text(json.dumps(index, indent=1) + "\n")


class MotionStore:
    """The entries of one split of a data set on disk; opening reads the index alone."""

    def __init__(self, kind: Kind, folder: Path | str, split: str) -> None:
        self.kind, self.folder = kind, Path(folder)
        self.index = _read_index(kind, self.folder)
        self.rows: list[dict[str, Any]] = [row for row in self.index[kind.entries] if row["split"] == split]
        if not self.rows:
            raise InputError(f"{self.folder}: holds no {kind.entry} of the split '{split}'")

    def __len__(self) -> int:
        return len(self.rows)

    def path(self, index: int) -> Path:
        return self.folder / self.kind.entries / f"{self.rows[index]['name']}.safetensors"

    def cut(
        self,
        index: int,
        start: int,
        frames: int,
        along: Sequence[str] = (),
        whole: Sequence[str] = (),
        by_view: Mapping[str, int] | None = None,
    ) -> tuple[Motion, dict[str, Tensor]]:
        """`frames` frames of one motion from `start`, and of the kind's own tensors that entry has: those `along`
        its frames (their first axis) cut alike, the `whole` ones uncut, those `by_view` cut along their second axis
        where they have as many axes as is said, and uncut otherwise: what stands still has no frames."""
        try:
            return read_stretch(self.path(index), start, frames, along, whole, by_view)
        except InputError as error:
            raise InputError(f"{error}; make the data set again") from error

    def damaged(self, index: int, what: str) -> InputError:
        return InputError(f"{self.path(index)}: {what}; make the data set again")

    @property
    def seconds(self) -> float:
        return sum(row["frames"] for row in self.rows) / FPS

    def motions(self) -> list[Motion]:
        return [self.cut(i, 0, row["frames"])[0] for i, row in enumerate(self.rows)]

    def windows(self, frames: int, stride: int) -> list[tuple[int, int]]:
        """(entry, first frame) of one window a `stride`; entries shorter than a window have none."""
        if not all(type(number) is int and number > 0 for number in (frames, stride)):
            raise InputError(
                f"data.frames={frames} and data.stride={stride} must be whole numbers of frames, 1 or more"
            )
        starts = [
            (entry, start)
            for entry, row in enumerate(self.rows)
            for start in range(0, row["frames"] - frames + 1, stride)
        ]
        if not starts:
            longest = max(row["frames"] for row in self.rows)
            raise InputError(
                f"{self.folder}: the longest {self.kind.entry} has {longest} frames, a window needs {frames}, which "
                f"are {frames / FPS:.1f} s; add longer ones"
            )
        return starts

    def jittered(self, window: tuple[int, int], frames: int, stride: int, draw: float) -> int:
        """Where a window starts within its stride; `draw` in [0, 1)."""
        entry, start = window
        return start + int(draw * min(stride, self.rows[entry]["frames"] - frames - start + 1))


def write_motion_tensors(motion: Motion, path: Path, tensors: dict[str, Tensor] | None = None) -> None:
    """A motion and whatever else belongs to it as one safetensors file."""
    own = {name: tensor.contiguous() for name, tensor in (tensors or {}).items()}
    save_file({name: getattr(motion, name).contiguous() for name in _MOTION} | own, path)


def read_stretch(
    path: Path,
    start: int,
    frames: int,
    along: Sequence[str] = (),
    whole: Sequence[str] = (),
    by_view: Mapping[str, int] | None = None,
) -> tuple[Motion, dict[str, Tensor]]:
    """`frames` frames from `start` of such a file, nothing else of it is read; see `MotionStore.cut`."""
    window = slice(start, start + frames)
    try:
        with safetensors.safe_open(path, "pt") as file:
            there = set(file.keys())
            motion = Motion(**{name: file.get_slice(name)[window] for name in _MOTION}, fps=FPS)
            own = {name: file.get_slice(name)[window] for name in along if name in there}
            own |= {name: file.get_tensor(name) for name in whole if name in there}
            viewed = (by_view or {}).items()
            own |= {name: _of_views(file.get_slice(name), axes, window) for name, axes in viewed if name in there}
    except (OSError, RuntimeError, TypeError, InputError, safetensors.SafetensorError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    if len(motion) != frames:
        raise InputError(f"{path}: doesn't hold the frames that the index names")
    return motion, own


def _of_views(values: Any, axes: int, window: slice) -> Tensor:
    cut: Tensor = values[:, window] if len(values.get_shape()) == axes else values[:]
    return cut


def _read_index(kind: Kind, folder: Path) -> dict[str, Any]:
    path = folder / "index.json"
    try:
        index: dict[str, Any] = read_json(path)
        known = index["format"] == FORMAT
        sound = all(isinstance(index[fact], str) for fact in kind.facts)
        sound = sound and all(_is_row(kind, row) for row in index[kind.entries])
    except (InputError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a data set of {kind.entries}; make one with `{kind.command}`") from error
    if not known:
        raise InputError(f"{path}: written by another version of the suite; make it again with `{kind.command}`")
    if not sound:
        raise InputError(f"{path}: damaged, or names files outside the data set; make it again with `{kind.command}`")
    return index


def _is_row(kind: Kind, row: Any) -> bool:
    """A name is that of a file in the entries' folder, never a path that leads out of it."""
    texts = [row[key] for key in ("name", "split", *kind.texts)]
    plain = all(isinstance(text, str) for text in texts) and not set(row["name"]) & set("/\\\0")
    return plain and type(row["frames"]) is int and row["frames"] > 0


def data_hash(folder: Path | str) -> str:
    """sha256 over the index and every entry: names in a bundle what it was trained on."""
    folder = Path(folder)
    digest = hashlib.sha256((folder / "index.json").read_bytes())
    for file in sorted(folder.glob("*/*.safetensors")):
        digest.update(f"{file.name}:{sha256_file(file)}".encode())
    return digest.hexdigest()
