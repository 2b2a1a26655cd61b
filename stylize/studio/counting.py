"""Counts as a choreographer corrects them, on what a `listen` job found; what the recipes do with the same settings."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from core_vimo.errors import InputError
from stylize.studio.project import Tempo

_TEMPI: tuple[Tempo, ...] = ("as heard", "half", "double")
_FEWEST_TAPS = 4


def counted(listened: Mapping[str, Any], tempo: Tempo, first_count: int) -> list[tuple[float, int]]:
    """Second and count of every beat, count 1 moved by `first_count` beats (`edge_adapter.beats.shift_counts`)."""
    grid = listened[tempo]
    phrase = 2 * grid["beats_per_bar"]
    counts = ((count - 1 - first_count) % phrase + 1 for count in grid["counts"])
    return list(zip(grid["beats_s"], counts, strict=True))


def tapped(listened: Mapping[str, Any], taps_s: Sequence[float]) -> Tempo:
    """The tempo nearest to what was tapped along, in seconds of any clock. Raises InputError for too few taps."""
    steps_s = [after - before for before, after in pairwise(taps_s)]
    if len(taps_s) < _FEWEST_TAPS or not all(0 < step < math.inf for step in steps_s):
        raise InputError(f"tap along with the beat at least {_FEWEST_TAPS} times")
    if not listened["as heard"]["beats_s"]:
        raise InputError("no beats were heard in the song, so there is no tempo to correct")
    bpm = 60 / median(steps_s)
    return min(_TEMPI, key=lambda tempo: abs(math.log2(listened[tempo]["tempo_bpm"] / bpm)))


def first_count_at(listened: Mapping[str, Any], tempo: Tempo, second: float) -> int:
    """The shift that makes the beat nearest to this second of the song a count 1."""
    grid = listened[tempo]
    if not grid["beats_s"]:
        raise InputError("no beats were heard in the song, so there are no counts to move")
    nearest = min(range(len(grid["beats_s"])), key=lambda beat: abs(grid["beats_s"][beat] - second))
    shift = int(grid["counts"][nearest]) - 1
    phrase = 2 * grid["beats_per_bar"]
    return shift if shift <= phrase // 2 else shift - phrase
