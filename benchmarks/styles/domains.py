"""What is compared on: a backbone's own dances, and those of a style: a few to learn, the others held out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from benchmarks.fit_to_song.excerpts import Excerpt, paired_excerpts
from core_vimo.clip_set import SPLITS, WINDOW, Clip, write_clip_index, write_music, write_take
from core_vimo.errors import InputError
from core_vimo.metrics.measures import Measured, measure
from core_vimo.motion import FPS, Motion
from core_vimo.motion_store import data_hash
from core_vimo.publish import publish_folder
from core_vimo.video_to_motion.motion_set import StoredMotion
from edge_adapter.dance_data import DanceSet, PairedDance

WINDOW_FRAMES = 150
_HELD_OUT_SHARE = 5
"""Of a learned clip's windows every so many-eth, from the end, is left for early stopping."""


@dataclass(frozen=True, eq=False)
class Style:
    """The dances of a style: `learned` are the few clips, `held_out` what its dances are measured against."""

    learned: list[PairedDance]
    held_out: list[PairedDance]

    @classmethod
    def of(cls, folder: Path, pattern: str, learned: Sequence[str]) -> "Style":
        """Those of a data set, of either split, whose names match; mirrored ones and other variants are left out."""
        dances = [
            dance
            for dance in (*_dances(folder, "train"), *_dances(folder, "test"))
            if fnmatch(dance.name, pattern) and "+" not in dance.name
        ]
        style = cls([d for d in dances if d.name in learned], [d for d in dances if d.name not in learned])
        if len(style.learned) != len(set(learned)) or len(style.held_out) < 2:
            raise InputError(
                f"{folder}: of {pattern} {len(style.learned)} of {len(set(learned))} clips to learn and "
                f"{len(style.held_out)} others were found; name others"
            )
        return style


def _dances(folder: Path, split: str) -> Iterator[PairedDance]:
    dances = DanceSet(folder, split)
    return (dances[index] for index in range(len(dances)))


def windows_of(name: str, motion: Motion, beats_s: np.ndarray) -> list[Measured]:
    """A dance's 5-second windows, one after the other, measured with their beats."""
    starts = range(0, len(motion) - WINDOW_FRAMES + 1, WINDOW_FRAMES)
    return [
        measure(f"{name} {start / FPS:g} s", motion[start : start + WINDOW_FRAMES], beats_s - start / FPS)
        for start in starts
    ]


def measured(dances: Sequence[PairedDance]) -> list[Measured]:
    """All windows of real dances."""
    return [window for dance in dances for window in windows_of(dance.name, dance.motion, dance.beats_s.numpy())]


def songs(folder: Path, names: Sequence[str], extractor: str, seconds: float, seed: int) -> list[Excerpt]:
    """Of the music of these dances of a data set, of either split."""
    both = (paired_excerpts(folder, split, extractor, seconds, seed) for split in SPLITS)
    return [excerpt for excerpts in both for excerpt in excerpts if excerpt.name in names]


def write_clips(
    dances: Sequence[PairedDance],
    folder: Path,
    source: Path,
    seen: Callable[[PairedDance], StoredMotion] | None = None,
) -> None:
    """The clips to learn as `vimo style add` keeps them; the end of each clip's time is held out.

    With `seen` their motions are what it makes of them, and its views are kept.
    """
    clips, rows = [], []
    for item, dance in enumerate(dances):
        stored = StoredMotion(dance.name, dance.motion) if seen is None else seen(dance)
        with publish_folder(folder / "items" / dance.name, ()) as aside:
            write_take(stored.motion, aside, 0, stored.views)
            write_music(dance.features, dance.beats_s, aside)
        clips.append(Clip(dance.name, data_hash(source), "motion", "its own", len(dance.motion), 1, "both"))
        starts = list(range(0, len(dance.motion) - WINDOW_FRAMES + 1, WINDOW_FRAMES))
        held_out = max(len(starts) // _HELD_OUT_SHARE, 1)
        for number, start in enumerate(starts):
            split = SPLITS["test" if number >= len(starts) - held_out else "train"]
            rows.append((item, 0, start, True, 0, split, (1.0, 0.0, 0.0, 0.0, 0.0)))
    write_clip_index(folder, clips, np.array(rows, WINDOW), WINDOW_FRAMES, "librosa35")
