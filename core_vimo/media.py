"""Sound and video files opened with PyAV: what is no such file ends in one MediaError that names it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import av

from core_vimo.errors import MediaError

Track = TypeVar("Track", av.AudioStream, av.VideoStream)


def check_is_file(path: Path) -> None:
    """Raise MediaError where nothing, a folder or an empty file is there."""
    if not path.exists():
        raise MediaError(f"{path}: not found; check the path")
    if not path.is_file():
        raise MediaError(f"{path}: is not a file; name one sound or video file")
    if path.stat().st_size == 0:
        raise MediaError(f"{path}: is empty (0 bytes); export or copy it again")


def open_media(path: Path) -> av.container.InputContainer:
    """ "file:" and the list of protocols keep odd names and playlists from reaching out to the network."""
    return av.open(f"file:{path}", metadata_errors="ignore", options={"protocol_whitelist": "file"})


def declared_seconds(container: av.container.InputContainer, track: Track) -> float | None:
    """Length of a track as the file declares it."""
    if track.duration is not None and track.time_base is not None:
        return float(track.duration * track.time_base)
    return None if container.duration is None else container.duration / av.time_base


def media_error(
    path: Path, error: Exception, wanted: str = "sound or video", formats: str = "wav, mp3 or mp4"
) -> MediaError:
    """Any failure as a MediaError; `wanted` is what the file should have been, as one of `formats`.

    Malformed files raise InvalidDataError and EOFError, but also MemoryError, UnicodeDecodeError and IndexError.
    """
    if isinstance(error, MediaError):
        return error
    reason = getattr(error, "strerror", None) or type(error).__name__
    return MediaError(
        f"{path}: cannot be read as {wanted} ({reason}); take a whole copy of it, or convert it to {formats}"
    )


def decoded(container: av.container.InputContainer, track: Track) -> Iterator[av.AudioFrame | av.VideoFrame]:
    """Every frame of a track that can be decoded; damaged packets are skipped, as players skip them."""
    for packet in container.demux(track):
        try:
            yield from packet.decode()  # type: ignore[misc]
        except av.error.InvalidDataError:
            continue
