"""The dances of a folder or a data set, measured one by one, with the beats of their songs where those are found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track

from core_vimo.errors import InputError
from core_vimo.formats import read_motion
from core_vimo.formats.sources import visible_files
from core_vimo.metrics.measures import BeatTimes, Measured, measure
from core_vimo.motion import Motion
from core_vimo.reading import read_json
from edge_adapter.dance_data import DanceSet
from edge_adapter.dance_sources import SONG_SUFFIXES
from stylize.progress import tell_compiling

_PREFERRED = (".npz", ".glb", ".bvh", ".pkl")
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class _Dance:
    """A dance still on disk; `read` gives it, and its music's beats in seconds from its first frame where known."""

    name: str
    read: Callable[[], tuple[Motion, BeatTimes | None]]


def measured_dances(folder: Path, split: str, beats: "SongBeats | None", left_out: list[str]) -> list[Measured]:
    """Measure every usable dance of a folder; the others are named in `left_out`. InputError where none is usable."""
    dances = _find_dances(folder, split, beats)
    found, refused = [], []
    for dance in track(dances, f"Measuring {folder.name}", console=Console(stderr=True), transient=True):
        try:
            found.append(measure(dance.name, *dance.read()))
        except InputError as error:
            refused.append(f"left out: {error}")
    if not found:
        raise InputError(f"{folder}: none of its {len(dances)} dances can be measured; first {refused[0]}")
    left_out.extend(refused)
    return found


def _find_dances(folder: Path, split: str, beats: "SongBeats | None") -> list[_Dance]:
    """The dances of a folder, each once though it may be there in several formats, or those of a data set."""
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder; name a folder of dances")
    if (folder / "index.json").is_file():
        return list(_data_set_dances(folder, split))
    dances = [_file_dance(path, folder, beats) for path in _motion_files(folder)]
    if not dances:
        raise InputError(f"{folder}: holds no motion files ({', '.join(_PREFERRED)}); name a folder of dances")
    return dances


def _motion_files(folder: Path) -> list[Path]:
    files = [path for path in visible_files(folder) if path.suffix.lower() in _PREFERRED]
    files.sort(key=lambda path: _PREFERRED.index(path.suffix.lower()), reverse=True)
    return sorted({path.with_suffix(""): path for path in files}.values())


def _file_dance(path: Path, folder: Path, beats: "SongBeats | None") -> _Dance:
    def read() -> tuple[Motion, BeatTimes | None]:
        return read_motion(path), beats.of(path) if beats else None

    return _Dance(path.relative_to(folder).as_posix(), read)


def _data_set_dances(folder: Path, split: str) -> Iterator[_Dance]:
    dances = DanceSet(folder, split)

    def read(index: int) -> tuple[Motion, BeatTimes | None]:
        paired = dances[index]
        return paired.motion, paired.beats_s.numpy()

    for index, row in enumerate(dances.rows):
        yield _Dance(row["name"], partial(read, index))


class SongBeats:
    """Beats of each dance's song, tracked once a song."""

    def __init__(self, songs: Path | None) -> None:
        if songs is not None and not songs.is_dir():
            raise InputError(f"{songs}: is not a folder; name a folder of songs")
        files = sorted(songs.iterdir()) if songs else []
        self.by_stem = {path.stem: path for path in files if path.suffix.lower() in SONG_SUFFIXES}
        self.tracked: dict[Path, BeatTimes | None] = {}
        self.refused: list[str] = []

    def of(self, motion: Path) -> BeatTimes | None:
        """Beats in seconds from the dance's first frame; None where the dance has no song."""
        found = self._noted_down(motion) or self._named_like(motion)
        if found is None:
            return None
        song, start_s = found
        if song not in self.tracked:
            self.tracked[song] = self._track(song)
        beats_s = self.tracked[song]
        return None if beats_s is None else beats_s - start_s

    def _track(self, song: Path) -> BeatTimes | None:
        """A song that can't be read costs its dances the beat metrics, not the rest."""
        tell_compiling("librosa")
        from edge_adapter.beats import track_beats

        try:
            return track_beats(song).beats_s
        except InputError as error:
            self.refused.append(f"no beats: {error}")
            return None

    def _noted_down(self, motion: Path) -> tuple[Path, float] | None:
        """The song of the dance's manifest where it still lies, or the one of its name in the folder of songs."""
        noted = _manifest_song(motion.parent / _MANIFEST)
        if noted is None:
            return None
        song = noted[0] if noted[0].is_file() else self.by_stem.get(noted[0].stem)
        return None if song is None else (song, noted[1])

    def _named_like(self, motion: Path) -> tuple[Path, float] | None:
        """By the file's stem, its folder's name, or (AIST++) the music id in its name, as in `_mBR0_`."""
        for name in (motion.stem, motion.parent.name, *motion.stem.split("_")):
            if name in self.by_stem:
                return self.by_stem[name], 0.0
        return None


def _manifest_song(manifest: Path) -> tuple[Path, float] | None:
    """The song that `vimo dance` wrote down beside its dance, and the second of it at which the dance starts."""
    if not manifest.is_file():
        return None
    try:
        content = read_json(manifest)
        song = content.get("song")
        start_s = float(content.get("audio_offset_s", 0.0))
    except (InputError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{manifest}: is not a manifest of `vimo dance`; remove it, or make the dance again"
        ) from error
    return (manifest.parent / song, start_s) if isinstance(song, str) else None
