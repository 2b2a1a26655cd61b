"""What `torch.save` wrote, without running any of it: a zip of one pickle and the bytes of each tensor.

The few pickle names and opcodes that `torch.save` needs mean our own inert records; all others are refused. Tensors
stay in the file until `StoredTensor.load`, so optimiser states cost nothing.
"""

import pickle
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import torch
from torch import Tensor

from core_vimo.errors import InputError

MAX_PICKLE_BYTES = 16 * 2**20  # that of EDGE's checkpoint is below one MiB

DTYPES = {
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.BoolStorage": torch.bool,
}

# fmt: off
OPCODES = (
    pickle.PROTO, pickle.STOP, pickle.MARK, pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.BININT,
    pickle.BININT1, pickle.BININT2, pickle.LONG1, pickle.BINFLOAT, pickle.BINUNICODE, pickle.EMPTY_DICT,
    pickle.SETITEM, pickle.SETITEMS, pickle.EMPTY_LIST, pickle.APPEND, pickle.APPENDS, pickle.EMPTY_TUPLE,
    pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3, pickle.BINPUT, pickle.LONG_BINPUT, pickle.BINGET,
    pickle.LONG_BINGET, pickle.GLOBAL, pickle.REDUCE, pickle.NEWOBJ, pickle.BUILD, pickle.BINPERSID,
)
# fmt: on

_PythonUnpickler: Any = pickle._Unpickler  # type: ignore[attr-defined]
"""Not the one in C, which allocates as much memory as a file names memo places."""


@dataclass(frozen=True)
class Storage:
    """Where the numbers of one storage lie."""

    archive: Path
    entry: str
    dtype: torch.dtype
    count: int

    def load(self) -> Tensor:
        """The numbers, `[count]`. Raises InputError where they are missing or damaged."""
        try:
            with zipfile.ZipFile(self.archive) as archive:
                info = archive.getinfo(self.entry)
                if info.file_size != self.count * self.dtype.itemsize:
                    raise zipfile.BadZipFile(f"{self.entry} does not hold {self.count} numbers of {self.dtype}")
                if info.compress_type != zipfile.ZIP_STORED:  # torch.save never packs; a bomb does
                    raise zipfile.BadZipFile(f"{self.entry} is compressed")
                return torch.frombuffer(bytearray(archive.read(self.entry)), dtype=self.dtype)
        except (KeyError, OSError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
            raise InputError(f"{self.archive}: damaged ({error}); download it again") from error


@dataclass(frozen=True)
class StoredTensor:
    """A tensor still in its file."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def __post_init__(self) -> None:
        counts = (self.offset, *self.size, *self.stride)
        if not isinstance(self.storage, Storage) or not all(type(n) is int and n >= 0 for n in counts):
            raise pickle.UnpicklingError("a tensor's layout is not made of counts")
        last = self.offset + sum((n - 1) * step for n, step in zip(self.size, self.stride, strict=True))
        if 0 in self.size or last >= self.storage.count or torch.Size(self.size).numel() > self.storage.count:
            raise pickle.UnpicklingError("a tensor is empty or larger than what is stored of it")

    def load(self) -> Tensor:
        return self.storage.load().as_strided(self.size, self.stride, self.offset).clone()


def read_torch_archive(path: Path | str, classes: tuple[str, ...] = ()) -> Any:
    """What was saved, tensors as `StoredTensor`; instances of `classes` come as plain namespaces.

    Raises InputError for anything that is not such a file, is damaged, or wants to use another class or function.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            (entry,) = (n for n in archive.namelist() if n == "data.pkl" or n.endswith("/data.pkl"))
            if archive.getinfo(entry).file_size > MAX_PICKLE_BYTES:
                raise pickle.UnpicklingError("its pickle is far too large")
            data = archive.read(entry)
        return _Reader(data, path, entry.removesuffix("data.pkl"), classes).load()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except zipfile.BadZipFile as error:
        raise InputError(f"{path}: damaged, or not saved by torch 1.6 or later; download it again") from error
    except Exception as error:  # a pickle made up by someone else can trip over anything
        raise InputError(f"{path}: refused, it is not what torch.save writes for a model ({error})") from error


def _meanings(classes: tuple[str, ...]) -> dict[str, Any]:
    """What a pickled name stands for; made anew for every file, since a pickle may set attributes on them."""
    inert = {name: type(name.rpartition(".")[2], (SimpleNamespace,), {}) for name in classes}
    return {
        "collections.OrderedDict": lambda: OrderedDict(),
        "torch._utils._rebuild_tensor_v2": lambda storage, offset, size, stride, *_: StoredTensor(
            storage, offset, size, stride
        ),
        **DTYPES,
        **inert,
    }


class _Reader(_PythonUnpickler):
    dispatch: ClassVar = {code[0]: _PythonUnpickler.dispatch[code[0]] for code in OPCODES}

    def __init__(self, data: bytes, path: Path, prefix: str, classes: tuple[str, ...]) -> None:
        super().__init__(BytesIO(data))
        self.path, self.prefix, self.meanings = path, prefix, _meanings(classes)

    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in self.meanings:
            raise pickle.UnpicklingError(f"it wants to use {module}.{name}")
        return self.meanings[f"{module}.{name}"]

    def persistent_load(self, pid: Any) -> Storage:
        kind, dtype, key, _device, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not key.isdecimal() or type(count) is not int:
            raise pickle.UnpicklingError("it names a storage in an unknown way")
        return Storage(self.path, f"{self.prefix}data/{key}", dtype, count)

    def load_setitem(self) -> None:
        self._check_keys(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self) -> None:
        self._check_keys(self.stack[::2])
        super().load_setitems()

    def _check_keys(self, keys: list[Any]) -> None:
        # Hashing tuples nested a million deep overruns C's stack.
        if not all(isinstance(key, (str, int)) for key in keys):
            raise pickle.UnpicklingError("its keys are not words or numbers")

    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
