"""Motion files become dances with music: varied, and paired.

A dance's music is, in this order: the features an npz carries (Dance with Melody), a song of the same stem, or a track
rendered on the dance's own movement beats (`pairing.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from core_vimo.errors import InputError
from core_vimo.formats import read_motion
from core_vimo.formats.npz import load_arrays
from core_vimo.formats.sources import Source, at_rate
from core_vimo.motion import FPS, Motion, mirror, sample_at
from core_vimo.randomness import fold
from edge_adapter.dance_data import PairedDance
from edge_adapter.features import RATE, LibrosaExtractor, MusicFeatures, features_of_samples
from edge_adapter.pairing import movement_beats, rendered_track

SONG_SUFFIXES = (".wav", ".mp3", ".m4a", ".ogg", ".flac", ".opus", ".mp4")


@dataclass(frozen=True)
class Variations:
    """What training sees of each dance: every tempo, mirrored too, each with `tracks` different rendered tracks."""

    tempi: tuple[float, ...] = (1.0,)
    mirrored: bool = True
    tracks: int = 1


def pair(source: Source, songs: Path | None, vary: Variations, *, held_out: bool) -> Iterator[PairedDance]:
    """The dance with its music, and for training its variants, named `dance+variant`; test dances come as they are.

    A dance with its own music is not cut where it glitched, nor re-timed.
    """
    split = "test" if held_out else "train"
    if held_out:
        vary = Variations(mirrored=False)
    own = _own_music(source, songs)
    if own is not None:
        yield from _with_own_music(source, *own, vary.mirrored, split)
        return
    stretches = source.read()
    for number, motion in enumerate(stretches):
        name = source.name if len(stretches) == 1 else f"{source.name}.{number + 1}"
        for tempo in vary.tempi:
            yield from _with_rendered_tracks(name, motion, tempo, vary, split)


def _with_own_music(
    source: Source, features: MusicFeatures, beats_s: torch.Tensor, music: str, mirrored: bool, split: str
) -> Iterator[PairedDance]:
    motion = at_rate(read_motion(source.path))
    frames = min(len(motion), len(features))
    for name, variant in _sides(source.name, motion[:frames], mirrored):
        yield PairedDance(name, variant, features.values[:frames], beats_s, music, split)


def _with_rendered_tracks(
    name: str, motion: Motion, tempo: float, vary: Variations, split: str
) -> Iterator[PairedDance]:
    if tempo != 1:
        name, motion = f"{name}+tempo{tempo:g}", _retime(motion, tempo)
    beats_s = movement_beats(motion)
    for side, variant in _sides(name, motion, vary.mirrored):
        for track in range(vary.tracks):
            yield _with_rendered_track(f"{side}+track{track}" if track else side, variant, beats_s, split)


def _sides(name: str, motion: Motion, mirrored: bool) -> Iterator[tuple[str, Motion]]:
    yield name, motion
    if mirrored:
        yield f"{name}+mirrored", mirror(motion)


def _retime(motion: Motion, tempo: float) -> Motion:
    """The same movement, `tempo` times as fast."""
    frames = int((len(motion) - 1) / tempo) + 1
    return sample_at(motion, torch.arange(frames, dtype=torch.float64) * tempo, motion.fps)


def _with_rendered_track(name: str, motion: Motion, beats_s: np.ndarray, split: str) -> PairedDance:
    track = rendered_track(motion, beats_s, fold(name), RATE)
    features = features_of_samples(track.mono).values[: len(motion)]
    music = f"rendered on its movement's beats ({track.beats_per_bar}/4)"
    return PairedDance(name, motion, features, torch.from_numpy(track.beats_s), music, split)


def _own_music(source: Source, songs: Path | None) -> tuple[MusicFeatures, torch.Tensor, str] | None:
    if source.member is not None:
        return None
    if source.path.suffix.lower() == ".npz":
        arrays = load_arrays(source.path)
        if "features" in arrays and "beats" in arrays:
            features, beats = arrays["features"], arrays["beats"]
            if (
                features.shape[1:] != (LibrosaExtractor().dim,)
                or beats.ndim != 1
                or {features.dtype.kind, beats.dtype.kind} - set("fiu")
            ):
                raise InputError(
                    f"{source.path}: its features and beats are not those of Dance with Melody; remove them"
                )
            return (
                MusicFeatures(torch.as_tensor(features.astype(np.float32))),
                torch.as_tensor(beats.astype(np.float64)) / FPS,
                "features in the file",
            )
    song = _song_for(source.name, songs)
    if song is None:
        return None
    from edge_adapter.beats import track_beats
    from edge_adapter.feature_cache import cached_features

    return cached_features(song), torch.from_numpy(track_beats(song).beats_s), song.name


def _song_for(name: str, songs: Path | None) -> Path | None:
    """The song of a dance: of the same stem, or (AIST++) of the music id that stands in the name, as in `_mBR0_`."""
    if songs is None:
        return None
    files = [path for path in sorted(songs.iterdir()) if path.suffix.lower() in SONG_SUFFIXES]
    by_stem = {path.stem: path for path in files}
    return by_stem.get(name) or next((by_stem[part] for part in name.split("_") if part in by_stem), None)
