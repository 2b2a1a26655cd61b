"""numpy's npz, read with suspicion: sizes are known from the zip directory and the array headers before any is trusted.

A file of 0.8 MB may unpack to 800 MB, a header may claim 72 TiB, an object array runs code when it is loaded.
"""

import math
import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as npy

from core_vimo.archives import check_directory
from core_vimo.errors import InputError

_MAX_MEMBERS = 1024
_MAX_DIRECTORY_BYTES = 1 << 20
_PLAIN_KINDS = "biufcUS"  # no objects, no records, no dates
_BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError, MemoryError, OverflowError,
    SyntaxError, TokenError, TypeError,  # numpy parses a header as Python text
)  # fmt: skip


def load_arrays(path: Path | str, *, max_bytes: int = 1 << 30, finite: bool = True) -> dict[str, np.ndarray[Any, Any]]:
    """Every array of an npz file by its name.

    Refuses with InputError: what is no npz, more than `max_bytes` unpacked, headers that disagree with the data, object
    and record arrays, and with `finite` NaN and infinities.
    """
    try:
        with open(path, "rb") as file:
            check_directory(path, file, _MAX_DIRECTORY_BYTES, "an npz file")
            with zipfile.ZipFile(file) as archive:
                members = _checked_members(path, archive, max_bytes)
                return {name: _read_array(path, archive, info, finite) for name, info in members.items()}
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); check the path") from error
    except _BROKEN as error:
        raise InputError(f"{path}: not a whole npz file ({error}); take a fresh copy") from error


def _checked_members(path: Path | str, archive: zipfile.ZipFile, max_bytes: int) -> dict[str, zipfile.ZipInfo]:
    infos = archive.infolist()
    members = {info.filename.removesuffix(".npy"): info for info in infos}
    if len(infos) > _MAX_MEMBERS:
        raise InputError(f"{path}: holds {len(infos)} arrays, more than {_MAX_MEMBERS}; no motion needs so many")
    if len(members) != len(infos) or not all(info.filename.endswith(".npy") for info in infos):
        raise InputError(f"{path}: a zip file, but not numpy's npz; save it again with numpy.savez")
    unpacked = sum(info.file_size for info in infos)
    if unpacked > max_bytes:
        raise InputError(
            f"{path}: would unpack to {unpacked >> 20} MiB, more than {max_bytes >> 20} MiB; cut it into parts"
        )
    return members


def _read_array(
    path: Path | str, archive: zipfile.ZipFile, info: zipfile.ZipInfo, finite: bool
) -> np.ndarray[Any, Any]:
    with archive.open(info) as member:
        shape, dtype = _read_header(member)
        _check_header(f"{path}: array '{info.filename}'", shape, dtype, info.file_size - member.tell())
    with archive.open(info) as member:
        array = npy.read_array(member, allow_pickle=False)
    if finite and array.dtype.kind in "fc" and not np.isfinite(array).all():
        raise InputError(f"{path}: array '{info.filename}' holds NaN or infinity; mend the data first")
    return array


def _read_header(member: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(member)
    if version == (1, 0):
        shape, _, dtype = npy.read_array_header_1_0(member)
    elif version == (2, 0):
        shape, _, dtype = npy.read_array_header_2_0(member)
    else:
        raise ValueError(f"npy version {version}")
    return shape, dtype


def _check_header(what: str, shape: tuple[int, ...], dtype: np.dtype[Any], left: int) -> None:
    if dtype.hasobject or dtype.kind not in _PLAIN_KINDS or not dtype.itemsize:
        raise InputError(f"{what} holds {dtype} instead of plain numbers, which could run code; save plain arrays")
    claimed = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or claimed != left:
        raise InputError(f"{what} claims {claimed} bytes but has {left}; the file is broken or was forged")
