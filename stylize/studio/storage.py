"""The user's data folder, and what may come into it: by content, within limits, under names made here.

What a browser calls a file is kept as a label to show and never becomes part of a path.
"""

from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

UploadKind = Literal["song", "video", "motion", "style"]


@dataclass(frozen=True)
class Limits:
    """What is taken at most; sizes in bytes. `most_bytes` bounds the whole data folder, `spare_bytes` the disk."""

    song_bytes: int = 200 << 20
    video_bytes: int = 1 << 30
    motion_bytes: int = 64 << 20
    style_bytes: int = 512 << 20
    song_s: float = 15 * 60.0
    video_s: float = 10 * 60.0
    uploads: int = 500
    media: int = 300
    """Of one project."""
    projects: int = 200
    most_bytes: int = 50 << 30
    spare_bytes: int = 1 << 30
    keep_uploads_s: float = 24 * 3600.0


@dataclass(frozen=True)
class Media:
    """One file that came in. label: what its owner calls it, to be shown as text; facts: seconds, fps, size, …"""

    id: str
    kind: UploadKind
    label: str
    suffix: str
    bytes: int
    sha256: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> str:
        return f"{self.id}{self.suffix}"


class Storage:
    """A data folder with `projects/`, `uploads/` and `jobs/`; root: `$VIMO_DATA`, else the platform's."""

    root: Path
    limits: Limits

    def __init__(self, root: Path | None = None, limits: Limits | None = None) -> None:
        raise NotImplementedError

    async def receive(self, kind: UploadKind, label: str, pieces: AsyncIterable[bytes]) -> Media:
        """Take an upload: written aside under a new name, cut off at the limit, kept if its content is of that kind.

        Raises InputError with a sentence to show beside the upload; nothing is left then.
        """
        raise NotImplementedError

    def upload(self, id: str) -> Media:
        raise NotImplementedError

    def upload_path(self, media: Media) -> Path:
        raise NotImplementedError

    def discard(self, id: str) -> None:
        raise NotImplementedError

    def sweep(self) -> None:
        """Remove uploads that no project took within a day, and what writers that died left half-written."""
        raise NotImplementedError
