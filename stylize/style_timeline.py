"""Styles and their strengths as a choreographer types them, and what they are at each frame of a dance.

`jackson:0.8` is a dial: that style at that strength, all through. `0-16 chaplin, 16-end jackson ramp 4` is a timeline:
one style after another, in counts (0 is the first count 1 of the excerpt) or in seconds (`12s-20s`). Both end as one
tensor of strengths, a column a style, so that they can be mixed.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.motion import FPS
from edge_adapter.beats import BeatGrid
from stylize.spans import Clock, Moment, Unit

MOST = 10.0
"""No style's dial goes farther; each says itself how far its own does."""

_MOST_CHARACTERS = 10_000
_COUNT_S = 0.5  # in music without counts
_ROUNDING_S = 0.01  # less than a frame
_FAR_BEATS = 100_000
_TIME = r"[0-9]{1,9}(?:\.[0-9]{1,9})?[sfc]?"
_PASSAGE = re.compile(rf"({_TIME})\s*[-–]\s*({_TIME}|end)\s+(\S+)(?:\s+ramp\s+({_TIME}))?")


@dataclass(frozen=True)
class Dial:
    """A style, by its name in the library or its folder, and how strong it is."""

    style: str
    strength: float | None = None
    """None: the usual one, or in a timeline what the style's own dial says."""

    def __str__(self) -> str:
        return self.style if self.strength is None else f"{self.style}:{self.strength:g}"


@dataclass(frozen=True)
class Passage:
    """A stretch of the timeline in one style. The change into it, centred on `start`, takes `ramp` (None: a count).

    `stop` None is the end of the dance. A passage that starts at 0 is there from the first frame on.
    """

    dial: Dial
    start: Moment
    stop: Moment | None
    ramp: Moment | None = None

    def __str__(self) -> str:
        """Without strength and ramp."""
        return f"{_word(self.start)}-{'end' if self.stop is None else _word(self.stop)} {self.dial.style}"


def parse_style(text: str) -> Dial:
    """From `jackson` or `jackson:0.8`. Raises InputError."""
    style, colon, number = text.strip().rpartition(":")
    if not colon or re.search(r"[/\\]", number):  # the colon of a Windows drive is of the name
        style, number = text.strip(), ""
    if not style or (colon and not number and text.strip().endswith(":")):
        raise InputError(f"'{text:.60}' is no style; write its name, and if you like a strength, such as jackson:0.8")
    return Dial(style, _strength(number, text) if number else None)


def parse_timeline(text: str) -> tuple[Passage, ...]:
    """From `0-16 chaplin, 16-end jackson:0.8 ramp 4`, in order of time; '' has none. Raises InputError."""
    if not text.strip():
        return ()
    if len(text) > _MOST_CHARACTERS:
        raise InputError(f"a timeline of {len(text)} characters; at most {_MOST_CHARACTERS} are read")
    return tuple(_passage(part.strip()) for part in text.split(","))


def _passage(text: str) -> Passage:
    found = _PASSAGE.fullmatch(text)
    if found is None:
        raise InputError(
            f"'{text:.60}' is no part of a timeline; write from-to and a style, such as 16-32 jackson, "
            "12s-20s jackson:0.8 or 16-end jackson ramp 4"
        )
    start, stop, style, ramp = found.groups()
    if stop == "end":
        return Passage(parse_style(style), _moment(start), None, _moment(ramp) if ramp else None)
    # Where one unit is missing it is the other one's, as in 12-20s.
    first, last = _moment(start, _unit(stop)), _moment(stop, _unit(start))
    return Passage(parse_style(style), first, last, _moment(ramp) if ramp else None)


def _unit(time: str) -> str:
    return time[-1] if time[-1].isalpha() else "c"


def _moment(time: str, unit: str = "c") -> Moment:
    return Moment.of(time if time[-1].isalpha() else time + unit)


def _word(moment: Moment) -> str:
    return f"{moment.value:g}" if moment.unit == "c" else str(moment)


def _strength(number: str, text: str) -> float:
    try:
        strength = float(number)
    except ValueError:
        strength = math.nan
    if not 0 <= strength <= MOST:  # NaN neither
        raise InputError(f"'{text:.60}': a style's strength is a number from 0, none of it, to {MOST:g}")
    return strength


@dataclass(frozen=True)
class Styling:
    """The styles of a dance: dials that hold all through it, and passages in which one style follows another.

    A style with passages dances in them only; its dial, if it has one, is the strength it has there.
    """

    dials: tuple[Dial, ...] = ()
    passages: tuple[Passage, ...] = ()

    @classmethod
    def of(cls, styles: Sequence[str] = (), timeline: str = "") -> "Styling":
        """From `["jackson:0.8", "waltz:0.4"]` and a timeline's text. Raises InputError."""
        return cls(tuple(map(parse_style, styles)), parse_timeline(timeline))

    def __post_init__(self) -> None:
        named = [dial.style for dial in self.dials]
        if twice := sorted({name for name in named if named.count(name) > 1}):
            raise InputError(f"the style {twice[0]} is given twice; give it once, with the strength that is meant")

    @property
    def names(self) -> tuple[str, ...]:
        """The styles, each once, in the order in which they were given: the columns of `strengths`."""
        return tuple(dict.fromkeys(dial.style for dial in self.all_dials))

    @property
    def all_dials(self) -> tuple[Dial, ...]:
        """Those of the passages too."""
        return (*self.dials, *(each.dial for each in self.passages))

    def settled(self, usual: Mapping[str, float]) -> "Styling":
        """With a strength everywhere: where none was given the one of the style's own dial, else its usual one."""
        known = dict(usual) | {dial.style: dial.strength for dial in self.dials if dial.strength is not None}

        def settle(dial: Dial) -> Dial:
            return Dial(dial.style, known[dial.style]) if dial.strength is None else dial

        passages = (replace(passage, dial=settle(passage.dial)) for passage in self.passages)
        return Styling(tuple(map(settle, self.dials)), tuple(passages))

    def strengths(self, grid: BeatGrid, frames: int, fps: float) -> Tensor:
        """`[S, K]`: how strong each style is at each frame of an excerpt with these beats; 1 where none was given.

        Raises InputError for passages that overlap, run backwards or leave the excerpt, and for ramps that collide.
        """
        begins, changes = self.settled(dict.fromkeys(self.names, 1.0))._course(_Time(grid, frames / fps))
        at_s = torch.arange(frames, dtype=torch.float64)[:, None] / fps
        strengths = torch.tensor(begins).expand(frames, -1)
        for change in changes:  # each by lerp, whose ends are exact: what doesn't change keeps its bits
            strengths = torch.lerp(strengths, torch.tensor(change.to), change.done(at_s).float())
        return strengths.contiguous()

    def _course(self, time: "_Time") -> "tuple[list[float], list[_Change]]":
        """The strengths at the first frame, and how they change from there."""
        pieces = _in_order([_Piece.of(passage, time) for passage in self.passages])
        begins, changes = self._levels(None), list[_Change]()
        for number, piece in enumerate(pieces):
            passage, after = piece.passage, pieces[number + 1] if number + 1 < len(pieces) else None
            if number == 0 and passage.start.value == 0:
                begins = self._levels(passage)
            else:
                changes.append(_Change(*time.ramp(piece.start_s, passage.ramp), passage, self._levels(passage)))
            fades = _Change(*time.ramp(piece.stop_s, passage.ramp), passage, self._levels(None))
            # What ends with the dance, within a count's change, ends at full strength.
            faded_s = min(fades.stop_s, time.ramp(piece.stop_s, None)[1])
            if after.start_s > piece.stop_s + _ROUNDING_S if after else faded_s <= time.seconds:
                changes.append(fades)
        for one, other in pairwise(changes):
            if other.start_s < one.stop_s - _ROUNDING_S:
                raise InputError(
                    f"the changes around '{one.passage}' and '{other.passage}' run into each other; give shorter ramps"
                )
        return begins, changes

    def _levels(self, passage: Passage | None) -> list[float]:
        """The strengths `[K]` inside a passage, or outside of all of them."""
        dials = {dial.style: dial.strength for dial in self.dials}
        dials |= {each.dial.style: 0.0 for each in self.passages}
        if passage is not None:
            dials[passage.dial.style] = passage.dial.strength
        return [float(dials[name] or 0) for name in self.names]


@dataclass(frozen=True)
class _Change:
    """From the strengths before to those of `to`, smoothly, between two seconds."""

    start_s: float
    stop_s: float
    passage: Passage
    to: list[float]

    def done(self, at_s: Tensor) -> Tensor:
        """How much of it is done at these times: 0 before, 1 after, never falling."""
        if self.stop_s <= self.start_s:
            return (at_s >= self.start_s).to(at_s.dtype)
        part = ((at_s - self.start_s) / (self.stop_s - self.start_s)).clamp(0, 1)
        return part * part * (3 - 2 * part)


@dataclass(frozen=True)
class _Piece:
    """A passage in seconds."""

    passage: Passage
    start_s: float
    stop_s: float

    @classmethod
    def of(cls, passage: Passage, time: "_Time") -> "_Piece":
        start_s = time.second(passage.start)
        stop_s = math.inf if passage.stop is None else time.second(passage.stop)
        if start_s >= stop_s:
            raise InputError(f"'{passage}' doesn't run forwards; write its start, then an end after it")
        if start_s >= time.seconds or (stop_s < math.inf and stop_s > time.last_end_s() + _ROUNDING_S):
            raise InputError(
                f"'{passage}' leaves the dance, which ends {time.end(passage.start.unit)}; write 'end' for its end"
            )
        return cls(passage, start_s, stop_s)


def _in_order(pieces: list[_Piece]) -> list[_Piece]:
    ordered = sorted(pieces, key=lambda piece: piece.start_s)
    for one, other in pairwise(ordered):
        if other.start_s < one.stop_s - _ROUNDING_S:
            raise InputError(f"'{one.passage}' and '{other.passage}' overlap; let one end where the other begins")
    return ordered


@dataclass(frozen=True, eq=False)
class _Time:
    """Counts and seconds of an excerpt. The beats go on before the first and after the last one, as fast as usual."""

    grid: BeatGrid
    seconds: float

    def second(self, moment: Moment) -> float:
        if moment.unit != "c":
            return moment.value / FPS if moment.unit == "f" else moment.value
        return self._of_beat(Clock(self.grid).first_beat() + moment.value)

    def ramp(self, border_s: float, length: Moment | None) -> tuple[float, float]:
        """From when to when a change of this length lasts that is centred on `border_s`."""
        if length is None:
            length = Moment(1, "c") if len(self.grid.beats_s) > 1 else Moment(_COUNT_S, "s")
        if length.unit != "c":
            half_s = self.second(length) / 2
            return border_s - half_s, border_s + half_s
        beat = self._beat(border_s)
        return self._of_beat(beat - length.value / 2), self._of_beat(beat + length.value / 2)

    def last_end_s(self) -> float:
        """The latest end of a passage: that of the count, or of the second, in which the excerpt ends."""
        whole_s = math.ceil(self.seconds)
        if len(self.grid.beats_s) < 2:
            return whole_s
        return max(whole_s, self._of_beat(math.ceil(self._beat(self.seconds))))

    def end(self, unit: Unit) -> str:
        """When the excerpt ends, in words that suit a passage in these units."""
        counts = self._beat(self.seconds) - Clock(self.grid).first_beat() if unit == "c" else 0
        return f"at count {counts:.1f}" if unit == "c" else f"at {self.seconds:.1f}s"

    def _beat(self, second: float) -> float:
        beats, beats_s = self._line()
        return float(np.interp(second, beats_s, beats))

    def _of_beat(self, beat: float) -> float:
        beats, beats_s = self._line()
        return float(np.interp(beat, beats, beats_s))

    def _line(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of beats and their seconds, far enough in both directions to interpolate in."""
        beats_s = Clock(self.grid).beats_s()
        reach_s = _FAR_BEATS * float(np.median(np.diff(beats_s)))
        beats = np.concatenate(([-_FAR_BEATS], np.arange(len(beats_s)), [len(beats_s) - 1 + _FAR_BEATS]))
        return beats, np.concatenate(([beats_s[0] - reach_s], beats_s, [beats_s[-1] + reach_s]))
