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
LEAP = 5  # times as far as usual, from one frame to the next: somebody else
WALK = 0.03  # body sizes that people get a frame while they aren't seen
SLOWEST = 0.025  # body sizes a frame: nobody is expected to keep stiller
MIRRORED = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]


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
    Further columns than x, y and confidence come along.

    Inside a shot, people are joined from frame to frame by where their joints are expected to be; a person who leaves
    and returns is the same one if nobody else fits better (nothing is known of faces and clothes). Across cuts nothing
    is known: person 1 of a shot is its most prominent, by size, closeness to the middle and confidence, summed over the
    frames. `person=2` takes the second of each shot, and leaves shots without a second empty. Raises InputError
    where no shot has such a person.
    """
    wanted = 1 if person is None else person
    if wanted < 1:
        raise InputError(f"people are numbered from 1, the most prominent; {wanted} is nobody")
    columns = max((found.shape[-1] for found in people), default=3)
    keypoints = np.zeros((len(people), 17, columns), np.float32)
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
    keypoints: np.ndarray  # [17, 3 or more]
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
    usual: float = 0.05  # how far from where they are expected the joints mostly are, body sizes

    @property
    def first(self) -> int:
        return next(iter(self.sightings))

    @property
    def last(self) -> int:
        return next(reversed(self.sightings))

    def see(self, frame: int, sighting: _Sighting) -> None:
        if self.sightings:
            gap = frame - self.last
            self.usual = 0.9 * self.usual + 0.1 * self._off(frame, sighting) / gap
            self.velocity = 0.6 * self.velocity + 0.4 * (sighting.centre - self.sightings[self.last].centre) / gap
        self.sightings[frame] = sighting

    def distance(self, frame: int, sighting: _Sighting) -> float:
        """How far the joints are from where they were expected, in body sizes; FAR where it cannot be the same.

        An estimator that follows bodies by itself may leap to one who passes in front: that is farther than this person
        usually moves, though it would be near for a faster one. What was unseen for a while may have gone farther.
        """
        distance = self._off(frame, sighting)
        leap = LEAP * max(self.usual, SLOWEST)
        return distance if distance < min(leap + WALK * (frame - self.last - 1), 0.8) else FAR

    def _off(self, frame: int, sighting: _Sighting) -> float:
        return _apart(self.sightings[self.last], sighting, self.velocity * min(frame - self.last, 5))


def _sightings(found: Tensor) -> list[_Sighting]:
    """People with joints enough to be somebody."""
    sightings = []
    for keypoints in np.asarray(found, np.float32):
        seen = keypoints[keypoints[:, 2] >= SEEN, :2]
        if len(seen) >= MIN_JOINTS:
            sightings.append(_Sighting(keypoints, np.concatenate((seen.min(0), seen.max(0)))))
    return sightings


def _apart(a: _Sighting, b: _Sighting, shift: np.ndarray) -> float:
    """Estimators take left for right at times, which moves nobody: the nearer of both readings counts."""
    sides = (_joints_apart(a, b.keypoints, shift), _joints_apart(a, b.keypoints[MIRRORED], shift))
    apart = min(sides) if max(sides) < FAR else float(np.linalg.norm(a.centre + shift - b.centre))
    return apart / max(a.scale, b.scale) + 0.2 * abs(float(np.log(a.scale / b.scale)))


def _joints_apart(a: _Sighting, keypoints: np.ndarray, shift: np.ndarray) -> float:
    both = (a.keypoints[:, 2] >= SEEN) & (keypoints[:, 2] >= SEEN)
    if both.sum() < MIN_JOINTS:
        return FAR
    return float(np.linalg.norm(a.keypoints[both, :2] + shift - keypoints[both, :2], axis=-1).mean())


def _persons(shot: list[list[_Sighting]], size: tuple[int, int]) -> list[_Person]:
    """Everybody in a shot, the most prominent first."""
    tracks = _tracks(shot)
    if len(shot) > 4 * MIN_FRAMES:
        tracks = [track for track in tracks if len(track.sightings) >= MIN_FRAMES] or tracks
    return sorted(_joined(tracks), key=lambda person: -_prominence(person, size))


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


def _joined(tracks: list[_Person]) -> list[_Person]:
    """Tracks that follow one another, shared out so that as many as can be are one person, with the least hurry."""
    hurry = np.array([[_hurry(earlier, later) for later in tracks] for earlier in tracks])
    rows, columns = linear_sum_assignment(hurry) if tracks else ((), ())
    following = {row: column for row, column in zip(rows, columns, strict=True) if hurry[row, column] < FAR}
    persons = []
    for index in set(range(len(tracks))) - set(following.values()):
        person = _Person(dict(tracks[index].sightings))
        while (index := following.get(index, -1)) >= 0:
            person.sightings |= tracks[index].sightings
        persons.append(person)
    return persons


def _hurry(earlier: _Person, later: _Person) -> float:
    """How far it is from one's end to the other's start, over how far people get: a leap within a frame fits worse than
    a walk while unseen. FAR where they are somewhere at the same time, or one is twice the other's size."""
    gap = later.first - earlier.last
    a, b = earlier.sightings[earlier.last], later.sightings[later.first]
    if gap <= 0 or not 0.5 < a.scale / b.scale < 2:
        return FAR
    return _apart(a, b, np.zeros(2)) / (LEAP * SLOWEST + WALK * gap)


def _prominence(person: _Person, size: tuple[int, int]) -> float:
    boxes = np.array([sighting.box for sighting in person.sightings.values()])
    confidence = np.array([sighting.keypoints[:, 2].mean() for sighting in person.sightings.values()])
    large = np.hypot(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) / np.hypot(*size)
    aside = np.abs((boxes[:, 0] + boxes[:, 2]) / size[0] - 1).clip(0, 1)
    return float((large * (1 - 0.5 * aside) * confidence).sum())
