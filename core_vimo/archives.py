"""Zip archives that strangers made: how long their table of contents is, before zipfile reads all of it."""

import io
from pathlib import Path

from core_vimo.errors import InputError

_END_RECORD, _END_BYTES = b"PK\x05\x06", 22
_LOCATOR_64, _LOCATOR_BYTES = b"PK\x06\x07", 20
_END_RECORD_REACH = 65_557  # the zip end record and the longest comment after it


def check_directory(path: Path | str, file: io.BufferedReader, max_bytes: int, what: str) -> None:
    """Raise InputError where an open file is no zip archive, or one whose directory is longer than `max_bytes`.

    zipfile reads the whole directory at once; a million entries would take long before they could be counted. `what`
    is what the file should be, as in "an npz file".
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _END_RECORD_REACH))
    tail = file.read(_END_RECORD_REACH)
    end = _end_record(tail)
    if end < 0 or len(tail) < end + 16:
        raise InputError(f"{path}: not {what}, or cut short; take a fresh copy")
    # Where a record of 64 bits is pointed to, zipfile believes that one whatever this one says.
    huge = end >= _LOCATOR_BYTES and tail[end - _LOCATOR_BYTES :].startswith(_LOCATOR_64)
    if huge or int.from_bytes(tail[end + 12 : end + 16], "little") > max_bytes:
        raise InputError(f"{path}: lists far more files than {what} ever has; take a fresh copy")


def _end_record(tail: bytes) -> int:
    """Where zipfile finds the end record: at the very end where it has no comment, else the last one; -1 without."""
    last = tail[-_END_BYTES:]
    if len(last) == _END_BYTES and last.startswith(_END_RECORD) and last.endswith(b"\0\0"):
        return len(tail) - _END_BYTES
    return tail.rfind(_END_RECORD)
