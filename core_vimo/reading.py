"""Small files read whole, with suspicion: bytes, JSON and YAML as plain values, or one sentence why not."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import yaml

from core_vimo.errors import InputError

MAX_BYTES = 1 << 28
"""256 MiB: hours of dancing in any motion format."""

_MAX_JSON_BYTES = 1 << 26
_MAX_YAML_BYTES = 1 << 20  # yaml takes seconds for a megabyte
_MAX_YAML_DEPTH = 32


def read_bytes(path: Path | str, max_bytes: int = MAX_BYTES) -> bytes:
    """The file's content; InputError where it is missing, unreadable, a folder, empty or larger than `max_bytes`."""
    try:
        with open(path, "rb") as file:
            data = file.read(max_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', error)}); check the path") from error
    if len(data) > max_bytes:
        raise InputError(f"{path}: larger than {max_bytes >> 20} MiB, the most that is read; cut it into parts")
    if not data:
        raise InputError(f"{path}: the file is empty; take a fresh copy")
    return data


def read_json(path: Path | str) -> Any:
    """What a JSON file holds; NaN, infinities and names given twice, which JSON does not know, are refused.

    Raises InputError.
    """
    data = read_bytes(path, _MAX_JSON_BYTES)
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_no_number, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a JSON file, or damaged ({error}); take a fresh copy") from error


def read_yaml(path: Path | str) -> Any:
    """What a YAML file of plain values holds. Raises InputError.

    Tags make objects and aliases grow a few lines to gigabytes when they are printed, so both are refused.
    """
    data = read_bytes(path, _MAX_YAML_BYTES)
    try:
        return yaml.load(data.decode(), _PlainLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not YAML of plain values, or damaged; take a fresh copy") from error


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Put the file's name before what is said about numbers that came from it, where it isn't named already."""
    try:
        yield
    except InputError as error:
        if str(error).startswith(f"{path}: "):
            raise
        raise InputError(f"{path}: {error}") from error


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a name is given twice")
    return content


class _PlainLoader(yaml.SafeLoader):
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth += 1
        if self.check_event(yaml.AliasEvent) or self.depth > _MAX_YAML_DEPTH:
            raise yaml.YAMLError("aliases, or too many levels")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node
