"""Reading a whole small file, or one sentence why not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core_vimo.errors import InputError

MAX_BYTES = 1 << 28
"""256 MiB: hours of dancing in any of the formats here."""


def read_bytes(path: Path | str, max_bytes: int = MAX_BYTES) -> bytes:
    """The file's content; InputError where it is missing, unreadable, a folder, empty or larger than `max_bytes`."""
    try:
        with open(path, "rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    if len(data) > max_bytes:
        raise InputError(f"{path}: larger than {max_bytes >> 20} MiB, the most that is read; cut it into parts")
    if not data:
        raise InputError(f"{path}: the file is empty; take a fresh copy")
    return data


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Put the file's name before what a Motion says about numbers that came from it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
