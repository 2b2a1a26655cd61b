"""A project: a readable folder with `project.json`, `media/`, `takes/`, `listened/` and `exports/`; no pickles.

Every edit makes a new state; states name take files, which never change. So undo and redo are moving a position.
What is looked at is no edit: it changes in all states at once.
"""

import math
import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

import filelock

from core_vimo.errors import InputError
from core_vimo.reading import read_json
from stylize.studio.storage import Media, Storage, is_id, media_of, new_id, remove, shown, write_json

Tempo = Literal["as heard", "half", "double"]

CONTENT = "project.json"
_FORMAT = 1
_LOCK_PATIENCE_S = 20.0
_MOST_STEPS = 200
_MOST_EXPORTS = 30
_STYLE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}(:[0-9.]{1,8})?")  # a name, never a path
_TIMELINE = re.compile(r"[A-Za-z0-9_.,: \n-]{0,10000}")
_LOOKED_AT = ("shown", "beside", "pinned")
_TAKE_FILES = (".npz", ".bvh", ".glb", ".counts.csv", ".mp4")


@dataclass(frozen=True)
class Take:
    """One motion on the stage. numbers: those it is ranked by; made_s: what was made anew, in its own seconds.

    Its files lie in `takes/FOLDER/STEM.*`, with the manifest and what else was made beside them. start_s is the second
    of the song at which it begins, None where it has no song. parent is the take that was edited; filmed the video
    that it is the motion of, from which its keypoints lie beside it.
    """

    id: str
    label: str
    folder: str
    stem: str
    seed: int
    seconds: float
    start_s: float | None = None
    parent: str | None = None
    filmed: str | None = None
    numbers: dict[str, Any] = field(default_factory=dict)
    made_s: tuple[tuple[float, float], ...] = ()
    said: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (is_id(self.folder) and re.fullmatch(r"[a-z]{1,10}\d{0,3}", self.stem) and self.id == self._id()):
            raise InputError("this is no take of the studio's; take a fresh copy of its project")

    def _id(self) -> str:
        return f"{self.folder}-{self.stem}"


@dataclass(frozen=True)
class State:
    """What undo and redo move through. song: a media id; start_s, seconds: the excerpt in it (None: to its end).

    shown is the take on the stage, beside the one it is compared with. Which these are, and which is pinned, is no edit
    (`Content.looked`).
    """

    song: str | None = None
    start_s: float = 0.0
    seconds: float | None = None
    tempo: Tempo = "as heard"
    first_count: int = 0
    styles: tuple[str, ...] = ()
    timeline: str = ""
    takes: tuple[Take, ...] = ()
    shown: str | None = None
    beside: str | None = None
    pinned: str | None = None

    def __post_init__(self) -> None:
        ids = {take.id for take in self.takes}
        whole = type(self.first_count) is int and abs(self.first_count) < 1000
        if not (whole and 0 <= self.start_s < math.inf and (self.seconds is None or 1 <= self.seconds < math.inf)):
            raise InputError("the excerpt must start at 0 s or later and last at least 1 s")
        if not all(_STYLE.fullmatch(style) for style in self.styles) or not _TIMELINE.fullmatch(self.timeline):
            raise InputError("styles are named as in the list of styles, such as jackson:0.8; choose them from there")
        if self.tempo not in get_args(Tempo):
            raise InputError(f"tempo must be one of {', '.join(get_args(Tempo))}")
        if len(ids) < len(self.takes) or not {self.shown, self.beside, self.pinned} <= ids | {None}:
            raise InputError("that take isn't in the project any more; choose another")

    def take(self, id: str) -> Take:
        """Raises InputError for a take that isn't in this state."""
        for take in self.takes:
            if take.id == id:
                return take
        raise InputError("that take isn't in the project any more; choose another")

    def without(self, id: str) -> "State":
        """This state without one of its takes; its files stay, since undo may bring it back."""
        gone = self.take(id)
        rest = tuple(take for take in self.takes if take is not gone)
        seen = {name: None for name in _LOOKED_AT if getattr(self, name) == id}
        return replace(self, takes=rest, **seen)  # type: ignore[arg-type]

    def looked_at_like(self, before: "State", after: "State") -> "State":
        """This state with what is looked at changed as between two others, as far as it holds those takes."""
        known = {take.id for take in self.takes} | {None}
        changed = {name: getattr(after, name) for name in _LOOKED_AT if getattr(after, name) != getattr(before, name)}
        seen = replace(self, **{name: id for name, id in changed.items() if id in known})
        return replace(seen, beside=None) if seen.beside == seen.shown else seen

    def joined(self, takes: Sequence[Take]) -> "State":
        known = {take.id for take in self.takes}
        return replace(self, takes=(*self.takes, *(take for take in takes if take.id not in known)))


@dataclass(frozen=True)
class Step:
    """A state, and in words what led to it."""

    what: str
    state: State


@dataclass(frozen=True)
class Content:
    """`project.json`. revision grows with every change, so that a page sees what another tab or a job did."""

    name: str
    person: str = ""
    revision: int = 0
    media: tuple[Media, ...] = ()
    history: tuple[Step, ...] = (Step("", State()),)
    position: int = 0

    def __post_init__(self) -> None:
        texts = isinstance(self.name, str) and isinstance(self.person, str)
        if not (texts and type(self.revision) is int and 0 <= self.position < len(self.history)):
            raise InputError("this is no project of the studio's; take a fresh copy of its folder")

    @property
    def state(self) -> State:
        return self.history[self.position].state

    @property
    def undoes(self) -> str | None:
        """What undo would take back, None at the beginning."""
        return self.history[self.position].what if self.position else None

    @property
    def redoes(self) -> str | None:
        return self.history[self.position + 1].what if self.position + 1 < len(self.history) else None

    def medium(self, id: str) -> Media:
        """Raises InputError for an id that isn't in the project."""
        for media in self.media:
            if media.id == id:
                return media
        raise InputError("that file isn't in the project; choose another, or upload it again")

    def take(self, id: str) -> Take:
        """A take of any state, since what was undone may be looked at still. Raises InputError."""
        for step in self.history:
            for take in step.state.takes:
                if take.id == id:
                    return take
        raise InputError("that take isn't in the project any more; choose another")

    def after(self, what: str, state: State) -> "Content":
        """With one state more; what could have been redone is dropped, and so is the oldest of very many."""
        if state == self.state:
            return self
        if state.song is not None:
            self.medium(state.song)
        history = (*self.history[: self.position + 1], Step(what, state))[-_MOST_STEPS:]
        return replace(self, history=history, position=len(history) - 1)

    def looked(self, look: Callable[[State], State]) -> "Content":
        """With other takes shown, beside or pinned: no step, and what can be redone stays."""
        seen = self.state.looked_at_like(self.state, look(self.state))
        history = tuple(replace(step, state=step.state.looked_at_like(self.state, seen)) for step in self.history)
        return replace(self, history=history)

    def landed(self, what: str, takes: Sequence[Take]) -> "Content":
        """With takes that a job made: one step after this state; they join what can be redone, too.

        The first, which is the best, is shown where the stage still holds the take it was made from, or none.
        """
        state = self.state.joined(takes)
        if state == self.state:
            return self
        if state.shown in (None, takes[0].parent):
            state = replace(state, shown=takes[0].id)
        later = [
            replace(step, state=step.state.joined(takes).looked_at_like(self.state, state))
            for step in self.history[self.position + 1 :]
        ]
        history = (*self.history[: self.position + 1], Step(what, state), *later)[-_MOST_STEPS:]
        return replace(self, history=history, position=max(len(history) - len(later) - 1, 0))

    def moved(self, steps: int) -> "Content":
        return replace(self, position=min(max(self.position + steps, 0), len(self.history) - 1))


@dataclass(frozen=True)
class Card:
    """A project in the list of projects. changed: seconds since 1970."""

    id: str
    name: str
    changed: float
    takes: int


class Projects:
    """All projects of a data folder. person: whose; "" sees all (the studio of one machine, without a token)."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def create(self, name: str, person: str = "") -> "Project":
        if sum(1 for _ in self._folders()) >= self._storage.limits.projects:
            raise InputError("there are too many projects; remove one that is no longer needed")
        self._storage.check_room()
        project = Project(self._storage, new_id())
        write_content(project.folder, Content(shown(name), person))
        return project

    def open(self, id: str, person: str = "") -> "Project":
        """Raises InputError where there is no such project of this person's."""
        project = Project(self._storage, id)
        if is_id(id) and (project.folder / CONTENT).is_file() and person in ("", project.read().person):
            return project
        raise InputError("there is no such project; choose one from the list")

    def cards(self, person: str = "") -> list[Card]:
        """Newest first; a folder that can't be read is left out."""
        cards = []
        for folder in self._folders():
            with suppress(InputError, OSError):
                content = read_content(folder)
                if not person or content.person == person:
                    changed = (folder / CONTENT).stat().st_mtime
                    cards.append(Card(folder.name, content.name, changed, len(content.state.takes)))
        return sorted(cards, key=lambda card: -card.changed)

    def remove(self, id: str, person: str = "") -> None:
        folder = self.open(id, person).folder
        aside = folder.with_name(f".removed-{id}")
        with _locked(folder):
            os.replace(folder, aside)
        remove(aside)
        remove(_lock_of(folder))

    def _folders(self) -> Iterator[Path]:
        return (path for path in self._storage.projects.iterdir() if is_id(path.name))


class Project:
    """Reads and changes one project's folder; every change is locked, written aside and renamed."""

    def __init__(self, storage: Storage, id: str) -> None:
        self._storage = storage
        self.id = id
        self.folder = storage.projects / id
        self._seen: tuple[tuple[int, int], int] | None = None

    def read(self) -> Content:
        """Raises InputError for a damaged project, and for one that was removed."""
        return read_content(self.folder)

    def revision(self) -> int:
        """`Content.revision` as it is now; cheap, to be asked several times a second. Raises InputError."""
        try:
            facts = (self.folder / CONTENT).stat()
        except OSError as error:
            raise InputError("the project was removed; choose another") from error
        written = (facts.st_mtime_ns, facts.st_ino)
        if self._seen is None or self._seen[0] != written:
            self._seen = (written, self.read().revision)
        return self._seen[1]

    def change(self, what: str, edit: Callable[[State], State]) -> Content:
        """A new state after the present one; what could have been redone is dropped. An equal state is no step."""
        return self._write(lambda content: content.after(what, edit(content.state)))

    def undo(self) -> Content:
        return self._write(lambda content: content.moved(-1))

    def redo(self) -> Content:
        return self._write(lambda content: content.moved(1))

    def rename(self, name: str) -> Content:
        return self._write(lambda content: replace(content, name=shown(name)))

    def adopt(self, upload: Media) -> Media:
        """Move an upload into `media/`. Raises InputError where the project is full."""

        upload = self._storage.upload(upload.id)  # what was written down, not what somebody says of it
        self.take_in(upload, self._storage.upload_path(upload))
        self._storage.discard(upload.id)
        return upload

    def take_in(self, media: Media, file: Path) -> None:
        """Move a file into `media/`, of which `media` tells. Raises InputError where the project is full."""

        def with_it(content: Content) -> Content:
            if len(content.media) >= self._storage.limits.media:
                raise InputError("the project holds too many files; begin another one")
            folder = self.folder / "media"
            folder.mkdir(exist_ok=True)
            try:
                os.replace(file, folder / media.file)
            except FileNotFoundError as error:
                raise InputError("this upload isn't there any more; upload the file again") from error
            return replace(content, media=(*content.media, media))

        self._write(with_it)

    def media_path(self, id: str) -> Path:
        """The file of a medium; InputError for an id that isn't in the project."""
        return self.folder / "media" / self.read().medium(id).file

    def listened(self, id: str) -> dict[str, Any] | None:
        """What a `listen` job found in a song: see `stylize.studio.tasks.Listen`; None before."""
        file = self.listened_path(id)
        return read_json(file) if file.is_file() else None

    def listened_path(self, id: str) -> Path:
        return self.folder / "listened" / f"{self.read().medium(id).id}.json"

    def take_path(self, id: str, suffix: str = ".npz") -> Path:
        """A file of a take in any state of the history: .npz, .bvh, .glb, .mp4 or .counts.csv. Raises InputError."""
        take = self.read().take(id)
        path = self.take_folder(take.folder) / f"{take.stem}{suffix}"
        if suffix not in _TAKE_FILES or not path.is_file():
            raise InputError(f"{take.label} has no {suffix.lstrip('.')} file; export it anew")
        return path

    def take_folder(self, job: str) -> Path:
        """Where a job's takes lie, beside the manifest that tells how they were made."""
        return self.folder / "takes" / job

    def export_folder(self, job: str) -> Path:
        return self.folder / "exports" / job

    def export_path(self, job: str) -> Path:
        """The one file that an `export` job made. Raises InputError."""
        folder = self.export_folder(job)
        made = sorted(path for path in folder.iterdir() if path.is_file()) if is_id(job) and folder.is_dir() else []
        if len(made) != 1:
            raise InputError("this export isn't there any more; export the take again")
        return made[0]

    def look(self, look: Callable[[State], State]) -> Content:
        """Show, compare or pin other takes, which is no step. Raises InputError for one that isn't there."""
        return self._write(lambda content: content.looked(look))

    def add_takes(self, what: str, takes: Sequence[Take]) -> Content:
        """Finished takes join the project: see `Content.landed`."""
        return self._write(lambda content: content.landed(what, takes))

    def tidy(self, busy: Collection[str] = ()) -> None:
        """Remove take folders that no state names any more, and the oldest exports; not those of `busy` jobs."""
        with _locked(self.folder):
            named = {take.folder for step in self.read().history for take in step.state.takes}
            folders = [path for path in _entries(self.folder / "takes") if path.name not in named]
            exports = sorted(_entries(self.folder / "exports"), key=lambda path: path.stat().st_mtime)
            for path in (*folders, *exports[:-_MOST_EXPORTS]):
                if path.name not in busy:
                    remove(path)

    def _write(self, edit: Callable[[Content], Content]) -> Content:
        with _locked(self.folder):
            before = self.read()
            after = edit(before)
            if after == before:
                return before
            after = replace(after, revision=before.revision + 1)
            write_content(self.folder, after)
            return after


def read_content(folder: Path) -> Content:
    """What `project.json` says. Raises InputError."""
    file = folder / CONTENT
    if not file.is_file():
        raise InputError("the project was removed; choose another")
    noted = read_json(file)
    try:
        if noted["format"] > _FORMAT:
            raise InputError(f"{file}: made by a newer version of the studio; update it")
        takes = {row["id"]: _take(row) for row in noted["takes"]}
        history = tuple(Step(str(step["what"]), _state(step["state"], takes)) for step in noted["history"])
        content = Content(
            noted["name"],
            noted["person"],
            noted["revision"],
            tuple(media_of(row) for row in noted["media"]),
            history,
            noted["position"],
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(f"{file}: isn't a project, or damaged; take a fresh copy of its folder") from error
    return content


def write_content(folder: Path, content: Content) -> None:
    """Every take is written once, and states name it."""
    takes = {take.id: take for step in content.history for take in step.state.takes}
    history = [
        {"what": step.what, "state": _shallow(step.state) | {"takes": [take.id for take in step.state.takes]}}
        for step in content.history
    ]
    write_json(
        folder / CONTENT,
        {
            "format": _FORMAT,
            "name": content.name,
            "person": content.person,
            "revision": content.revision,
            "position": content.position,
            "media": [asdict(media) for media in content.media],
            "takes": [asdict(take) for take in takes.values()],
            "history": history,
        },
    )


def take_of(row: dict[str, Any]) -> Take:
    """A row of JSON as a take. Raises InputError."""
    try:
        return _take(row)
    except (TypeError, ValueError, KeyError) as error:
        raise InputError("this is no take of the studio's; take a fresh copy of its project") from error


def _take(row: dict[str, Any]) -> Take:
    made_s = tuple((float(start), float(stop)) for start, stop in row["made_s"])
    return Take(**row | {"made_s": made_s, "said": tuple(row["said"])})


def _state(row: dict[str, Any], takes: dict[str, Take]) -> State:
    return State(**row | {"styles": tuple(row["styles"]), "takes": tuple(takes[id] for id in row["takes"])})


def _shallow(state: State) -> dict[str, Any]:
    return {part.name: getattr(state, part.name) for part in fields(state)}


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer at a time, whichever thread, tab or process it is; the system frees the lock of one that died."""
    try:
        with filelock.FileLock(_lock_of(folder), timeout=_LOCK_PATIENCE_S):
            if not folder.is_dir():
                raise InputError("the project was removed; choose another")
            yield
    except filelock.Timeout as error:
        raise InputError(f"{folder}: another program is writing to the project; try again") from error


def _lock_of(folder: Path) -> Path:
    """Beside the folder, so that the folder can be moved away by who holds it."""
    return folder.with_name(f"{folder.name}.lock")
