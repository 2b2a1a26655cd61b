"""The user's data folder, and what may come into it: by content, within limits, under names made here.

What a browser calls a file is kept as a label to show and never becomes part of a path.
"""

import asyncio
import hashlib
import json
import math
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

import platformdirs

from core_vimo.errors import InputError
from core_vimo.publish import publish_file
from core_vimo.reading import read_json
from stylize.studio.contents import inspect

UploadKind = Literal["song", "video", "motion", "style"]

_LABEL_LENGTH = 120
_DEAD_AFTER_S = 3600.0
"""Half-written things that nobody has touched for so long belong to no living writer."""


@dataclass(frozen=True)
class Limits:
    """What is taken at most; sizes in bytes. `most_bytes` bounds the whole data folder, `spare_bytes` stay on the disk.

    media: of one project.
    """

    song_bytes: int = 200 << 20
    video_bytes: int = 1 << 30
    motion_bytes: int = 64 << 20
    style_bytes: int = 512 << 20
    song_s: float = 15 * 60.0
    video_s: float = 10 * 60.0
    uploads: int = 500
    media: int = 300
    projects: int = 200
    most_bytes: int = 50 << 30
    spare_bytes: int = 1 << 30
    keep_uploads_s: float = 24 * 3600.0

    def of_kind(self, kind: UploadKind) -> int:
        """The most bytes of one upload."""
        return int(getattr(self, f"{kind}_bytes"))

    def seconds_of(self, kind: UploadKind) -> float | None:
        return {"song": self.song_s, "video": self.video_s}.get(kind)

    def largest(self) -> int:
        """No upload of any kind has more bytes."""
        return max(self.of_kind(kind) for kind in get_args(UploadKind))


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

    def __post_init__(self) -> None:
        well_formed = is_id(self.id) and self.kind in get_args(UploadKind)
        if not (well_formed and re.fullmatch(r"\.[a-z0-9]{1,10}", self.suffix) and isinstance(self.label, str)):
            raise InputError("this is no file of the studio's; take a fresh copy of its folder")

    @property
    def file(self) -> str:
        return f"{self.id}{self.suffix}"


def new_id() -> str:
    """A name for a folder or file: sixteen hexadecimal digits that nobody can guess."""
    return secrets.token_hex(8)


def is_id(text: object) -> bool:
    return isinstance(text, str) and re.fullmatch(r"[0-9a-f]{16}", text) is not None


def shown(label: str) -> str:
    """What a person calls something, without folders, invisible characters and what is too long to show."""
    visible = "".join(character for character in label if character.isprintable())
    name = re.split(r"[/\\]", visible)[-1].strip()[:_LABEL_LENGTH]
    return name or "unnamed"


class Storage:
    """A data folder with `projects/`, `uploads/`, `jobs/` and `clips/`; root: `$VIMO_HOME`, else the platform's.

    Raises InputError where it can't be written.
    """

    def __init__(self, root: Path | None = None, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.root = (root or _data_folder()).absolute()
        self.projects, self.uploads, self.jobs = (self.root / name for name in ("projects", "uploads", "jobs"))
        self.clips = self.root / "clips"  # of styles, a folder each
        try:
            for folder in (self.root, self.projects, self.uploads, self.jobs, self.clips):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{self.root}: cannot be written ({error.strerror}); name another data folder with VIMO_HOME"
            ) from error

    async def receive(self, kind: UploadKind, label: str, pieces: AsyncIterable[bytes]) -> Media:
        """Take an upload: written aside under a new name, cut off at the limit, kept if its content is of that kind.

        Raises InputError with a sentence to show beside the upload; nothing is left then.
        """
        if kind not in get_args(UploadKind):
            raise InputError(f"'{kind!s:.20}' is nothing that can be uploaded; give one of {get_args(UploadKind)}")
        label = shown(label)
        most = await asyncio.to_thread(self._room, kind, label)
        handle, name = tempfile.mkstemp(prefix=".writing-", dir=self.uploads)
        aside = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                digest = await _written(file, label, pieces, most, self.limits.of_kind(kind))
            found = await asyncio.to_thread(inspect, kind, aside, label, self.limits.seconds_of(kind))
            media = Media(new_id(), kind, label, found.suffix, aside.stat().st_size, digest, found.facts)
            os.replace(aside, self.upload_path(media))
            write_json(self._note(media.id), asdict(media))
            return media
        finally:
            aside.unlink(missing_ok=True)

    def upload(self, id: str) -> Media:
        """What was received under this id. Raises InputError."""
        if not (is_id(id) and self._note(id).is_file()):
            raise InputError("this upload isn't there any more; upload the file again")
        return media_of(read_json(self._note(id)))

    def upload_path(self, media: Media) -> Path:
        return self.uploads / media.file

    def discard(self, id: str) -> None:
        media = self.upload(id)
        self._note(id).unlink(missing_ok=True)
        self.upload_path(media).unlink(missing_ok=True)

    def check_room(self) -> None:
        """Raise InputError where the data folder or its disk is full."""
        if self._free() <= 0:
            raise InputError(
                f"the studio's folder {self.root} or its disk is full; remove projects that are no longer needed"
            )

    def sweep(self) -> None:
        """Remove uploads that no project took within a day, and what writers that died left half-written."""
        for path in (*self.uploads.iterdir(), *self.projects.iterdir()):
            kept_s = self.limits.keep_uploads_s if path.parent == self.uploads else math.inf
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > (_DEAD_AFTER_S if path.name.startswith(".") else kept_s):
                    remove(path)

    def secret(self) -> str:
        """What cookies are signed with; made once. Removing the file `secret` ends all access given so far."""
        file = self.root / "secret"
        with suppress(FileExistsError), open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            new.write(secrets.token_urlsafe(32))
        text = file.read_text().strip()
        if len(text) < 32:
            raise InputError(
                f"{file}: isn't what the studio wrote; remove it, and links with a token must be sent anew"
            )
        return text

    def _note(self, id: str) -> Path:
        return self.uploads / f"{id}.json"

    def _room(self, kind: UploadKind, label: str) -> int:
        """The most bytes that may come in now."""
        if sum(path.suffix == ".json" for path in self.uploads.iterdir()) >= self.limits.uploads:
            raise InputError(f"{label}: too many uploads wait to be used; use or remove some of them first")
        self.check_room()
        return min(self.limits.of_kind(kind), self._free())

    def _free(self) -> int:
        used = sum(file.stat().st_size for file in _files(self.root))
        return min(self.limits.most_bytes - used, shutil.disk_usage(self.root).free - self.limits.spare_bytes)


def media_of(row: dict[str, Any]) -> Media:
    """A row of JSON as the file it tells of. Raises InputError."""
    if not isinstance(row, dict) or set(row) != {part.name for part in fields(Media)}:
        raise InputError("this is no file of the studio's; take a fresh copy of its folder")
    return Media(**row)


def write_json(path: Path, content: Any) -> None:
    """The file appears whole or not at all. Raises InputError where the disk is full, or nothing can be written."""
    try:
        with publish_file(path) as aside:
            aside.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror}); make room on the disk and try again"
        ) from error


def remove(path: Path) -> None:
    """A file, or a folder with all that is in it; links are removed, never followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _data_folder() -> Path:
    named = os.environ.get("VIMO_HOME")
    return Path(named).expanduser() if named else platformdirs.user_data_path("vimo", appauthor=False)


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.is_dir(follow_symlinks=False):
                    yield from _files(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    yield entry


async def _written(file: BinaryIO, label: str, pieces: AsyncIterable[bytes], most: int, allowed: int) -> str:
    """Write the pieces and tell their sha256. Raises InputError as soon as there are more than `most` bytes."""
    digest, size = hashlib.sha256(), 0
    async for piece in pieces:
        size += len(piece)
        if size > most:
            why = f"larger than {allowed >> 20} MiB, the most that is taken" if most == allowed else "the disk is full"
            raise InputError(f"{label}: {why}; give a shorter or smaller file")
        digest.update(piece)
        await asyncio.to_thread(file.write, piece)
    if not size:
        raise InputError(f"{label}: is empty (0 bytes); export or copy it again")
    return digest.hexdigest()
