"""What is danced to: excerpts of real songs and loops, of rendered songs, and of the music of held-out dances."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core_vimo.errors import InputError
from core_vimo.motion import FPS, Motion
from core_vimo.randomness import generator
from edge_adapter.audio import audio_seconds, read_audio, write_audio
from edge_adapter.beat_phase import WITH_BEATS, with_beat_phase
from edge_adapter.beats import track_beats
from edge_adapter.dance_data import DanceSet, PairedDance
from edge_adapter.dance_sources import SONG_SUFFIXES
from edge_adapter.features import MusicFeatures
from edge_adapter.sequencer import make_score, render
from edge_adapter.song_styles import STYLES
from stylize.dance import DanceSettings, Heard, listen

BEATS_OF_LOOPS = {
    "loop_amen": 4,
    "loop_amen_full": 16,
    "loop_breakbeat": 4,
    "loop_compus": 16,
    "loop_garzul": 16,
    "loop_mehackit1": 4,
    "loop_mika": 16,
    "loop_tabla": 16,
}
"""Loops of Sonic Pi (CC0) with a clear pulse, and how many beats go into one round: their beats need no tracker."""

_RATE = 44100
_RENDERED_SEED = 10_000
_FEWEST_BEATS = 4


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Music of S frames as the model hears it, and the beats `[N]` in seconds it is scored by.

    `known` says that these beats are true by construction, else they were tracked or came with the data. `real` is
    the dance that was danced to it, where there is one.
    """

    name: str
    heard: Heard
    beats_s: NDArray[np.float64]
    known: bool
    real: Motion | None = None

    def __len__(self) -> int:
        return len(self.heard.features)

    @property
    def seconds(self) -> float:
        return len(self) / FPS

    def first(self, seconds: float) -> "Excerpt":
        """Its beginning."""
        frames = min(round(seconds * FPS), len(self))
        heard = replace(self.heard, features=self.heard.features[:frames])
        return replace(
            self, heard=heard, beats_s=self.beats_s[self.beats_s < frames / FPS], real=self.real and self.real[:frames]
        )


def real_excerpts(folder: Path, extractor: str, seconds: float, seed: int) -> list[Excerpt]:
    """Of every sound file in `folder` that is long enough, and of the loops whose beats are known, played on and on.

    Where an excerpt begins is drawn, so that loops of one tempo don't beat together.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SONG_SUFFIXES)
    found = []
    for path in files:
        if path.stem in BEATS_OF_LOOPS:
            found.append(_of_loop(path, extractor, seconds, seed))
        elif audio_seconds(path) > seconds + 1:
            found.append(_of_song(path, extractor, seconds, seed))
    usable = [excerpt for excerpt in found if len(excerpt.beats_s) >= _FEWEST_BEATS]
    if len(usable) < 2:
        raise InputError(f"{folder}: needs at least 2 songs of {seconds:g} s with beats; name a folder with more")
    return usable


def rendered_excerpts(count: int, extractor: str, seconds: float) -> list[Excerpt]:
    """Of `count` songs of the suite's sequencer that no model was trained on; every style in turn."""
    styles = sorted(STYLES)
    found = []
    for number in range(count):
        track = render(make_score(_RENDERED_SEED + number, seconds + 2, styles[number % len(styles)]), _RATE)
        name = f"{styles[number % len(styles)]} {number + 1}"
        heard = _heard(track.samples, extractor, 0.0, seconds)
        found.append(Excerpt(name, heard, _within(track.beats_s, heard), known=True))
    return found


def paired_excerpts(folder: Path, split: str, extractor: str, seconds: float, seed: int) -> list[Excerpt]:
    """Of the music of a data set, each with the real dance; shorter ones are whole. Variants (mirrored, …) are left
    out, and music with fewer than 4 beats."""
    dances = DanceSet(folder, split)
    rows = [index for index, row in enumerate(dances.rows) if "+" not in row["name"]]
    found = [_of_dance(dances[index], extractor, seconds, seed) for index in rows]
    return [excerpt for excerpt in found if len(excerpt.beats_s) >= _FEWEST_BEATS]


def long_excerpt(path: Path, extractor: str, seconds: float) -> Excerpt:
    """A song from its start, played again and again where it is shorter than `seconds`."""
    samples = read_audio(path, _RATE)
    heard = _heard(np.tile(samples, int(np.ceil(seconds * _RATE / len(samples)))), extractor, 0.0, seconds)
    return Excerpt(path.stem, heard, _within(heard.grid.beats_s, heard), known=False)


def real_dances(folder: Path, seconds: float) -> Iterator[tuple[str, Motion, NDArray[np.float64]]]:
    """The test split cut into dances of `seconds`, one after the other, with their beats; shorter dances are whole."""
    dances, frames = DanceSet(folder, "test"), round(seconds * FPS)
    for index in range(len(dances)):
        dance = dances[index]
        for start in range(0, max(len(dance.motion) - frames, 0) + 1, frames):
            beats_s = dance.beats_s.numpy() - start / FPS
            yield f"{dance.name} {start / FPS:g} s", dance.motion[start : start + frames], beats_s


def drawn_start_s(room_s: float, seed: int, name: str) -> float:
    """A second between 0 and `room_s` on which a frame falls."""
    draw = float(torch.rand((), generator=generator(seed, name, "excerpt")))
    return int(draw * room_s * FPS) / FPS


def _of_song(path: Path, extractor: str, seconds: float, seed: int) -> Excerpt:
    start_s = drawn_start_s(audio_seconds(path) - seconds, seed, path.stem)
    heard = listen(path, extractor, DanceSettings(start_s=start_s, seconds=seconds))
    return Excerpt(path.stem, heard, _within(heard.grid.beats_s, heard), known=False)


def _of_loop(path: Path, extractor: str, seconds: float, seed: int) -> Excerpt:
    samples = read_audio(path, _RATE)
    round_s = len(samples) / _RATE
    start_s = drawn_start_s(round_s, seed, path.stem)
    rounds = int(np.ceil((seconds + 1) / round_s)) + 1
    heard = _heard(np.tile(samples, rounds), extractor, start_s, seconds)
    beat_s = round_s / BEATS_OF_LOOPS[path.stem]
    beats_s = np.arange(0, rounds * round_s, beat_s) - start_s
    return Excerpt(path.stem, heard, _within(beats_s, heard), known=True)


def _of_dance(dance: PairedDance, extractor: str, seconds: float, seed: int) -> Excerpt:
    frames = min(round(seconds * FPS), len(dance.motion))
    start_s = drawn_start_s((len(dance.motion) - frames) / FPS, seed, dance.name)
    span = slice(round(start_s * FPS), round(start_s * FPS) + frames)
    grid = track_beats(MusicFeatures(dance.features))
    shifted = replace(grid, beats_s=grid.beats_s - start_s, downbeats_s=grid.downbeats_s - start_s)
    features = dance.features[span]
    if extractor.endswith(WITH_BEATS):
        features = with_beat_phase(features, shifted.beats_s)
    heard = Heard(features, shifted)
    return Excerpt(dance.name, heard, _within(dance.beats_s.numpy() - start_s, heard), False, dance.motion[span])


def _heard(samples: NDArray[np.floating], extractor: str, start_s: float, seconds: float) -> Heard:
    """Through a sound file, as a person's song would come."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "song.wav"
        write_audio(path, samples, _RATE)
        return listen(path, extractor, DanceSettings(start_s=start_s, seconds=seconds))


def _within(beats_s: NDArray[np.float64], heard: Heard) -> NDArray[np.float64]:
    return beats_s[(beats_s >= 0) & (beats_s < len(heard.features) / FPS)]
