"""The clips of a style on disk: motions with their music, and an index of windows that opens at once at any size.

```
clips.json      {"format": 1, "window_frames": 150, "extractor": "librosa35", "windows": N, "clips": [{name, ...}]}
windows.npy     one row of `WINDOW` a window, memory-mapped; `item` counts the clips of clips.json
overrules.json  {"NAME/take/start": true | false}: what a person thinks of a window, against its verdict
items/NAME/     takeK.safetensors {rotations [S,24,3,3], root_m [S,3], contacts [S,4]}, of a video also what was seen of
                it, as in motion_set; music.safetensors {features [S,C], beats_s [N]}, windows.json, and a picture
                NNN.png of each window
```

All at 30 fps. The takes of a clip are motions of the same S frames, which share its music. A clip that couldn't be used
is listed too, with the sentence that says why.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.motion import FPS, Motion
from core_vimo.motion_store import read_stretch, write_motion_tensors
from core_vimo.publish import publish_file, publish_into
from core_vimo.reading import read_json
from core_vimo.video_to_motion.motion_set import BY_VIEW, WHOLE, Views, view_tensors, views_fit

FORMAT = 1
INDEX, WINDOWS, OVERRULES, ITEMS = "clips.json", "windows.npy", "overrules.json", "items"

SCORES = ("visibility", "jitter", "skating_m_s", "float_m", "copy_m")
"""What `scores` of a window holds: the share of joints seen; jitter, 10 m/s³; how fast feet on the floor slide; how
high the lower foot is on average; how near a stretch of an earlier clip comes (infinite without one)."""

WINDOW = np.dtype(
    [
        ("item", "<i4"),
        ("take", "<i4"),
        ("start", "<i4"),
        ("kept", "?"),
        ("reason", "<i2"),
        ("split", "i1"),
        ("scores", "<f4", (len(SCORES),)),
    ]
)
"""start: its first frame. reason: why it was rejected, 0 where kept. split: 0 train, 1 test, -1 neither, where a window
lies across the border between them."""

SPLITS = {"train": 0, "test": 1}


@dataclass(frozen=True)
class Clip:
    """One clip of `clips.json`. kind: video or motion; sound: where its music is from, in words; frames of a take.

    split: train, test, or both, where the end of its time is held out; failed: why it couldn't be used.
    """

    name: str
    sha256: str
    kind: str
    sound: str = ""
    frames: int = 0
    takes: int = 0
    split: str = "train"
    failed: str | None = None


def write_take(motion: Motion, folder: Path, take: int, views: Views | None = None) -> None:
    """One motion of a clip, and its views where a camera saw it; into the clip's folder, which the caller publishes."""
    tensors = {} if views is None else view_tensors(views)
    write_motion_tensors(motion, folder / f"take{take}.safetensors", tensors)


def write_music(features: Tensor, beats_s: Tensor, folder: Path) -> None:
    """A clip's music: `features [S, C]` frame by frame, beats in seconds from its first frame."""
    tensors = {"features": features.float().contiguous(), "beats_s": beats_s.double().contiguous()}
    save_file(tensors, folder / "music.safetensors")


def write_clip_index(
    folder: Path,
    clips: Sequence[Clip],
    windows: np.ndarray[Any, Any],
    window_frames: int,
    extractor: str,
    **facts: str,
) -> None:
    """The index of a set whose clips lie in `items/` already; replaces an older one. `facts` are noted in it."""
    index = {
        **facts,
        "format": FORMAT,
        "window_frames": window_frames,
        "extractor": extractor,
        "windows": len(windows),
        "clips": [asdict(clip) for clip in clips],
    }
    with publish_into(folder) as aside:
        np.save(aside / WINDOWS, windows.astype(WINDOW), allow_pickle=False)
        (aside / INDEX).write_text(json.dumps(index, indent=1) + "\n")


class ClipSet:
    """A clip set on disk; opening it reads the clips' names, and maps the windows."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        index = _read_index(self.folder / INDEX)
        self.index = index
        self.window_frames: int = index["window_frames"]
        self.extractor: str = index["extractor"]
        self.clips: list[Clip] = [Clip(**row) for row in index["clips"]]
        self.windows = _map_windows(self.folder / WINDOWS, index["windows"])
        self.overrules = read_overrules(self.folder / OVERRULES)

    def __len__(self) -> int:
        return len(self.windows)

    def kept(self, split: str) -> np.ndarray[Any, Any]:
        """The indices of the windows of `train` or `test` that are to be learned from, a person's word included."""
        if split not in SPLITS:
            raise ValueError(f"a split is one of {', '.join(SPLITS)}, not {split}")
        return np.flatnonzero(self.verdicts() & (self.windows["split"] == SPLITS[split]))

    def verdicts(self) -> np.ndarray[Any, Any]:
        """Which windows are kept, `[N]`: the verdict, or what a person said of it in `overrules.json`."""
        kept = np.array(self.windows["kept"])
        items = {clip.name: number for number, clip in enumerate(self.clips)}
        for (name, take, start), wanted in self.overrules.items():
            rows = self.windows
            kept[(rows["item"] == items.get(name, -1)) & (rows["take"] == take) & (rows["start"] == start)] = wanted
        return kept

    def read(self, window: int) -> tuple[Motion, Tensor, Tensor]:
        """A window's motion, its music's features `[S, C]`, and its clip's beats in seconds from the window's start."""
        path, start = self._take(window)
        motion, _ = self._stretch(path, start)
        features, beats_s = self._music(path.with_name("music.safetensors"), start)
        return motion, features, beats_s - start / FPS

    def views(self, window: int) -> Views | None:
        """What cameras saw of a window, in its motion's world; None where the clip is no video's."""
        path, start = self._take(window)
        _, own = self._stretch(path, start, whole=WHOLE, by_view=BY_VIEW)
        if own and not views_fit(own, self.window_frames):
            raise self._damaged(path, "its views don't fit its motion or are not finite")
        return Views(**own) if own else None

    def clip_of(self, window: int) -> Clip:
        return self.clips[int(self.windows[window]["item"])]

    def _take(self, window: int) -> tuple[Path, int]:
        """The file of a window's motion, and the window's first frame in it."""
        row = self.windows[window]
        item, take, start = int(row["item"]), int(row["take"]), int(row["start"])
        if not (0 <= item < len(self.clips) and take >= 0 and start >= 0):
            raise self._damaged(self.folder / WINDOWS, "names what clips.json doesn't")
        return self.folder / ITEMS / self.clips[item].name / f"take{take}.safetensors", start

    def _stretch(self, path: Path, start: int, **own: Any) -> tuple[Motion, dict[str, Tensor]]:
        try:
            return read_stretch(path, start, self.window_frames, **own)
        except InputError as error:
            raise InputError(f"{error}; {_AGAIN}") from error

    def _music(self, path: Path, start: int) -> tuple[Tensor, Tensor]:
        try:
            with safetensors.safe_open(path, "pt") as file:
                features = file.get_slice("features")[start : start + self.window_frames]
                beats_s = file.get_tensor("beats_s")
        except (OSError, RuntimeError, TypeError, safetensors.SafetensorError) as error:
            raise self._damaged(path, f"cannot be read ({error})") from error
        if features.ndim != 2 or len(features) != self.window_frames or beats_s.ndim != 1:
            raise self._damaged(path, "doesn't hold the window's frames of music")
        if not (features.isfinite().all() and beats_s.isfinite().all()):
            raise self._damaged(path, "holds NaN or infinity")
        return features.to(torch.float32), beats_s

    def _damaged(self, path: Path, what: str) -> InputError:
        return InputError(f"{path}: {what}; {_AGAIN}")


_AGAIN = "collect the clips again with `vimo style add`"


def read_overrules(path: Path) -> dict[tuple[str, int, int], bool]:
    """{(clip, take, start): to be kept}; empty where there is no such file, InputError where it says anything else."""
    if not path.exists():
        return {}
    try:
        said = {_window_key(key): wanted for key, wanted in dict(read_json(path)).items()}
    except (TypeError, ValueError):
        said = None
    if said is None or not all(isinstance(wanted, bool) for wanted in said.values()):
        raise InputError(f'{path}: must read {{"NAME/take/start": true or false, ...}}; mend or remove it')
    return said


def overrule(folder: Path, window: tuple[str, int, int], wanted: bool) -> None:
    """Note beside the clips of `folder` that a window (clip, take, start) is wanted, whatever its verdict."""
    said = read_overrules(folder / OVERRULES) | {window: wanted}
    with publish_file(folder / OVERRULES) as aside:
        aside.write_text(json.dumps({"/".join(map(str, key)): value for key, value in said.items()}, indent=1) + "\n")


def _window_key(text: str) -> tuple[str, int, int]:
    name, take, start = text.split("/")
    return name, int(take), int(start)


def _read_index(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise InputError(f"{path.parent}: holds no clips; collect some with `vimo style add`")
    try:
        index: dict[str, Any] = read_json(path)
        known = index["format"] == FORMAT
        sound = all(_is_clip(row) for row in index["clips"]) and isinstance(index["extractor"], str)
        sound = sound and all(type(index[key]) is int and index[key] >= 0 for key in ("window_frames", "windows"))
    except (InputError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not an index of clips, or damaged; {_AGAIN}") from error
    if not known:
        raise InputError(f"{path}: written by another version of the suite; {_AGAIN}")
    if not sound:
        raise InputError(f"{path}: damaged, or names files outside the clips; {_AGAIN}")
    return index


def _is_clip(row: dict[str, Any]) -> bool:
    """A name is that of a folder in `items/`, never a path that leads out of it."""
    texts = all(isinstance(row[key], str) for key in ("name", "sha256", "kind", "sound", "split"))
    counts = all(type(row[key]) is int and row[key] >= 0 for key in ("frames", "takes"))
    known = row.keys() <= Clip.__dataclass_fields__.keys() and isinstance(row["failed"], str | None)
    return texts and counts and known and row["name"] not in ("", ".", "..") and not set(row["name"]) & set("/\\\0")


def _map_windows(path: Path, count: int) -> np.ndarray[Any, Any]:
    try:
        windows = np.load(path, mmap_mode="r", allow_pickle=False) if count else np.zeros(0, WINDOW)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: cannot be read ({error}); {_AGAIN}") from error
    if not isinstance(windows, np.ndarray) or windows.dtype != WINDOW or windows.shape != (count,):
        raise InputError(f"{path}: doesn't hold the {count} windows that clips.json speaks of; {_AGAIN}")
    return windows
