"""One person through each shot of a video: the largest, most central, longest seen, or another, asked for by number."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from core_vimo.errors import InputError

SEEN = 0.3  # a joint below this confidence says nothing about where someone is
MIN_JOINTS = 4  # fewer joints are nobody
LOST_FRAMES = 30  # someone unseen for longer is looked for by size and place, not by movement
MIN_FRAMES = 5  # what is seen for fewer frames in a long shot is a mistake of the detector
FAR = 1e6


@dataclass(frozen=True)
class ShotChoice:
    """Who was taken in one shot: `person` of `people` (1 is the most prominent), seen in `seen` of its frames."""

    frames: slice
    person: int
    people: int
    seen: int

    def __str__(self) -> str:
        length = self.frames.stop - self.frames.start
        who = f"person {self.person} of {self.people}" if self.seen else f"no person {self.person} among {self.people}"
        return f"frames {self.frames.start} to {self.frames.stop - 1}: {who}, seen in {self.seen / length:.0%}"


@dataclass(frozen=True, eq=False)
class Choice:
    """shots: who was taken in each; boxes `[S, 4]`: left, top, right, bottom of that person, NaN where unseen."""

    shots: tuple[ShotChoice, ...]
    boxes: Tensor

    def __str__(self) -> str:
        return "\n".join(map(str, self.shots))


def follow(
    people: Sequence[Tensor], cuts: Sequence[int], size: tuple[int, int], person: int | None = None
) -> tuple[Tensor, Choice]:
    """Everybody of every frame, S times `[P, 17, 3]` -> one person `[S, 17, 3]` (zeros where unseen), and who it is.

    Inside a shot, people are joined from frame to frame by where their joints are expected to be; a person who leaves
    and returns is the same one if nobody else fits better (nothing is known of faces and clothes). Across cuts nothing
    is known: person 1 of a shot is its most prominent, by size, closeness to the middle and confidence, summed over the
    frames. `person=2` takes the second of each shot, and leaves shots without a second empty. Raises InputError
    where no shot has such a person.
    """
    wanted = 1 if person is None else person
    if wanted < 1:
        raise InputError(f"people are numbered from 1, the most prominent; {wanted} is nobody")
    keypoints = np.zeros((len(people), 17, 3), np.float32)
    boxes = np.full((len(people), 4), np.nan, np.float32)
    shots = [_take(wanted, people, slice(a, b), size, keypoints, boxes) for a, b in pairwise((0, *cuts, len(people)))]
    most = max((shot.people for shot in shots), default=0)
    if wanted > max(most, 1):
        raise InputError(f"person {wanted} was asked for, but no shot shows more than {most}; ask for a lower number")
    return torch.from_numpy(keypoints), Choice(tuple(shots), torch.from_numpy(boxes))


def _take(
    wanted: int,
    people: Sequence[Tensor],
    frames: slice,
    size: tuple[int, int],
    keypoints: np.ndarray,
    boxes: np.ndarray,
) -> ShotChoice:
    ranked = _persons([_sightings(found) for found in people[frames]], size)
    taken = ranked[wanted - 1].sightings if wanted <= len(ranked) else {}
    for frame, sighting in taken.items():
        keypoints[frames.start + frame] = sighting.keypoints
        boxes[frames.start + frame] = sighting.box
    return ShotChoice(frames, wanted, len(ranked), len(taken))


@dataclass(frozen=True, eq=False)
class _Sighting:
    keypoints: np.ndarray  # [17, 3]
    box: np.ndarray  # left, top, right, bottom of the joints that are seen

    @property
    def scale(self) -> float:
        return float(np.hypot(*(self.box[2:] - self.box[:2]))) + 1e-3

    @property
    def centre(self) -> np.ndarray:
        return (self.box[:2] + self.box[2:]) / 2


@dataclass
class _Person:
    """Sightings by frame of the shot, in order."""

    sightings: dict[int, _Sighting] = field(default_factory=dict)
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2))  # of the box centre, pixels a frame

    @property
    def first(self) -> int:
        return next(iter(self.sightings))

    @property
    def last(self) -> int:
        return next(reversed(self.sightings))

    def see(self, frame: int, sighting: _Sighting) -> None:
        if self.sightings:
            shift = (sighting.centre - self.sightings[self.last].centre) / (frame - self.last)
            self.velocity = 0.6 * self.velocity + 0.4 * shift
        self.sightings[frame] = sighting

    def distance(self, frame: int, sighting: _Sighting) -> float:
        """How far the joints are from where they were expected, in body sizes; FAR where it cannot be the same."""
        gap = frame - self.last
        before = self.sightings[self.last]
        # A step across half a body in one frame is another person; what was unseen for a while may have gone further.
        distance = _apart(before, sighting, self.velocity * min(gap, 5))
        return distance if distance < min(0.25 + 0.03 * gap, 0.8) else FAR


def _sightings(found: Tensor) -> list[_Sighting]:
    """People with joints enough to be somebody."""
    sightings = []
    for keypoints in np.asarray(found, np.float32):
        seen = keypoints[keypoints[:, 2] >= SEEN, :2]
        if len(seen) >= MIN_JOINTS:
            sightings.append(_Sighting(keypoints, np.concatenate((seen.min(0), seen.max(0)))))
    return sightings


def _apart(a: _Sighting, b: _Sighting, shift: np.ndarray) -> float:
    both = (a.keypoints[:, 2] >= SEEN) & (b.keypoints[:, 2] >= SEEN)
    if both.sum() >= MIN_JOINTS:
        apart = np.linalg.norm(a.keypoints[both, :2] + shift - b.keypoints[both, :2], axis=-1).mean()
    else:
        apart = np.linalg.norm(a.centre + shift - b.centre)
    return float(apart) / max(a.scale, b.scale) + 0.2 * abs(float(np.log(a.scale / b.scale)))


def _persons(shot: list[list[_Sighting]], size: tuple[int, int]) -> list[_Person]:
    """Everybody in a shot, the most prominent first."""
    tracks = _tracks(shot)
    if len(shot) > 4 * MIN_FRAMES:
        tracks = [track for track in tracks if len(track.sightings) >= MIN_FRAMES] or tracks
    tracks.sort(key=lambda track: -_prominence(track, size))
    persons: list[_Person] = []
    for track in tracks:
        _join(track, persons)
    return sorted(persons, key=lambda person: -_prominence(person, size))


def _tracks(shot: list[list[_Sighting]]) -> list[_Person]:
    """Sightings joined from frame to frame; each frame's are shared out so that the distances' sum is least."""
    tracks: list[_Person] = []
    for frame, sightings in enumerate(shot):
        live = [track for track in tracks if frame - track.last <= LOST_FRAMES]
        distances = np.array([[track.distance(frame, sighting) for sighting in sightings] for track in live])
        rows, columns = linear_sum_assignment(distances) if distances.size else ((), ())
        new = set(range(len(sightings)))
        for row, column in zip(rows, columns, strict=True):
            if distances[row, column] < FAR:
                live[row].see(frame, sightings[column])
                new.discard(column)
        for index in sorted(new):
            tracks.append(_Person())
            tracks[-1].see(frame, sightings[index])
    return tracks


def _join(track: _Person, persons: list[_Person]) -> None:
    """To the person who best fits: never in two places at once, of about that size, and nearest where they met last."""
    fits = [
        (_gap_between(person, track), person) for person in persons if not person.sightings.keys() & track.sightings
    ]
    gap, person = min(fits, key=lambda fit: fit[0], default=(FAR, None))
    if person is None or gap >= FAR:
        persons.append(track)
    else:
        person.sightings = dict(sorted((person.sightings | track.sightings).items()))


def _gap_between(person: _Person, track: _Person) -> float:
    """In body sizes, between the nearest sightings in time; FAR where one is twice the other's size."""
    before = [frame for frame in person.sightings if frame < track.first]
    after = [frame for frame in person.sightings if frame > track.last]
    meetings = [(track.first - before[-1], before[-1], track.first)] if before else []
    meetings += [(after[0] - track.last, after[0], track.last)] if after else []
    _, own, theirs = min(meetings, default=(0, person.first, track.first))
    a, b = person.sightings[own], track.sightings[theirs]
    if not 0.5 < a.scale / b.scale < 2:
        return FAR
    return float(np.linalg.norm(a.centre - b.centre)) / max(a.scale, b.scale)


def _prominence(person: _Person, size: tuple[int, int]) -> float:
    boxes = np.array([sighting.box for sighting in person.sightings.values()])
    confidence = np.array([sighting.keypoints[:, 2].mean() for sighting in person.sightings.values()])
    large = np.hypot(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) / np.hypot(*size)
    aside = np.abs((boxes[:, 0] + boxes[:, 2]) / size[0] - 1).clip(0, 1)
    return float((large * (1 - 0.5 * aside) * confidence).sum())
