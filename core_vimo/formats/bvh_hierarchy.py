"""The HIERARCHY section of a BVH file: joints, offsets, channels, end sites."""

import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core_vimo.errors import InputError

MAX_HEADER_CHARS = 2_000_000
MAX_JOINTS = 4096
LARGEST_OFFSET = 1e9

_AGAIN = "export it as BVH again"
_CHANNEL = re.compile(r"[xyz](position|rotation)", re.IGNORECASE)


@dataclass
class Hierarchy:
    """Joints in file order, parents (-1: the root) before children; lengths in the file's unit."""

    names: list[str] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    offsets: list[list[float]] = field(default_factory=list)
    channels: list[tuple[str, ...]] = field(default_factory=list)
    end_sites: dict[int, NDArray[np.float64]] = field(default_factory=dict)


def parse_hierarchy(text: str, file: str) -> Hierarchy:
    """Parse everything before the MOTION line; `file` names the source in the InputErrors.

    Channel names come out in lower case.
    """
    if len(text) > MAX_HEADER_CHARS:
        raise InputError(f"{file}: its HIERARCHY is too large for a person's skeleton; export one character only")
    return _Parser(text, file).parse()


class _Parser:
    """Goes word by word, with a stack instead of recursion: nesting in a hostile file may be deep."""

    def __init__(self, text: str, file: str) -> None:
        self.words, self.at, self.file = re.findall(r"[{}]|[^\s{}]+", text), 0, file
        self.found = Hierarchy()

    def parse(self) -> Hierarchy:
        if self._next().upper() != "HIERARCHY" or self._next().upper() != "ROOT":
            raise self._wrong(f"not a BVH file (it doesn't begin with HIERARCHY and ROOT); {_AGAIN}")
        open_joints = [self._joint(parent=-1)]
        while open_joints:
            match self._next().upper():
                case "JOINT":
                    open_joints.append(self._joint(open_joints[-1]))
                case "END":
                    self._end_site(open_joints[-1])
                case "}":
                    open_joints.pop()
                case word:
                    raise self._wrong(f"'{word[:40]}' is out of place in its HIERARCHY; {_AGAIN}")
        if self.at < len(self.words):
            raise self._wrong("more than one skeleton stands in it; export one character a file")
        return self.found

    def _joint(self, parent: int) -> int:
        if len(self.found.names) == MAX_JOINTS:
            raise self._wrong(f"more than {MAX_JOINTS} joints; export one character's skeleton only")
        self.found.names.append(self._joint_name())
        self.found.parents.append(parent)
        self.found.offsets.append(self._offset())
        self.found.channels.append(self._channels())
        return len(self.found.names) - 1

    def _joint_name(self) -> str:
        """Everything up to the brace: 3ds Max writes names with spaces."""
        words = []
        while (word := self._next()) != "{":
            words.append(word)
        return " ".join(words) or f"joint{len(self.found.names)}"

    def _offset(self) -> list[float]:
        self._expect("OFFSET")
        return [self._number() for _ in range(3)]

    def _channels(self) -> tuple[str, ...]:
        if self.words[self.at : self.at + 1] not in (["CHANNELS"], ["Channels"], ["channels"]):
            return ()
        self._expect("CHANNELS")
        count = self._number()
        if count not in range(7):
            raise self._wrong(f"{count:g} channels in joint '{self._joint_here()}'; 0 to 6 can be read")
        channels = tuple(self._next().lower() for _ in range(int(count)))
        if not all(map(_CHANNEL.fullmatch, channels)) or len(set(channels)) < len(channels):
            raise self._wrong(
                f"joint '{self._joint_here()}' has channels that aren't X, Y, Z position and rotation; {_AGAIN}"
            )
        return channels

    def _end_site(self, joint: int) -> None:
        self._expect("SITE")
        while self._next() != "{":  # some programs name it
            continue
        self.found.end_sites[joint] = np.array(self._offset())
        self._expect("}")

    def _joint_here(self) -> str:
        return self.found.names[-1][:60]

    def _expect(self, word: str) -> None:
        if (found := self._next()).upper() != word:
            raise self._wrong(f"'{found[:40]}' stands where {word} is due after joint '{self._joint_here()}'; {_AGAIN}")

    def _next(self) -> str:
        if self.at == len(self.words):
            raise self._wrong(f"its HIERARCHY is cut off; {_AGAIN}")
        self.at += 1
        return self.words[self.at - 1]

    def _number(self) -> float:
        word = self._next()
        try:
            number = float(word)
        except ValueError:
            number = np.nan
        if not abs(number) < LARGEST_OFFSET:
            raise self._wrong(f"'{word[:40]}' stands where a number is due in its HIERARCHY; {_AGAIN}")
        return number

    def _wrong(self, what: str) -> InputError:
        return InputError(f"{self.file}: {what}")
