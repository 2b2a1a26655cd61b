"""Motion files found in folders and archives, and read as sound stretches: at one rate, grounded, facing front."""

import fnmatch
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from core_vimo.errors import InputError
from core_vimo.formats import SUFFIXES, read_motion
from core_vimo.formats.retarget import impossible_steps
from core_vimo.formats.t_pose import without_t_pose
from core_vimo.motion import FPS, Motion, face_audience, ground, resample
from core_vimo.reading import MAX_BYTES, naming

_BROKEN_ZIP = (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
SHORTEST_S = 2.0
"""Sound stretches between glitches shorter than this are dropped."""


@dataclass(frozen=True)
class Source:
    """A motion file; `member` names it inside an archive."""

    path: Path
    member: str | None = None

    @property
    def name(self) -> str:
        return Path(self.member or self.path).stem

    def read(self) -> list[Motion]:
        """The motion's sound stretches of `SHORTEST_S` or more, at 30 fps, grounded, facing front.

        Cut at glitches; T-poses at their ends are left out.
        """
        with self.file() as file, naming(self.path):
            return _sound_stretches(read_motion(file))

    @contextmanager
    def file(self) -> Iterator[Path]:
        """A path to read it from; what lies in an archive is unpacked for as long."""
        if self.member is None:
            yield self.path
            return
        with tempfile.TemporaryDirectory() as folder:
            # Only the base name is used: a member called ../../x stays in the temporary folder.
            file = Path(folder) / Path(self.member).name
            file.write_bytes(_unpacked(self.path, self.member))
            yield file


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
    stretches = [without_t_pose(stretch) for stretch in stretches]
    return [at_rate(stretch) for stretch in stretches if stretch.seconds >= SHORTEST_S]


def at_rate(motion: Motion) -> Motion:
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
        yield from (Source(place, name) for name in members_of(place) if name.lower().endswith(SUFFIXES))
    elif place.suffix.lower() in SUFFIXES:
        yield Source(place)


def members_of(archive: Path) -> list[str]:
    """The visible files of a zip archive, in its order; InputError where it is none."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return [info.filename for info in opened.infolist() if not info.is_dir() and _is_visible(info.filename)]
    except _BROKEN_ZIP as error:
        raise InputError(f"{archive}: not a whole zip archive ({error}); take a fresh copy") from error


def visible_files(folder: Path) -> list[Path]:
    """Every file below, sorted; not what hidden folders hold, such as those a killed command was still writing to."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in files if _is_visible(path.relative_to(folder)))


def _is_visible(path: Path | str) -> bool:
    """Not hidden, nor in a hidden folder; Macs put a hidden companion beside each file of a zip archive."""
    return not any(part.startswith(".") and part != ".." for part in Path(path).parts)


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a dance's name fits one of the patterns (`*_11`, `dance_w_*`)."""
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
