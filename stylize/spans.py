"""Times as a choreographer types them, 3s, 90f or 8c, and the clock that turns them into frames."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from core_vimo.errors import InputError
from core_vimo.motion import FPS, Motion
from edge_adapter.beats import BeatGrid

Unit = Literal["s", "f", "c"]
Gap = tuple[int, int]
"""First frame, and the one after the last."""

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_LONGEST_S = 600
EARLY_S = 0.06
"""A beat this little before a motion's start is still its first."""


@dataclass(frozen=True)
class Moment:
    """A time, or a length of time: seconds, frames, or counts of the music; 8c is after eight counts."""

    value: float
    unit: Unit

    @classmethod
    def of(cls, text: str) -> "Moment":
        """From `3s`, `90f` or `8c`. Raises InputError."""
        found = re.fullmatch(rf"({_NUMBER})([sfc])", text.strip())
        if found is None:
            raise InputError(f"'{text:.40}' is no time; write seconds (3s), frames (90f) or counts (8c)")
        moment = cls(float(found[1]), found[2])  # type: ignore[arg-type]
        if moment.unit == "f" and not moment.value.is_integer():
            raise InputError(f"'{text:.40}': there are no parts of frames; write a whole number of them")
        return moment

    def __str__(self) -> str:
        return f"{self.value:g}{self.unit}"


@dataclass(frozen=True)
class Span:
    """From one moment up to another."""

    start: Moment
    stop: Moment

    @classmethod
    def of(cls, text: str) -> "Span":
        """From `3s:4.5s`; where the first unit is missing it is the second one's. Raises InputError."""
        start, colon, stop = text.partition(":")
        if not colon:
            raise InputError(f"'{text:.40}' is no span; write its start and its end, such as 3s:4.5s or 8c:16c")
        end = Moment.of(stop)
        return cls(Moment.of(start + end.unit if re.fullmatch(_NUMBER, start.strip()) else start), end)

    def __str__(self) -> str:
        return f"{self.start}:{self.stop}"


@dataclass(frozen=True, eq=False)
class Clock:
    """Frames of a motion at 30 a second, and the beats of its music in seconds from the motion's start, if known.

    Counts go from the first count 1 inside the motion: 0c is that, 8c begins the second eight.
    """

    grid: BeatGrid | None = None

    def frame(self, moment: Moment, last: int | None = None) -> int:
        """The frame at a moment. Raises InputError for one after frame `last`, and for counts without beats."""
        if moment.unit == "f":
            frame = round(moment.value)
        elif moment.unit == "s":
            frame = round(moment.value * FPS)
        else:
            frame = round(self._second(self.first_beat() + moment.value, moment) * FPS)
        if last is not None and frame > last:
            raise InputError(
                f"{moment} lies outside the clip, which ends at {last / FPS:.2f} s ({last}f); give one in it"
            )
        return frame

    def frames(self, length: Moment, after: int) -> int:
        """How many frames a length of time has that begins at frame `after`; counts may last unequally long."""
        if length.unit != "c":
            frames = self.frame(length)
        else:
            beats_s = self.beats_s()
            begin = float(np.interp(after / FPS, beats_s, np.arange(len(beats_s))))
            frames = round(self._second(begin + length.value, length) * FPS) - after
        if not 1 <= frames <= _LONGEST_S * FPS:
            raise InputError(f"{length} is no length that can be filled; give one frame (1f) to {_LONGEST_S} s")
        return frames

    def gap(self, span: Span, frames: int) -> Gap:
        """A span of a motion of `frames` frames. Raises InputError where it runs backwards or leaves the motion."""
        start, stop = self.frame(span.start, frames), self.frame(span.stop, frames)
        if start >= stop:
            raise InputError(f"the span {span} doesn't run forwards; give its start, then an end after it")
        return start, stop

    def gaps(self, spans: Sequence[Span], frames: int) -> list[Gap]:
        """Several spans in order of time. Raises InputError where two overlap, too."""
        ordered = sorted((self.gap(span, frames), str(span)) for span in spans)
        for ((_, stop), one), ((start, _), other) in pairwise(ordered):
            if start < stop:
                raise InputError(f"the spans {one} and {other} overlap; make them one")
        return [gap for gap, _ in ordered]

    def beats_s(self) -> np.ndarray:
        """The beats `[N >= 2]`. Raises InputError where none are known."""
        if self.grid is None:
            raise InputError(
                "counts need beats: give the song with --song, or a dance beside its manifest.json; "
                "seconds (3s) and frames (90f) need none"
            )
        if len(self.grid.beats_s) < 2:
            raise InputError("no beats were heard in the song, so nothing can be counted; write seconds (3s) instead")
        return self.grid.beats_s

    def first_beat(self) -> int:
        """The beat that is 0c."""
        beats_s = self.beats_s()
        assert self.grid is not None
        ones = np.flatnonzero((self.grid.counts() == 1) & (beats_s > -EARLY_S))
        if not len(ones):
            raise InputError("there is no count 1 in this excerpt of the song; write seconds (3s) instead")
        return int(ones[0])

    def _second(self, beat: float, asked: Moment) -> float:
        beats_s = self.beats_s()
        if beat > len(beats_s) - 1:
            raise InputError(f"{asked} lies after the song's last count; give fewer counts, or write seconds (3s)")
        return max(0.0, float(np.interp(beat, np.arange(len(beats_s)), beats_s)))


def beats_inside(beats_s: np.ndarray, seconds: float) -> np.ndarray:
    """Which beats are a motion's, as indices: one a little before its start is its first."""
    return np.flatnonzero((beats_s > -EARLY_S) & (beats_s < seconds))


def cut(motion: Motion, span: Span) -> tuple[Motion, float]:
    """The frames of a span, as they are, and the second at which they begin; 90f is of 30 a second at any rate.

    Raises InputError for a span that isn't in the motion, and for counts, which need music.
    """
    rate = motion.fps / FPS
    start, stop = (round(frame * rate) for frame in Clock().gap(span, round(len(motion) / rate)))
    return motion[start:stop], start / motion.fps


def seconds(gap: Gap) -> list[float]:
    """A gap in seconds, as manifests have it."""
    return [round(frame / FPS, 3) for frame in gap]


def length_of(frames: int | None, seconds: float | None, counts: float | None) -> Moment | None:
    """The one of three ways to give a length that was taken. Raises InputError where it is no length."""
    given: list[tuple[float | None, Unit]] = [(frames, "f"), (seconds, "s"), (counts, "c")]
    for value, unit in given:
        if value is not None:
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"{value:g}{unit} can't be filled; give a length above 0")
            return Moment(value, unit)
    return None
