"""What an uploaded file really is, by its content, found out in a process of its own.

Decoders are large programs in C, and what strangers upload is what breaks them: a crash there ends no studio.
`python -m stylize.studio.contents KIND PATH [SECONDS]` prints one line of JSON.
"""

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from core_vimo.errors import InputError, MediaError
from stylize.studio.processes import module_command, module_environment

_PATIENCE_S = 120.0
_MOST_MEMORY = 8 << 30
"""Bytes of address space, of which torch takes some for itself."""
_LONGEST_SIDE_PX = 4096
_SHORTEST_SONG_S = 1.0

# FFmpeg's names of containers that hold their own sound and pictures; playlists, which name other files, are none.
_SOUND_SUFFIXES = {
    "wav": ".wav", "mp3": ".mp3", "flac": ".flac", "ogg": ".ogg", "mov,mp4,m4a,3gp,3g2,mj2": ".m4a", "aac": ".aac",
    "aiff": ".aiff", "matroska,webm": ".webm", "asf": ".wma", "avi": ".avi", "mpegts": ".ts", "mpeg": ".mpg",
}  # fmt: skip
_VIDEO_SUFFIXES = {
    "mov,mp4,m4a,3gp,3g2,mj2": ".mp4", "matroska,webm": ".webm", "avi": ".avi", "mpegts": ".ts", "mpeg": ".mpg",
    "ogg": ".ogv", "asf": ".wmv",
}  # fmt: skip


@dataclass(frozen=True)
class Contents:
    """The suffix that says what it is, and facts to show: seconds; of videos fps and size; of motions fps."""

    suffix: str
    facts: dict[str, Any] = field(default_factory=dict)


def inspect(kind: str, path: Path, label: str, most_s: float | None = None) -> Contents:
    """What is in the file. Raises InputError, naming it by its label, where that isn't of this kind."""
    command = module_command("stylize.studio.contents", kind, str(path), *([] if most_s is None else [str(most_s)]))
    try:
        done = subprocess.run(
            command, capture_output=True, env=module_environment(), stdin=subprocess.DEVNULL, timeout=_PATIENCE_S
        )
        told = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{label}: takes minutes to look into; give a shorter or simpler file") from error
    except (ValueError, IndexError) as error:  # it crashed, or ran out of memory
        raise InputError(f"{label}: can't be read; export or convert it again") from error
    if "error" in told:
        raise InputError(told["error"].replace(str(path), label))
    return Contents(told["suffix"], told["facts"])


def look(kind: str, path: Path, most_s: float | None) -> Contents:
    """The same in this process."""
    match kind:
        case "song":
            return _song(path, most_s)
        case "video":
            return _video(path, most_s)
        case "motion":
            return _motion(path)
        case _:
            return _style(path)


def _song(path: Path, most_s: float | None) -> Contents:
    import av

    from core_vimo.media import decoded, media_error, open_media

    try:
        with open_media(path) as container:
            track = container.streams.best("audio")
            suffix = _SOUND_SUFFIXES.get(container.format.name)
            if not isinstance(track, av.AudioStream) or suffix is None:
                raise MediaError(f"{path}: holds no sound; give a song such as mp3, m4a, wav, flac or ogg")
            if next(decoded(container, track), None) is None:
                raise MediaError(f"{path}: nothing in it can be played; export the song again")
            container.seek(0)
            seconds = _length(path, container, track, most_s)
            if 0 < seconds < _SHORTEST_SONG_S:  # of damaged files nobody knows, and they are danced as far as they go
                raise MediaError(f"{path}: lasts {seconds:.2f} s, and a dance lasts 1 s at least; give a longer song")
            pictured = suffix == ".m4a" and bool(container.streams.video)
    except Exception as error:
        raise media_error(path, error) from error
    return Contents(".mp4" if pictured else suffix, {"seconds": round(seconds, 3)})


def _video(path: Path, most_s: float | None) -> Contents:
    from core_vimo.media import media_error, open_media
    from core_vimo.video.decode import probe

    facts = probe(path)
    if max(facts.width, facts.height) > _LONGEST_SIDE_PX:
        raise MediaError(
            f"{path}: is {facts.width}x{facts.height}; give a video of at most {_LONGEST_SIDE_PX} pixels a side"
        )
    try:
        with open_media(path) as container:
            suffix = _VIDEO_SUFFIXES.get(container.format.name)
            if suffix is None:
                raise MediaError(f"{path}: isn't a video that the studio takes; convert it to mp4")
            seconds = _length(path, container, container.streams.video[0], most_s)
    except Exception as error:
        raise media_error(path, error) from error
    size = [facts.width, facts.height]
    return Contents(
        suffix, {"seconds": round(seconds, 3), "fps": round(facts.fps, 3), "size": size, "sound": facts.has_sound}
    )


def _length(path: Path, container: Any, track: Any, most_s: float | None) -> float:
    """Seconds of a track by its packets, since what a header declares may be a lie. Raises MediaError beyond `most_s`.

    Packets of damaged files carry no time stamps; then their durations are added up.
    """
    ends = added = 0
    base = float(track.time_base or 0)
    for packet in _packets(container, track):
        added += packet.duration or 0
        if packet.pts is not None:
            ends = max(ends, packet.pts - (track.start_time or 0) + (packet.duration or 0))
        if most_s is not None and max(ends, added) * base > most_s:
            raise MediaError(
                f"{path}: is longer than {most_s / 60:g} minutes, the most that is taken; give a part of it"
            )
    return max(ends, added) * base


def _packets(container: Any, track: Any) -> Iterator[Any]:
    """Up to where the file is damaged."""
    from av.error import InvalidDataError

    try:
        yield from container.demux(track)
    except (InvalidDataError, EOFError):
        return


def _motion(path: Path) -> Contents:
    from core_vimo.formats import read_motion, suffix_by_content

    suffix = suffix_by_content(path)
    motion = read_motion(path)
    return Contents(suffix, {"seconds": round(motion.seconds, 3), "fps": motion.fps, "frames": len(motion)})


def _style(path: Path) -> Contents:
    """What is in the package is checked by who installs it."""
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: isn't a style's package; give the .vimostyle file that `vimo style pack` wrote")
    return Contents(".vimostyle")


def _bound_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(arguments: list[str]) -> int:
    kind, path, *most_s = arguments
    _bound_memory()
    try:
        told = asdict(look(kind, Path(path), float(most_s[0]) if most_s else None))
    except InputError as error:
        told = {"error": str(error)}
    except (OSError, MemoryError, RecursionError):
        told = {"error": f"{path}: can't be read; export or convert it again"}
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
