"""Motion files become dances with music: found in folders and archives, varied, paired.

A dance's music is, in this order: the features an npz carries (Dance with Melody), a song of the same stem, or a track
rendered on the dance's own movement beats (`pairing.py`).
"""

import fnmatch
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from core_vimo.errors import InputError
from core_vimo.formats import SUFFIXES, read_motion
from core_vimo.formats.npz import load_arrays
from core_vimo.formats.retarget import impossible_steps
from core_vimo.motion import Motion, face_audience, ground, mirror, resample, sample_at
from core_vimo.randomness import fold
from core_vimo.reading import MAX_BYTES, naming
from edge_adapter.dance_data import FPS, PairedDance
from edge_adapter.features import RATE, LibrosaExtractor, MusicFeatures, features_of_samples
from edge_adapter.pairing import movement_beats, rendered_track

_BROKEN_ZIP = (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
SHORTEST_S = 2.0
"""Sound stretches between glitches shorter than this are dropped."""

SONG_SUFFIXES = (".wav", ".mp3", ".m4a", ".ogg", ".flac", ".opus", ".mp4")


@dataclass(frozen=True)
class Source:
    """A motion file; `member` names it inside an archive."""

    path: Path
    member: str | None = None

    @property
    def name(self) -> str:
        return Path(self.member or self.path).stem

    def read(self) -> list[Motion]:
        """The motion's sound stretches of `SHORTEST_S` or more, at 30 fps, grounded, facing front; cut at glitches."""
        if self.member is None:
            return _sound_stretches(read_motion(self.path))
        with tempfile.TemporaryDirectory() as folder:
            # Only the base name is used: a member called ../../x stays in the temporary folder.
            file = Path(folder) / Path(self.member).name
            file.write_bytes(_unpacked(self.path, self.member))
            with naming(self.path):
                return _sound_stretches(read_motion(file))


def _unpacked(path: Path, member: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            size = archive.getinfo(member).file_size
            if size > MAX_BYTES:
                raise InputError(f"{path}: {member} would unpack to {size >> 20} MiB; cut it into parts")
            return archive.read(member)
    except _BROKEN_ZIP as error:
        raise InputError(f"{path}: {member} can't be unpacked ({error}); take a fresh copy") from error


def _sound_stretches(motion: Motion) -> list[Motion]:
    bad = impossible_steps(motion).nonzero()[:, 0].tolist()
    ends = [-1, *bad, len(motion) - 1]
    # A stretch begins after the step that went wrong and ends before the next.
    stretches = [motion[first + 1 : last + 1] for first, last in pairwise(ends) if last > first]
    return [_at_rate(stretch) for stretch in stretches if stretch.seconds >= SHORTEST_S]


def _at_rate(motion: Motion) -> Motion:
    """At 30 fps, on the floor, facing the audience; contacts detected there: at 120 fps noise alone moves feet fast."""
    slower = resample(motion, FPS)
    return face_audience(ground(Motion.from_rotations(slower.rotations, slower.root_m, FPS)))


def find_sources(places: Sequence[Path]) -> list[Source]:
    """Motion files at these places: files, folders (searched through) and zip archives; sorted, InputError if none."""
    found = [source for place in places for source in _sources(place)]
    if not found:
        raise InputError(f"no motion file ({', '.join(SUFFIXES)}) at {', '.join(map(str, places))}")
    found.sort(key=lambda source: source.name)
    for one, other in pairwise(found):
        if one.name == other.name:
            raise InputError(f"{one.path} and {other.path}: two dances are called '{one.name}'; keep or rename one")
    return found


def _sources(place: Path) -> Iterator[Source]:
    if place.is_dir():
        for path in visible_files(place):
            yield from _sources(path)
    elif not place.exists():
        raise InputError(f"{place}: there is no such file or folder; check the path")
    elif place.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(place) as archive:
                names = [name for name in archive.namelist() if name.lower().endswith(SUFFIXES) and _is_visible(name)]
        except _BROKEN_ZIP as error:
            raise InputError(f"{place}: not a whole zip archive ({error}); take a fresh copy") from error
        yield from (Source(place, name) for name in names)
    elif place.suffix.lower() in SUFFIXES:
        yield Source(place)


def visible_files(folder: Path) -> list[Path]:
    """Every file below, sorted; not what hidden folders hold, such as those a killed command was still writing to."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in files if _is_visible(path.relative_to(folder)))


def _is_visible(path: Path | str) -> bool:
    """Not hidden, nor in a hidden folder; Macs put a hidden companion beside each file of a zip archive."""
    return not any(part.startswith(".") and part != ".." for part in Path(path).parts)


@dataclass(frozen=True)
class Variations:
    """What training sees of each dance: every tempo, mirrored too, each with `tracks` different rendered tracks."""

    tempi: tuple[float, ...] = (1.0,)
    mirrored: bool = True
    tracks: int = 1


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a dance's name fits one of the patterns (`*_11`, `dance_w_*`)."""
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


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
    motion = _at_rate(read_motion(source.path))
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
