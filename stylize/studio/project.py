"""A project: a readable folder with `project.json`, `media/`, `takes/` and `exports/`; no pickles.

Every edit makes a new state; states name take files, which never change. So undo and redo are moving a position.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from stylize.studio.storage import Media, Storage

Tempo = Literal["as heard", "half", "double"]


@dataclass(frozen=True)
class Take:
    """One motion on the stage. numbers: those it is ranked by; made_s: what was made anew, in its own seconds.

    start_s is the second of the song at which it begins, None where it has no song.
    """

    id: str
    label: str
    folder: str
    stem: str
    seed: int
    seconds: float
    start_s: float | None = None
    parent: str | None = None
    numbers: dict[str, Any] = field(default_factory=dict)
    made_s: tuple[tuple[float, float], ...] = ()
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class State:
    """What undo and redo move through. song: a media id; excerpt in its seconds (None: to the end)."""

    song: str | None = None
    start_s: float = 0.0
    seconds: float | None = None
    tempo: Tempo = "as heard"
    first_count: int = 0
    styles: tuple[str, ...] = ()
    timeline: str = ""
    takes: tuple[Take, ...] = ()
    shown: str | None = None
    """The take on the stage."""
    beside: str | None = None
    """The take it is compared with."""
    pinned: str | None = None

    def take(self, id: str) -> Take:
        """Raises InputError for a take that isn't in this state."""
        raise NotImplementedError


@dataclass(frozen=True)
class Step:
    """A state, and in words what led to it."""

    what: str
    state: State


@dataclass(frozen=True)
class Content:
    """`project.json`. revision grows with every change, so that a page sees what another tab or a job did."""

    name: str
    person: str
    revision: int
    media: tuple[Media, ...]
    history: tuple[Step, ...]
    position: int

    @property
    def state(self) -> State:
        return self.history[self.position].state

    @property
    def undoes(self) -> str | None:
        """What undo would take back, None at the beginning."""
        raise NotImplementedError

    @property
    def redoes(self) -> str | None:
        raise NotImplementedError

    def medium(self, id: str) -> Media:
        """Raises InputError for an id that isn't in the project."""
        raise NotImplementedError


@dataclass(frozen=True)
class Card:
    """A project in the list of projects."""

    id: str
    name: str
    changed: float
    takes: int


class Projects:
    """All projects of a data folder. person: whose; "" sees all (the studio of one machine, without a token)."""

    def __init__(self, storage: Storage) -> None:
        raise NotImplementedError

    def create(self, name: str, person: str = "") -> "Project":
        raise NotImplementedError

    def open(self, id: str, person: str = "") -> "Project":
        """Raises InputError where there is no such project of this person's."""
        raise NotImplementedError

    def cards(self, person: str = "") -> list[Card]:
        """Newest first; a folder that can't be read is left out."""
        raise NotImplementedError

    def remove(self, id: str, person: str = "") -> None:
        raise NotImplementedError


class Project:
    """Reads and changes one project's folder; every change is locked, written aside and renamed."""

    id: str
    folder: Path

    def read(self) -> Content:
        raise NotImplementedError

    def revision(self) -> int:
        """Cheap: to be asked several times a second."""
        raise NotImplementedError

    def change(self, what: str, edit: Callable[[State], State]) -> Content:
        """A new state after the present one; what could have been redone is dropped. An equal state is no step."""
        raise NotImplementedError

    def undo(self) -> Content:
        raise NotImplementedError

    def redo(self) -> Content:
        raise NotImplementedError

    def rename(self, name: str) -> Content:
        raise NotImplementedError

    def adopt(self, upload: Media) -> Media:
        """Move an upload into `media/`. Raises InputError where the project is full."""
        raise NotImplementedError

    def media_path(self, id: str) -> Path:
        """The file of a medium; InputError for an id that isn't in the project."""
        raise NotImplementedError

    def listened(self, id: str) -> dict[str, Any] | None:
        """What a `listen` job found in a song: see `stylize.studio.tasks.Listen`; None before."""
        raise NotImplementedError

    def take_path(self, id: str, suffix: str = ".npz") -> Path:
        """A file of a take in any state of the history: .npz, .bvh, .glb or .counts.csv."""
        raise NotImplementedError

    def export_path(self, job: str) -> Path:
        """The one file that an `export` job made."""
        raise NotImplementedError

    def add_takes(self, what: str, folder: str, parent: str | None = None) -> Content:
        """Takes out of the `manifest.json` in `takes/folder` join the present state; the best one is shown."""
        raise NotImplementedError

    def tidy(self) -> None:
        """Remove take folders that no state names any more."""
        raise NotImplementedError
