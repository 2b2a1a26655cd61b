"""Writing so that nothing half-written is ever at its final name: aside, fsync, rename."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core_vimo.errors import InputError
from core_vimo.reading import read_json

MANIFEST = "manifest.json"


@contextmanager
def publish_file(path: Path | str) -> Iterator[Path]:
    """Yield a path beside `path` to write to; on leaving without an error it becomes `path`, else it vanishes.

    The temporary name keeps the suffix, since writers choose formats by it. Raises
    InputError where the folder cannot be written.
    """
    path = Path(path)
    with _folder(path.parent, path):
        with _clear_errors(path):
            handle, name = tempfile.mkstemp(prefix=".writing-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        aside = Path(name)
        try:
            yield aside
            _sync(aside)
            aside.chmod(0o666 & ~_umask())
            with _clear_errors(path):
                os.replace(aside, path)
            _sync(path.parent)
        finally:
            aside.unlink(missing_ok=True)


@contextmanager
def publish_folder(path: Path | str, entries: Collection[str]) -> Iterator[Path]:
    """Yield a new folder beside `path`; on leaving without an error it becomes `path`, else it vanishes.

    An older folder at `path` is replaced whole, so InputError is raised at once where it holds anything but `entries`.
    """
    path = Path(path)
    _refuse_foreign(path, entries)
    with _folder(path.parent, path):
        with _clear_errors(path):
            aside = Path(tempfile.mkdtemp(prefix=f".{path.name}-writing-", dir=path.parent))
        try:
            yield aside
            for file in sorted(aside.rglob("*"), reverse=True):
                if file.is_file():
                    file.chmod(0o666 & ~_umask())  # safetensors writes for the owner alone
                _sync(file)
            aside.chmod(0o777 & ~_umask())
            _sync(aside)
            with _clear_errors(path):
                _replace_folder(aside, path)
            _sync(path.parent)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def publish_into(folder: Path | str) -> Iterator[Path]:
    """Yield a new folder; on leaving without an error its files move into `folder`, whose other files stay.

    Each file appears whole; a file of the same name is replaced. On an error nothing has changed.
    """
    folder = Path(folder)
    with _folder(folder, folder):
        with _clear_errors(folder):
            aside = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
        try:
            yield aside
            files = sorted(aside.iterdir())
            for file in files:
                _sync(file)
                if (folder / file.name).is_dir():
                    raise InputError(f"{folder / file.name}: a folder is in this file's way; choose another place")
            for file in files:
                with _clear_errors(folder / file.name):
                    os.replace(file, folder / file.name)
            _sync(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def sha256_file(path: Path | str) -> str:
    """Hex sha256 of a file, read in blocks."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path) -> None:
    """Record the sha256 of every file in the folder in `manifest.json`."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
    hashes = {p.relative_to(folder).as_posix(): sha256_file(p) for p in files}
    (folder / MANIFEST).write_text(json.dumps({"sha256": hashes}, indent=1) + "\n")


def verify_manifest(folder: Path, needed: Iterable[str] = ()) -> None:
    """Raise InputError naming the first file that is missing or differs from the manifest, which lists all `needed`."""
    try:
        hashes = dict(read_json(folder / MANIFEST)["sha256"])
    except (InputError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{folder}: its {MANIFEST} is missing or unreadable, so it can't be trusted; take a fresh copy"
        ) from error
    for name, wanted in (dict.fromkeys(needed) | hashes).items():
        file = folder / name
        outside = Path(name).is_absolute() or ".." in Path(name).parts
        if name not in hashes or outside:
            raise InputError(
                f"{folder}: its {MANIFEST} {'names' if outside else 'lacks'} '{name}', so it can't be trusted; "
                "take a fresh copy"
            )
        if not file.is_file() or file.is_symlink():
            raise InputError(f"{file}: listed in {MANIFEST} but not there; take a fresh copy of the folder")
        if sha256_file(file) != wanted:
            raise InputError(f"{file}: differs from its sha256 in {MANIFEST}; take a fresh copy of the folder")


@contextmanager
def _folder(folder: Path, named: Path) -> Iterator[None]:
    """Make the folder and those above it; on an error the ones that weren't there go again."""
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        with _clear_errors(named):
            folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for place in made:
            with suppress(OSError):
                place.rmdir()
        raise


def _refuse_foreign(path: Path, entries: Collection[str]) -> None:
    """Someone's own folder, named by mistake, would be lost."""
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: a file is in the way; choose another folder")
    foreign = sorted(entry.name for entry in path.iterdir() if entry.name not in entries) if path.exists() else []
    if foreign:
        raise InputError(f"{path}: would be replaced, but holds other things ({foreign[0]}); choose a new folder")


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose another place") from error


def _replace_folder(aside: Path, path: Path) -> None:
    """rename(2) refuses a full folder as target, so an old one steps aside first."""
    if not path.exists():
        os.replace(aside, path)
        return
    place = Path(tempfile.mkdtemp(prefix=f".{path.name}-old-", dir=path.parent))
    old = place / path.name  # inside it, since Windows doesn't rename onto a folder, be it empty
    os.replace(path, old)
    try:
        os.replace(aside, path)
    except OSError:
        os.replace(old, path)
        place.rmdir()
        raise
    shutil.rmtree(place, ignore_errors=True)


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open folders
    # Windows flushes only what was opened for writing.
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
