"""Zip archives that strangers made: how long their table of contents is, before zipfile reads all of it."""

import io
from pathlib import Path

from core_vimo.errors import InputError

_END_RECORD = b"PK\x05\x06"
_END_RECORD_REACH = 65_557  # the zip end record and the longest comment after it


def check_directory(path: Path | str, file: io.BufferedReader, max_bytes: int, what: str) -> None:
    """Raise InputError where an open file is no zip archive, or one whose directory is longer than `max_bytes`.

    zipfile reads the whole directory at once; a million entries would take long before they could be counted. `what`
    is what the file should be, as in "an npz file".
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _END_RECORD_REACH))
    tail = file.read(_END_RECORD_REACH)
    end = tail.rfind(_END_RECORD)
    if end < 0 or len(tail) < end + 16:
        raise InputError(f"{path}: not {what}, or cut short; take a fresh copy")
    if int.from_bytes(tail[end + 12 : end + 16], "little") > max_bytes:
        raise InputError(f"{path}: lists far more files than {what} ever has; take a fresh copy")
