"""2D poses that other programs wrote: AlphaPose, OpenPose, COCO results; and our own. All become COCO-17 in pixels.

Layouts, by their programs' own writers: AlphaPose is one list `[{image_id, keypoints, score, idx}]`, or with its `cmu`
and `open` forms a table `{image: {version, bodies: [{joints}]}}` (`people: [{pose_keypoints_2d}]`) in CMU's order, also
split into a file for each image; OpenPose is a folder of `*_keypoints.json`; COCO results are AlphaPose's list with
numbers for images.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.footage import SUFFIX, footage_from
from core_vimo.formats.npz import load_arrays
from core_vimo.reading import naming, read_json

COCO_LIKE = (17, 26, 68, 94, 133, 136)
"""Numbers of joints of the sets that begin with COCO's 17: COCO, Halpe's four, COCO-WholeBody."""

BODY_25 = (0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11)
"""Where OpenPose's BODY_25 has COCO's joints: its right side comes first."""

COCO_18 = (0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10)
"""The same for its older COCO model, which AlphaPose's forms `cmu` and `open` follow."""

_ORDERS = {count: tuple(range(17)) for count in COCO_LIKE} | {25: BODY_25, 18: COCO_18}
_MOST_FRAMES = 1_000_000  # nine hours
_MOST_PEOPLE = 1_000  # in one frame
_LARGEST_PX = 1 << 16
_SMALLEST_PX = 2.0  # a person no larger than that is written in shares of the picture
_NUMBER = re.compile(r"\d+")
_PER_FRAME = "_keypoints.json"


@dataclass(frozen=True, eq=False)
class Detections:
    """Everyone seen in a video: for each frame `[P, 17, 3]` (x, y in pixels, confidence in [0, 1]), P >= 0.

    size is (width, height) of the picture. first is the number of the first frame in the file: where only people are
    listed, frames before them are missing.
    """

    people: list[Tensor]
    size: tuple[int, int]
    fps: float
    first: int = 0

    def __len__(self) -> int:
        return len(self.people)


@dataclass(frozen=True)
class _Person:
    frame: int
    numbers: list[float]

    @property
    def is_seen(self) -> bool:
        """OpenPose lists people of whom it found only a hand, COCO crowds: without any joint."""
        return any(confidence > 0 for confidence in self.numbers[2::3])


def read_keypoint_file(path: Path | str, fps: float | None = None, size: tuple[int, int] | None = None) -> Detections:
    """People of each frame, from AlphaPose's, OpenPose's, COCO's or our own files. Raises InputError.

    path is a .json or .npz file (`keypoints [S, 17, 3]` or `[S, P, 17, 3]`, with `fps` and `size` if known) or a
    folder with a JSON file a frame. Frames are those from the first with a number to the last; those between that are
    missing are empty. Without `size` the picture is taken to be as large as what lies in it; without `fps` it is 30.
    """
    path = Path(path)
    if fps is not None and not 0 < fps <= 1000:
        raise InputError(f"{path}: {fps} frames a second is no rate; give a number above 0")
    if path.suffix.lower() == ".npz":
        return _from_npz(path, fps, size)
    if path.is_dir():
        return _gathered(path, _from_folder(path), fps, size)
    content = read_json(path)
    if isinstance(content, dict) and "format" in content:
        return _from_footage(path, content)
    return _gathered(path, _people(path, content), fps, size)


def _from_footage(path: Path, content: Any) -> Detections:
    pose = footage_from(content, path).pose
    return Detections([frame[None][: int(frame[:, 2].any())] for frame in pose.keypoints], pose.size, pose.fps)


def _from_npz(path: Path, fps: float | None, size: tuple[int, int] | None) -> Detections:
    arrays = load_arrays(path)
    keypoints = arrays.get("keypoints")
    if keypoints is not None and keypoints.ndim == 3:
        keypoints = keypoints[:, None]
    if keypoints is None or keypoints.ndim != 4 or keypoints.shape[2:] != (17, 3) or keypoints.dtype.kind not in "fiu":
        raise InputError(f"{path}: has no array 'keypoints' [frames, 17, 3] or [frames, people, 17, 3]; save it so")
    with naming(path):
        everyone = _checked(keypoints.reshape(-1, 17, 3).astype(np.float64)).reshape(keypoints.shape)
        own_fps = _stored(arrays, "fps", 1)
        own_size = _stored(arrays, "size", 2)
        known = size or (None if own_size is None else (int(own_size[0]), int(own_size[1])))
        people = [torch.from_numpy(frame[frame[..., 2].any(1)]) for frame in everyone]
        return Detections(people, known or _extent(everyone), fps or (30.0 if own_fps is None else float(own_fps[0])))


def _stored(arrays: dict[str, Any], name: str, count: int) -> Any:
    value = arrays.get(name)
    if value is None:
        return None
    if value.dtype.kind not in "fiu" or value.size != count or not ((value > 0) & (value <= _LARGEST_PX)).all():
        raise InputError(f"its '{name}' is not {count} numbers above 0; save it again")
    return value.reshape(-1)


def _from_folder(folder: Path) -> Iterator[_Person]:
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".json" and path.is_file())
    files = [path for path in files if path.name.endswith(_PER_FRAME)] or files
    other = next((path.name for path in files if not _NUMBER.search(path.stem)), None)
    if not files or other:
        held = f"'{other}', which is no numbered frame" if other else f"no *{_PER_FRAME}"
        raise InputError(f"{folder}: holds {held}; give one video, or a folder with nothing but OpenPose's JSON files")
    numbers = [_frame_number(folder, path.name.replace(_PER_FRAME, ".json")) for path in files]
    if len(set(numbers)) < len(numbers):
        raise InputError(f"{folder}: holds two files for one frame, as of two videos; keep one video in a folder")
    for number, path in zip(numbers, files, strict=True):
        content = read_json(path)
        if not isinstance(content, dict):
            raise InputError(f"{path}: not one frame of OpenPose or AlphaPose; keep only their files in this folder")
        yield from _frame(path, number, content)


def _people(path: Path, content: Any) -> Iterator[_Person]:
    if isinstance(content, dict) and isinstance(content.get("annotations"), list):
        content = content["annotations"]
    if isinstance(content, list):
        return (_listed(path, item) for item in content)
    if isinstance(content, dict) and ("people" in content or "bodies" in content):
        return _frame(path, 0, content)
    if isinstance(content, dict) and content and all(isinstance(frame, dict) for frame in content.values()):
        return (person for name, frame in content.items() for person in _frame(path, _frame_number(path, name), frame))
    raise InputError(
        f"{path}: not keypoints of AlphaPose, OpenPose, COCO or a {SUFFIX} file; export them as one of these"
    )


def _listed(path: Path, item: Any) -> _Person:
    if not isinstance(item, dict) or "image_id" not in item or "keypoints" not in item:
        raise InputError(
            f"{path}: its list has entries without image_id and keypoints; export it from AlphaPose or COCO"
        )
    return _Person(_frame_number(path, item["image_id"]), _numbers(path, item["keypoints"]))


def _frame(path: Path, number: int, content: dict[str, Any]) -> Iterator[_Person]:
    people = content.get("people", content.get("bodies"))
    if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
        raise InputError(f"{path}: not a frame of OpenPose or AlphaPose, which has a list 'people' or 'bodies'")
    yield _Person(number, [])
    for person in people:
        yield _Person(number, _numbers(path, person.get("pose_keypoints_2d", person.get("joints"))))


def _frame_number(path: Path, name: Any) -> int:
    """The last number in an image's name: 10.jpg comes after 9.jpg."""
    digits = _NUMBER.findall(Path(name).stem) or _NUMBER.findall(name) if isinstance(name, str) else []
    number = name if type(name) is int else int(digits[-1][:20]) if digits else -1
    if not 0 <= number < 10**15:
        raise InputError(f"{path}: '{str(name)[:40]}' has no frame number in it; number the frames 0, 1, 2, …")
    return number


def _numbers(path: Path, values: Any) -> list[float]:
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise InputError(f"{path}: keypoints must be a flat list of numbers x, y, confidence; export them again")
    if values and len(values) not in {3 * count for count in _ORDERS}:
        raise InputError(
            f"{path}: {len(values)} numbers a person are no set of joints known here (x, y, confidence of COCO-17, "
            "COCO-18, BODY_25, Halpe or whole body); export one of these"
        )
    return values


def _gathered(path: Path, everyone: Iterable[_Person], fps: float | None, size: tuple[int, int] | None) -> Detections:
    """People sorted into their frames."""
    persons = list(everyone)
    if not any(person.is_seen for person in persons):
        raise InputError(f"{path}: nobody is in it; check that the estimator found the person")
    first, last = min(person.frame for person in persons), max(person.frame for person in persons)
    if last - first >= _MOST_FRAMES:
        raise InputError(
            f"{path}: its frames are numbered {first} to {last}, too many for one video; number them 0, 1, …"
        )
    persons = sorted((person for person in persons if person.is_seen), key=lambda person: person.frame)
    with naming(path):
        keypoints = torch.from_numpy(_checked(np.stack([_as_coco(person.numbers) for person in persons])))
    counts = np.bincount([person.frame - first for person in persons], minlength=last - first + 1)
    if counts.max() > _MOST_PEOPLE:
        raise InputError(f"{path}: {counts.max()} people in one frame; its image_id must differ from frame to frame")
    people = list(keypoints.split(counts.tolist()))
    return Detections(people, size or _extent(keypoints.numpy()), fps or 30.0, first)


def _as_coco(numbers: list[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        joints = np.asarray(numbers, np.float64).reshape(-1, 3)
    except OverflowError as error:
        raise InputError("keypoints with numbers of hundreds of digits are no pixels; export them again") from error
    return joints[list(_ORDERS[len(joints)])]


def _checked(keypoints: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """`[N, 17, 3]` with confidence clipped to [0, 1]: AlphaPose's may reach 6. Refuses what is plainly not pixels."""
    seen = keypoints[..., 2] > 0
    farthest = np.abs(keypoints[..., :2]).max(-1)[seen].max(initial=0.0)
    if not farthest <= _LARGEST_PX:
        raise InputError(f"keypoints lie {farthest:.3g} pixels away; export them in pixels of the picture")
    if seen.any() and farthest <= _SMALLEST_PX:
        raise InputError(
            "keypoints are shares of the picture, not pixels; export them in pixels (OpenPose: --keypoint_scale 0)"
        )
    keypoints = np.where(seen[..., None], keypoints, 0)
    keypoints[..., 2] = keypoints[..., 2].clip(0, 1)
    return keypoints.astype(np.float32)


def _extent(keypoints: np.ndarray[Any, Any]) -> tuple[int, int]:
    width, height = np.ceil(keypoints[..., :2].reshape(-1, 2).max(0, initial=0)).astype(int).tolist()
    return max(width, 1), max(height, 1)
