"""Dances with their music on disk, and the windows a model trains on.

```
index.json             {"format": 1, "extractor": "librosa35", "dances": [{name, split, frames, music}]}
dances/NAME.safetensors   rotations [S,24,3,3], root_m [S,3], contacts [S,4], features [S,C], beats_s [N]
```

Files are memory-mapped; a window is read, not the dance. All dances are at 30 fps.
"""

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor

from core_vimo.codec import MotionCodec
from core_vimo.errors import InputError
from core_vimo.motion import Motion, turn
from core_vimo.publish import publish_folder, sha256_file
from core_vimo.randomness import generator
from core_vimo.reading import read_json

FORMAT = 1
FPS = 30.0

TURN_RADIANS = math.radians(20)
"""Dances face the audience on average, and a dancer knows where it is; turned every way, a model learns far slower."""


@dataclass(frozen=True, eq=False)
class PairedDance:
    """A dance and its music, frame by frame: motion of S frames at 30 fps, features `[S, C]`, beats_s `[N]` seconds.

    `music` says where the music came from; `split` is train or test.
    """

    name: str
    motion: Motion
    features: Tensor
    beats_s: Tensor
    music: str
    split: str = "train"


def write_dance_set(dances: Iterable[PairedDance], folder: Path | str, extractor: str) -> None:
    """Write a data set in one stroke; nothing is left behind when one dance fails."""
    rows = []
    with publish_folder(folder, ("index.json", "dances")) as aside:
        (aside / "dances").mkdir()
        for dance in dances:
            file = aside / "dances" / f"{dance.name}.safetensors"
            if file.exists():
                raise InputError(f"{dance.name}: two dances are called so; rename one of the files")
            if len(dance.features) != len(dance.motion):
                raise InputError(
                    f"{dance.name}: {len(dance.features)} frames of music, {len(dance.motion)} of dance; cut them alike"
                )
            save_file(_tensors(dance), file)
            rows.append({"name": dance.name, "split": dance.split, "frames": len(dance.motion), "music": dance.music})
        if not rows:
            raise InputError(f"{folder}: no dance was given, so there is nothing to write")
        index = {"format": FORMAT, "extractor": extractor, "dances": rows}
        (aside / "index.json").write_text(json.dumps(index, indent=1) + "\n")


def _tensors(dance: PairedDance) -> dict[str, Tensor]:
    return {
        "rotations": dance.motion.rotations.contiguous(),
        "root_m": dance.motion.root_m.contiguous(),
        "contacts": dance.motion.contacts.contiguous(),
        "features": dance.features.to(torch.float32).contiguous(),
        "beats_s": dance.beats_s.to(torch.float64).contiguous(),
    }


class DanceSet:
    """The dances of one split of a data set on disk."""

    def __init__(self, folder: Path | str, split: str = "train") -> None:
        self.folder = Path(folder)
        index = _read_index(self.folder)
        self.extractor: str = index["extractor"]
        self.rows = [row for row in index["dances"] if row["split"] == split]
        if not self.rows:
            raise InputError(f"{self.folder}: holds no dance of the split '{split}'")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> PairedDance:
        return self.read(index, 0, self.rows[index]["frames"])

    def read(self, index: int, start: int, frames: int) -> PairedDance:
        """`frames` frames of one dance from `start`; its beats are those of the whole dance."""
        row = self.rows[index]
        path = self.folder / "dances" / f"{row['name']}.safetensors"
        try:
            with safetensors.safe_open(path, "pt") as file:
                cut = {
                    name: file.get_slice(name)[start : start + frames]
                    for name in ("rotations", "root_m", "contacts", "features")
                }
                beats_s = file.get_tensor("beats_s")
            motion = Motion(cut["rotations"], cut["root_m"], cut["contacts"], FPS)
        except (OSError, RuntimeError, TypeError, InputError, safetensors.SafetensorError) as error:
            raise InputError(f"{path}: cannot be read ({error}); make the data set again") from error
        if len(motion) != frames or cut["features"].shape[:1] != (frames,) or cut["features"].ndim != 2:
            raise InputError(f"{path}: doesn't hold the frames that index.json names; make the data set again")
        if not cut["features"].isfinite().all():
            raise InputError(f"{path}: its music features hold NaN or infinity; make the data set again")
        return PairedDance(row["name"], motion, cut["features"], beats_s, row["music"], row["split"])

    @property
    def seconds(self) -> float:
        return sum(row["frames"] for row in self.rows) / FPS

    def motions(self) -> list[Motion]:
        return [self[i].motion for i in range(len(self))]


def _read_index(folder: Path) -> dict:
    path = folder / "index.json"
    try:
        index = read_json(path)
        known = index["format"] == FORMAT
        sound = isinstance(index["extractor"], str) and all(map(_is_row, index["dances"]))
    except (InputError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a data set of dances; make one with `vimo dataset`") from error
    if not known:
        raise InputError(f"{path}: written by another version of the suite; make it again with `vimo dataset`")
    if not sound:
        raise InputError(f"{path}: damaged, or names files outside the data set; make it again with `vimo dataset`")
    return index


def _is_row(row: Any) -> bool:
    """A name is that of a file in `dances/`, never a path that leads out of it."""
    texts = [row[key] for key in ("name", "split", "music")]
    plain = all(isinstance(text, str) for text in texts) and not set(row["name"]) & set("/\\\0")
    return plain and type(row["frames"]) is int and row["frames"] > 0


def fit_codec(motions: list[Motion]) -> MotionCodec:
    """The codec of a model of these dances, which may also turn as they never do here."""
    return MotionCodec.fit(motions, any_heading=True)


class DanceWindows(torch.utils.data.Dataset):
    """Training windows: `self[(index, epoch)]` is {"x": [S, 151] normalised, "music": [S, C]}.

    One index a `stride` frames of every dance; where in its stride a window starts and a turn of up to `TURN_RADIANS`
    are drawn anew each epoch, as a function of (seed, epoch, index). Dances shorter than a window are left out.
    """

    def __init__(self, dances: DanceSet, codec: MotionCodec, frames: int, stride: int, seed: int) -> None:
        if not all(type(number) is int and number > 0 for number in (frames, stride)):
            raise InputError(
                f"data.frames={frames} and data.stride={stride} must be whole numbers of frames, 1 or more"
            )
        self.dances, self.codec = dances, codec
        self.frames, self.stride, self.seed = frames, stride, seed
        self.starts = [
            (dance, start)
            for dance, row in enumerate(dances.rows)
            for start in range(0, row["frames"] - frames + 1, stride)
        ]
        if not self.starts:
            longest = max(row["frames"] for row in dances.rows)
            raise InputError(f"{dances.folder}: the longest dance has {longest} frames, a window needs {frames}")

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        index, epoch = key
        draw = torch.rand(2, generator=generator(self.seed, epoch, index, "window"))
        dance, start = self.starts[index]
        room = min(self.stride, self.dances.rows[dance]["frames"] - self.frames - start + 1)
        window = self.dances.read(dance, start + int(draw[0] * room), self.frames)
        facing = turn(window.motion, (2 * float(draw[1]) - 1) * TURN_RADIANS)
        return {"x": self.codec.encode(facing), "music": window.features}


def data_hash(folder: Path | str) -> str:
    """sha256 over the index and every dance: names in a bundle what it was trained on."""
    folder = Path(folder)
    digest = hashlib.sha256((folder / "index.json").read_bytes())
    for file in sorted((folder / "dances").iterdir()):
        digest.update(f"{file.name}:{sha256_file(file)}".encode())
    return digest.hexdigest()
