"""Motion files in and out. Every other axis, unit, joint order and encoding lives in this package and nowhere else."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from core_vimo.errors import InputError
from core_vimo.motion import Motion

_READERS = {
    ".npz": ("amass", "read_npz"),
    ".bvh": ("bvh", "read_bvh"),
    ".glb": ("gltf", "read_glb"),
    ".pkl": ("aist", "read_pkl"),
}
_WRITERS = {suffix: (module, name.replace("read", "write")) for suffix, (module, name) in _READERS.items()}
_MAGIC = {b"PK\x03\x04": ".npz", b"glTF": ".glb", b"\x80": ".pkl", b"HIERARCHY": ".bvh"}

SUFFIXES = tuple(_READERS)
"""What `read_motion` and `write_motion` know."""


def read_motion(path: Path | str) -> Motion:
    """A motion file as a Motion at its own rate, by its suffix, or by its content where the suffix says nothing.

    .npz: AMASS and ours; .bvh: any person's rig; .glb: ours; .pkl: AIST++ and EDGE. Positions are as in the file;
    `motion.ground` puts feet on the floor. Raises InputError.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        suffix = suffix_by_content(path)
    return _call(_READERS[suffix])(path)


def write_motion(motion: Motion, path: Path | str) -> None:
    """Write a Motion in the format that the suffix names; the file appears whole or not at all. Raises InputError."""
    path = Path(path)
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise InputError(f"{path}: can't write '{path.suffix}'; name the file {_either(SUFFIXES)}")
    try:
        _call(writer)(motion, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error}); choose another place") from error


def suffix_by_content(path: Path) -> str:
    """What `read_motion` takes a file for whose name says nothing. Raises InputError."""
    try:
        with open(path, "rb") as file:
            head = file.read(64).lstrip()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    for magic, suffix in _MAGIC.items():
        if head.startswith(magic):
            return suffix
    raise InputError(f"{path}: not a motion file that can be read; give {_either(SUFFIXES)}")


def _call(target: tuple[str, str]) -> Callable[..., Any]:
    """Imported when first needed: glTF brings the body, the body brings scikit-image."""
    module, name = target
    return getattr(import_module(f"{__name__}.{module}"), name)


def _either(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
