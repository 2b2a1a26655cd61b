"""Footage: what was seen of one person in a video, and its own JSON file (`*.poses.json`)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.motion import FPS
from core_vimo.pose2d import COCO_NAMES, Pose2D
from core_vimo.publish import publish_file
from core_vimo.reading import naming, read_json

SUFFIX = ".poses.json"

_FORMAT = 1
_LARGEST_PX = 1 << 16  # as wide as any picture; also what float32 tells apart to 0.01 px
_NUMBERS = 3 * len(COCO_NAMES)
_FARTHEST_M = 10.0  # from somebody's hips
_KEYS = {"format", "joints", "size", "fps", "cuts", "source", "keypoints"}


@dataclass(frozen=True, eq=False)
class Footage:
    """One person's 2D poses at 30 fps; `cuts` are the frames > 0 at which a new shot begins, rising.

    world_m `[S, 17, 3]`: where an estimator that guesses in space takes the points to be, x to the right, y down, z
    away from the camera, metres from the mid-hips; zeros where nobody was seen. None of other estimators.

    Raises InputError for another rate (see `at_30_fps`) and cuts that don't rise inside the frames.
    """

    pose: Pose2D
    cuts: tuple[int, ...] = ()
    source: str = ""
    world_m: Tensor | None = None

    def __post_init__(self) -> None:
        if self.pose.fps != FPS:
            raise InputError(f"footage is at {FPS:g} frames a second, not {self.pose.fps:g}; resample the poses first")
        bounds = (0, *self.cuts, len(self))
        if self.world_m is not None and self.world_m.shape != self.pose.keypoints.shape:
            raise InputError(f"places in space must be [{len(self)}, 17, 3], not {list(self.world_m.shape)}")
        if self.cuts and any(later <= earlier for earlier, later in pairwise(bounds)):
            raise InputError(f"cuts must rise and lie inside the {len(self)} frames; they are frame numbers above 0")

    def __len__(self) -> int:
        return len(self.pose)

    def __getitem__(self, frames: slice) -> "Footage":
        """A stretch of it, step 1; a cut at its first frame is none any more."""
        first, stop, step = frames.indices(len(self))
        if step != 1:
            raise ValueError("footage is sliced without a step; other rates need resampling")
        pose = Pose2D(self.pose.keypoints[first:stop], self.pose.size, FPS)
        cuts = tuple(cut - first for cut in self.cuts if first < cut < stop)
        return Footage(pose, cuts, self.source, None if self.world_m is None else self.world_m[first:stop])

    @property
    def seconds(self) -> float:
        return len(self) / FPS

    def shots(self) -> list[slice]:
        """The frames of each shot, in order."""
        return [slice(first, stop) for first, stop in pairwise((0, *self.cuts, len(self))) if first < stop]


def at_30_fps(pose: Pose2D, cuts: tuple[int, ...] = (), source: str = "") -> Footage:
    """Footage of poses at any rate: linear between two frames of a shot that both have the joint, else the nearer one.

    A 10 s film stays 10 s: frame k shows the time k / 30 s.
    """
    if pose.fps == FPS:
        return Footage(pose, cuts, source)
    if not pose.fps > 0 or not len(pose):
        raise InputError(f"{len(pose)} frames at {pose.fps:g} a second can't be resampled; both must be above 0")
    frames = max(round(len(pose) / pose.fps * FPS), 1)
    place = (torch.arange(frames, dtype=torch.float64) * (pose.fps / FPS)).clamp(max=len(pose) - 1)
    shot = torch.zeros(len(pose), dtype=torch.long)
    shot[list(cuts)] = 1
    keypoints = _between(pose.keypoints, shot.cumsum(0), place)
    # A cut is seen at the first new frame that is nearer to the new shot than to the old.
    nearest = shot.cumsum(0)[(place + 0.5).floor().long().clamp(max=len(pose) - 1)]
    found = (nearest.diff() > 0).nonzero()[:, 0] + 1
    return Footage(Pose2D(keypoints, pose.size, FPS), tuple(found.tolist()), source)


def _between(keypoints: Tensor, shot: Tensor, place: Tensor) -> Tensor:
    before = place.floor().long()
    after = (before + 1).clamp(max=len(keypoints) - 1)
    part = (place - before).to(keypoints)[:, None, None]
    one, other = keypoints[before], keypoints[after]
    seen = (one[..., 2:] > 0) & (other[..., 2:] > 0) & (shot[before] == shot[after])[:, None, None]
    return torch.where(seen, one + part * (other - one), torch.where(part < 0.5, one, other))


def write_footage(footage: Footage, path: Path | str) -> None:
    """Write JSON, a line a frame: x, y rounded to 0.01 px and confidence to 0.001, joint after joint; places in space,
    where there are any, to the millimetre."""
    numbers = footage.pose.keypoints.double().numpy().copy()
    numbers[..., :2] = np.round(numbers[..., :2], 2)
    numbers[..., 2] = np.round(numbers[..., 2], 3)
    head = {
        "format": _FORMAT,
        "joints": COCO_NAMES,
        "size": footage.pose.size,
        "fps": footage.pose.fps,
        "cuts": footage.cuts,
        "source": footage.source,
    }
    tables = {"keypoints": numbers}
    if footage.world_m is not None:
        tables["world_m"] = np.round(footage.world_m.double().numpy(), 3)
    with publish_file(path) as aside, aside.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head, indent=1)[:-2])
        for name, table in tables.items():
            file.write(f',\n "{name}": [\n')
            for number, line in enumerate(_lines(table)):  # one at a time: a long video's would fill memory
                file.write(f",\n{line}" if number else line)
            file.write("\n ]")
        file.write("\n}\n")


def _lines(table: np.ndarray[Any, Any]) -> Iterator[str]:
    return (json.dumps(frame.tolist(), separators=(",", ":")) for frame in table.reshape(len(table), _NUMBERS))


def read_footage(path: Path | str) -> Footage:
    """What `write_footage` wrote. Raises InputError naming the file where it is something else, or damaged."""
    return footage_from(read_json(path), path)


def footage_from(content: Any, path: Path | str) -> Footage:
    """Footage of a file's already parsed JSON; `path` is named in errors."""
    if not isinstance(content, dict) or not content.keys() >= _KEYS:
        raise InputError(f"{path}: not a {SUFFIX} file, or damaged; write it again with vimo")
    if content["format"] != _FORMAT or content["joints"] != list(COCO_NAMES):
        raise InputError(f"{path}: its format is not {_FORMAT} with the 17 joints of COCO; write it again with vimo")
    try:
        with naming(path):
            pose = Pose2D(
                _numbers(content["keypoints"], _LARGEST_PX, "px"), _size(content["size"]), _fps(content["fps"])
            )
            world_m = _numbers(content["world_m"], _FARTHEST_M, "m") if "world_m" in content else None
            return Footage(pose, _whole_numbers(content["cuts"]), str(content["source"]), world_m)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: damaged ({error}); write it again with vimo") from error


def _numbers(rows: Any, largest: float, unit: str) -> Tensor:
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == _NUMBERS for row in rows):
        raise ValueError(f"each frame must be a list of {_NUMBERS} numbers, three of each joint")
    if not all(type(number) in (int, float) for row in rows for number in row):
        raise TypeError("keypoints must be numbers")
    numbers = np.asarray(rows, np.float64).reshape(len(rows), len(COCO_NAMES), 3)
    if not (np.abs(numbers) <= largest).all():
        raise ValueError(f"keypoints lie more than {largest:g} {unit} away, or nowhere")
    return torch.from_numpy(numbers.astype(np.float32))


def _size(value: Any) -> tuple[int, int]:
    sides = _whole_numbers(value)
    if len(sides) != 2:
        raise ValueError(f"size must be width and height, not {len(sides)} numbers")
    width, height = sides
    if not (0 < width <= _LARGEST_PX and 0 < height <= _LARGEST_PX):
        raise ValueError(f"a picture of {width} x {height} pixels")
    return width, height


def _fps(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError("fps must be a number")
    return float(value)


def _whole_numbers(values: Any) -> tuple[int, ...]:
    if not isinstance(values, list) or not all(type(value) is int for value in values):
        raise TypeError("size and cuts must be lists of whole numbers")
    return tuple(values)
