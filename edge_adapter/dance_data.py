"""Dances with their music on disk, and the windows a model trains on.

```
index.json             {"format": 1, "extractor": "librosa35", "dances": [{name, split, frames, music}]}
dances/NAME.safetensors   rotations [S,24,3,3], root_m [S,3], contacts [S,4], features [S,C], beats_s [N]
```
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from core_vimo.codec import MotionCodec
from core_vimo.errors import InputError
from core_vimo.motion import FPS, Motion, turn
from core_vimo.motion_store import Entry, Kind, MotionStore, write_store
from core_vimo.randomness import generator
from edge_adapter.beat_phase import WITH_BEATS, with_beat_phase

DANCES = Kind("dance", "vimo dataset dances", texts=("music",), facts=("extractor",))

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
    write_store(DANCES, map(_entry, dances), folder, extractor=extractor)


def _entry(dance: PairedDance) -> Entry:
    if len(dance.features) != len(dance.motion):
        raise InputError(
            f"{dance.name}: {len(dance.features)} frames of music, {len(dance.motion)} of dance; cut them alike"
        )
    tensors = {"features": dance.features.to(torch.float32), "beats_s": dance.beats_s.to(torch.float64)}
    return Entry(dance.name, dance.split, dance.motion, tensors, {"music": dance.music})


class DanceSet(MotionStore):
    """The dances of one split of a data set on disk; with `beat_phase`, their features tell of their beats too."""

    def __init__(self, folder: Path | str, split: str = "train", *, beat_phase: bool = False) -> None:
        super().__init__(DANCES, folder, split)
        self.beat_phase = beat_phase
        self.extractor: str = self.index["extractor"] + (WITH_BEATS if beat_phase else "")

    def __getitem__(self, index: int) -> PairedDance:
        return self.read(index, 0, self.rows[index]["frames"])

    def read(self, index: int, start: int, frames: int) -> PairedDance:
        """`frames` frames of one dance from `start`; its beats are those of the whole dance."""
        row = self.rows[index]
        motion, own = self.cut(index, start, frames, along=("features",), whole=("beats_s",))
        features, beats_s = own.get("features"), own.get("beats_s")
        if features is None or beats_s is None or features.shape[:1] != (frames,) or features.ndim != 2:
            raise self.damaged(index, "doesn't hold the frames of music that index.json names")
        if not features.isfinite().all():
            raise self.damaged(index, "its music features hold NaN or infinity")
        if self.beat_phase:
            features = with_beat_phase(features, beats_s.numpy() - start / FPS)
        return PairedDance(row["name"], motion, features, beats_s, row["music"], row["split"])


def fit_codec(motions: list[Motion]) -> MotionCodec:
    """The codec of a model of these dances, which may also turn as they never do here."""
    return MotionCodec.fit(motions, any_heading=True)


class DanceWindows(torch.utils.data.Dataset):
    """Training windows: `self[(index, epoch)]` is {"x": [S, 151] normalised, "condition": [S, C] music}.

    One index a `stride` frames of every dance; where in its stride a window starts and a turn of up to `TURN_RADIANS`
    are drawn anew each epoch, as a function of (seed, epoch, index). Dances shorter than a window are left out.
    """

    def __init__(self, dances: DanceSet, codec: MotionCodec, frames: int, stride: int, seed: int) -> None:
        self.dances, self.codec = dances, codec
        self.frames, self.stride, self.seed = frames, stride, seed
        self.starts = dances.windows(frames, stride)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        index, epoch = key
        draw = torch.rand(2, generator=generator(self.seed, epoch, index, "window"))
        start = self.dances.jittered(self.starts[index], self.frames, self.stride, float(draw[0]))
        window = self.dances.read(self.starts[index][0], start, self.frames)
        facing = turn(window.motion, (2 * float(draw[1]) - 1) * TURN_RADIANS)
        return {"x": self.codec.encode(facing), "condition": window.features}
