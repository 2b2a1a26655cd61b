"""Pickles, read without running them: every name a pickle may call stands for an inert record of ours.

numpy's own reconstructors are never called either. They are C code that trusts its arguments; here the records are
turned into arrays by `numpy.frombuffer` after their sizes are checked.
"""

import io
import math
import pickle
import pickletools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core_vimo.errors import InputError
from core_vimo.reading import MAX_BYTES, read_bytes

_MAX_OPCODES = 100_000
_MAX_KEYS = 256
_DTYPE = re.compile(r"[biufSU]\d{1,4}")
_BROKEN = (
    pickle.UnpicklingError, ValueError, TypeError, AttributeError, KeyError, IndexError, EOFError, OverflowError,
    MemoryError, RecursionError, AssertionError,
)  # fmt: skip


class _Dtype:
    """numpy.dtype: a type code and a byte order."""

    def __init__(self, code: Any, *_flags: Any) -> None:
        self.code, self.order = _text(code), "="

    def __setstate__(self, state: Any) -> None:
        self.order = _text(state[1])

    def numpy(self) -> np.dtype[Any]:
        if not _DTYPE.fullmatch(self.code) or self.order not in "<>=|":
            raise ValueError(f"an array of type '{self.code}'")
        return np.dtype(f"{self.order}{self.code}")


class _Bytes:
    """`_codecs.encode(text, "latin1")`: how protocol 2 stores bytes."""

    def __init__(self, text: str = "", *_encoding: Any) -> None:
        self.text = text

    def __setstate__(self, state: Any) -> None:
        raise ValueError("bytes with a state")


class _Array:
    """numpy.ndarray: shape, dtype, order and raw bytes; also numpy's scalars, of shape ()."""

    def __init__(self, *_shape_and_code: Any) -> None:
        self.raw: Any = b""
        self.axes: Any = None
        self.dtype, self.shape, self.order = _Dtype("f8"), (0,), "C"

    def __setstate__(self, state: Any) -> None:
        _, self.shape, self.dtype, fortran, self.raw = state
        self.order = "F" if fortran else "C"

    @classmethod
    def from_buffer(cls, raw: Any, dtype: _Dtype, shape: Any, order: str, axes: Any = None) -> "_Array":
        array = cls()
        array.raw, array.dtype, array.shape, array.order, array.axes = raw, dtype, shape, order, axes
        return array

    @classmethod
    def scalar(cls, dtype: _Dtype, raw: Any) -> "_Array":
        return cls.from_buffer(raw, dtype, (), "C")

    def numpy(self) -> np.ndarray[Any, Any]:
        raw = _raw_bytes(self.raw)
        dtype, shape = self.dtype.numpy(), tuple(int(n) for n in self.shape)
        if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(raw):
            raise ValueError(f"an array of shape {list(shape)} over {len(raw)} bytes")
        array = np.frombuffer(raw, dtype).reshape(shape, order="F" if self.order == "F" else "C")
        return array.transpose(self.axes).copy() if self.order == "K" and self.axes else array.copy()


class _State:
    """An object kept as the dict of its state."""

    def __init__(self, *_arguments: Any) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Sparse(_State):
    """scipy's csc_matrix, made dense by numpy, which checks its indices where scipy would not."""

    def numpy(self) -> np.ndarray[Any, Any]:
        data, rows, starts = (self.state[key].numpy() for key in ("data", "indices", "indptr"))
        shape = tuple(int(n) for n in self.state["_shape" if "_shape" in self.state else "shape"])
        if len(shape) != 2 or math.prod(shape) * data.itemsize > MAX_BYTES or len(starts) != shape[1] + 1:
            raise ValueError(f"a sparse matrix of shape {list(shape)}")
        dense = np.zeros(shape, data.dtype)
        dense[rows, np.repeat(np.arange(shape[1]), np.diff(starts))] = data
        return dense


class _Chumpy(_State):
    """chumpy.ch.Ch, the old SMPL files' array: its value is in `x`."""

    def numpy(self) -> np.ndarray[Any, Any]:
        return self.state["x"].numpy()


def _new(kind: Any, *_arguments: Any) -> Any:
    """`copyreg._reconstructor` and numpy's `_reconstruct`: an empty record of an allowed kind."""
    if kind not in (_Array, _Sparse, _Chumpy):
        raise ValueError("an object that is no array")
    return kind()


_MULTIARRAY = {
    (f"numpy.{core}.multiarray", name): target
    for core in ("core", "_core")
    for name, target in (("_reconstruct", _new), ("scalar", _Array.scalar))
}
ARRAYS: Mapping[tuple[str, str], Any] = _MULTIARRAY | {
    ("numpy.core.numeric", "_frombuffer"): _Array.from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _Array.from_buffer,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _Bytes,
    ("builtins", "bytes"): _Bytes,
}
"""Names in a pickle of numpy arrays."""

BODY_MODELS: Mapping[tuple[str, str], Any] = dict(ARRAYS) | {
    ("scipy.sparse.csc", "csc_matrix"): _Sparse,
    ("scipy.sparse._csc", "csc_matrix"): _Sparse,
    ("chumpy.ch", "Ch"): _Chumpy,
    ("copyreg", "_reconstructor"): _new,
    ("builtins", "object"): object,
}
"""Names in SMPL's body model files as well."""

_PYTHON_2 = {"__builtin__": "builtins", "copy_reg": "copyreg"}


def load_restricted(
    path: Path | str, allowed: Mapping[tuple[str, str], Any] = ARRAYS, *, finite: bool = True
) -> dict[str, Any]:
    """The dict a pickle holds, its arrays as numpy arrays, nothing of it run; protocols 0 to 5.

    Values that are neither arrays nor plain numbers and texts come back as None. Raises InputError for names that are
    not `allowed`, for broken or over-large pickles, for what is no dict, and with `finite` for NaN and infinity.
    """
    data = read_bytes(path)
    try:
        _scan(data)
        content = _Unpickler(io.BytesIO(data), allowed).load()
        return _plain_dict(content, finite)
    except _Refused as error:
        raise InputError(f"{path}: {error}") from None
    except _BROKEN as error:
        raise InputError(f"{path}: not a pickle of plain arrays ({error}); take a fresh copy") from error


class _Refused(Exception):
    """What is wrong with a well-formed pickle."""


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, allowed: Mapping[tuple[str, str], Any]) -> None:
        super().__init__(file, encoding="latin1")  # Python 2 wrote raw bytes as text
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        module = _PYTHON_2.get(module, module)
        if (module, name) not in self._allowed:
            raise _Refused(
                f"wants to use {module}.{name}, which no motion needs; nothing was run, don't trust the file"
            )
        return self._allowed[module, name]


def _scan(data: bytes) -> None:
    """Walk the opcodes without running them: lengths must fit and memo indices be small, for the C unpickler
    allocates what they say before it looks."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
        memo_index = argument if opcode.name in ("PUT", "LONG_BINPUT") and argument is not None else 0
        if max(count, memo_index) > _MAX_OPCODES:
            raise _Refused("too intricate for a motion or a body model; save plain arrays")


def _plain_dict(content: Any, finite: bool) -> dict[str, Any]:
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise _Refused("holds no dict of named arrays; save a dict")
    if len(content) > _MAX_KEYS:
        raise _Refused(f"holds {len(content)} entries, more than {_MAX_KEYS}; no motion needs so many")
    plain: dict[str, Any] = {}
    budget = 2 * MAX_BYTES
    for key, value in content.items():
        plain[key] = _plain(value)
        budget -= getattr(plain[key], "nbytes", 0)
        if budget < 0:  # one buffer may be named by many arrays
            raise _Refused(f"unpacks to more than {2 * MAX_BYTES >> 20} MiB; cut it into parts")
        if finite and _not_finite(plain[key]):
            raise _Refused(f"'{key}' holds NaN or infinity; mend the data first")
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, _Array | _Sparse | _Chumpy):
        return value.numpy()
    return value if isinstance(value, bool | int | float | str | bytes) else None


def _not_finite(value: Any) -> bool:
    is_float = isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype.kind == "f")
    return is_float and not bool(np.isfinite(value).all())


def _raw_bytes(raw: Any) -> bytes | bytearray:
    raw = raw.text if isinstance(raw, _Bytes) else raw
    return raw.encode("latin1") if isinstance(raw, str) else bytes(raw) if isinstance(raw, bytes | bytearray) else b""


def _text(code: Any) -> str:
    code = code.text if isinstance(code, _Bytes) else code
    return code.decode("latin1") if isinstance(code, bytes) else str(code)
