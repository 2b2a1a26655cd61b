"""BlazePose through MediaPipe 0.10.21, the last release whose wheel carries the weights: nothing is downloaded."""

import contextlib
import os
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core_vimo.errors import InputError, MissingExtraError

# COCO-17's place among BlazePose's 33: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles.
COCO_OF_BLAZEPOSE = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
LOOK_EVERY = (
    10  # frames between two searches for people who aren't followed yet; larger ones take the place of smaller ones
)
SAME_PERSON = 0.25  # two poses closer than this, in body sizes, are one person found twice

_FIND = """
input_stream: "image"
output_stream: "detections"
node {
  calculator: "PoseDetectionCpu"
  input_stream: "IMAGE:image"
  output_stream: "DETECTIONS:detections"
}
"""
_MARK = """
input_stream: "image"
input_stream: "region"
output_stream: "landmarks"
output_stream: "world_landmarks"
output_stream: "next_region"
node {
  calculator: "ImagePropertiesCalculator"
  input_stream: "IMAGE_CPU:image"
  output_stream: "SIZE:size"
}
node {
  calculator: "PoseLandmarkByRoiCpu"
  input_stream: "IMAGE:image"
  input_stream: "ROI:region"
  output_stream: "LANDMARKS:landmarks"
  output_stream: "WORLD_LANDMARKS:world_landmarks"
  output_stream: "AUXILIARY_LANDMARKS:auxiliary"
}
node {
  calculator: "PoseLandmarksToRoi"
  input_stream: "LANDMARKS:auxiliary"
  input_stream: "IMAGE_SIZE:size"
  output_stream: "ROI:next_region"
}
"""


@dataclass(eq=False)
class _Found:
    keypoints: np.ndarray  # [17, 6]
    next_region: Any  # where to look in the next frame, a NormalizedRect


class MediaPipePose:
    """Up to `people` people a frame, followed from frame to frame and forgotten at cuts.

    MediaPipe's own `Pose` follows the first person its detector answers and nobody else; here the same two networks are
    joined differently: the detector looks at the picture and at its two halves for people who aren't followed yet, the
    landmark network then follows each. Time grows with the number of people. Landmarks are not smoothed over time:
    that would make dancers late. Each comes with its place in space too. Confidence is visibility times presence. Only
    the full model (MediaPipe's complexity 1) lies in the wheel; the others would be downloaded, so they are not
    offered.

    Where one person passes behind another, both regions may end on the one in front; the other is then found anew.

    Raises MissingExtraError without mediapipe.
    """

    name = "mediapipe"

    def __init__(self, people: int = 2) -> None:
        if people < 1:
            raise InputError(f"at most {people} people a picture leaves nobody to be found; ask for 1 or more")
        self._people = people
        self._regions: list[Any] = []
        self._frame = 0
        with _quiet():
            self._find, self._mark, self._region = _open_graphs()
            self._warm_up()

    def __call__(self, rgb: np.ndarray) -> Tensor:
        try:
            people = self._everybody(np.ascontiguousarray(rgb))
        except RuntimeError as error:
            size = f"{rgb.shape[1]}x{rgb.shape[0]}"
            raise InputError(f"mediapipe failed on a picture of {size} pixels: {str(error).splitlines()[0]}") from error
        return torch.from_numpy(np.stack([np.zeros((17, 6), np.float32), *(person.keypoints for person in people)])[1:])

    def _everybody(self, rgb: np.ndarray) -> list[_Found]:
        found = [self._landmarks(rgb, region) for region in self._regions]
        people = _distinct([person for person in found if person is not None])
        if not people or self._frame % LOOK_EVERY == 0:
            people = sorted(_with_newcomers(people, self._look(rgb)), key=_size, reverse=True)[: self._people]
        self._regions = [person.next_region for person in people]
        self._frame += 1
        return people

    def new_shot(self) -> None:
        self._regions = []
        self._frame = 0

    def close(self) -> None:
        self._find.close()
        self._mark.close()

    def _warm_up(self) -> None:
        """The networks speak up at their first picture: let them, while nobody hears it."""
        grey = np.full((64, 64, 3), 128, np.uint8)
        self._find.process(grey)
        self._mark.process({"image": grey, "region": self._region(x_center=0.5, y_center=0.5, width=1.0, height=1.0)})

    def _look(self, rgb: np.ndarray) -> list[_Found]:
        """People anywhere in the picture. The detector sees 224 pixels a side: in its halves it sees smaller people."""
        regions = [region for part in _parts(rgb) for region in self._detect(rgb, *part)]
        found = [self._landmarks(rgb, region) for region in regions]
        return [person for person in found if person is not None]

    def _detect(self, rgb: np.ndarray, left: int, top: int, width: int, height: int) -> list[Any]:
        """A detection is the mid-hips, and a point on a circle around them that holds the whole body."""
        part = np.ascontiguousarray(rgb[top : top + height, left : left + width])
        regions = []
        for detection in self._find.process(part).detections or []:
            hips, rim = detection.location_data.relative_keypoints[:2]
            along = (rim.x - hips.x) * width, (rim.y - hips.y) * height
            side = 2.5 * float(np.hypot(*along))  # the circle, and a quarter more: the landmark network's own training
            regions.append(
                self._region(
                    x_center=(left + hips.x * width) / rgb.shape[1],
                    y_center=(top + hips.y * height) / rgb.shape[0],
                    width=side / rgb.shape[1],
                    height=side / rgb.shape[0],
                    rotation=float(np.arctan2(along[0], -along[1])),
                )
            )
        return regions

    def _landmarks(self, rgb: np.ndarray, region: Any) -> _Found | None:
        answer = self._mark.process({"image": rgb, "region": region})
        if answer.landmarks is None or answer.world_landmarks is None or answer.next_region is None:
            return None
        marks = [answer.landmarks.landmark[index] for index in COCO_OF_BLAZEPOSE]
        places_m = [answer.world_landmarks.landmark[index] for index in COCO_OF_BLAZEPOSE]
        keypoints = np.array(
            [(m.x, m.y, m.visibility * m.presence, w.x, w.y, w.z) for m, w in zip(marks, places_m, strict=True)],
            np.float32,
        )
        keypoints[:, :2] *= rgb.shape[1], rgb.shape[0]
        keypoints[:, 2] = keypoints[:, 2].clip(0, 1)
        return _Found(keypoints, answer.next_region) if np.isfinite(keypoints).all() else None


def _parts(rgb: np.ndarray) -> list[tuple[int, int, int, int]]:
    """left, top, width, height of the picture, and of two overlapping halves of it along its longer side."""
    height, width = rgb.shape[:2]
    part = max(width, height) * 3 // 5 + 1
    wide, high = min(part, width), min(part, height)
    return [(0, 0, width, height), (0, 0, wide, high), (width - wide, height - high, wide, high)]


def _distinct(people: list[_Found]) -> list[_Found]:
    """Everybody once: of two poses on one body, the earlier in the list."""
    kept: list[_Found] = []
    for person in people:
        if all(_apart(person.keypoints[:, :2], other.keypoints[:, :2]) > SAME_PERSON for other in kept):
            kept.append(person)
    return kept


def _with_newcomers(people: list[_Found], found: list[_Found]) -> list[_Found]:
    """A newcomer's box must not lie on somebody's: half a body, seen alone, is easily taken for another person."""
    people = list(people)
    for person in found:
        if all(_overlap(person.keypoints[:, :2], other.keypoints[:, :2]) < 0.5 for other in people):
            people.append(person)
    return people


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Of two boxes, as a part of the smaller."""
    shared = np.minimum(a.max(0), b.max(0)) - np.maximum(a.min(0), b.min(0))
    smaller = min(np.ptp(a, axis=0).prod(), np.ptp(b, axis=0).prod())
    return float(shared.clip(0).prod() / max(smaller, 1.0))


def _size(person: _Found) -> float:
    return float(np.hypot(*np.ptp(person.keypoints[:, :2], axis=0)))


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    size = max(np.ptp(a, axis=0).max(), np.ptp(b, axis=0).max(), 1.0)
    return float(np.linalg.norm(a - b, axis=-1).mean() / size)


def _open_graphs() -> tuple[Any, Any, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of protobuf and matplotlib, about each other
            from mediapipe.framework.formats.rect_pb2 import NormalizedRect
            from mediapipe.python.solution_base import SolutionBase
    except ImportError as error:
        raise MissingExtraError(
            f"the pose estimator mediapipe cannot be used ({error}); install it with: pip install 'vimo-suite[pose]' "
            "(Python 3.11 or 3.12), or bring keypoints of AlphaPose, OpenPose or COCO JSON"
        ) from error
    find = SolutionBase(graph_config=_FIND, outputs=["detections"])
    return (
        find,
        SolutionBase(graph_config=_MARK, outputs=["landmarks", "world_landmarks", "next_region"]),
        NormalizedRect,
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nothing reaches the terminal through file descriptor 2: C++ logs there, whatever Python's sys.stderr is."""
    with tempfile.TemporaryFile() as aside:
        terminal = os.dup(2)
        os.dup2(aside.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
