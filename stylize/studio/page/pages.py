"""The pages: the list of projects, and a project with its rail, panel, stage, takes and deck."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from fastapi import Request
from nicegui import ui

from core_vimo.errors import InputError
from stylize.studio.page.dance import dance_panel
from stylize.studio.page.edit import edit_panel
from stylize.studio.page.export import export_panel
from stylize.studio.page.pieces import Problem, button, is_asking, light, opened_dialog
from stylize.studio.page.session import Session, Studio
from stylize.studio.page.song import song_panel
from stylize.studio.page.stage import Stage
from stylize.studio.page.takes import compare, pin, show_take, takes_column
from stylize.studio.page.teach import teach_panel
from stylize.studio.page.video import video_panel
from stylize.studio.project import Card

_HERE = Path(__file__).parent
_LOOKS_S = 0.3
"""How often a page asks what jobs and other tabs did."""

_RAIL = {
    "Song": "music_note",
    "Dance": "directions_run",
    "Edit": "content_cut",
    "Teach": "school",
    "Video": "videocam",
    "Export": "ios_share",
}

_KEYS = (
    ("Space", "play, pause"),
    ("← →", "a count back, on; with Shift an eight, with Alt a frame"),
    ("Home, End", "the take's start, the song's end"),
    ("H", "half speed"),
    ("M, F, C", "mirror, follow, counts"),
    ("L", "loop the selection"),
    ("[ ]", "the selection starts, ends here"),
    ("+ − 0", "zoom in, out, the whole song"),
    ("Esc", "close what is open over the page, else select nothing"),
    ("N, B, P", "next take, compare with the one before, pin"),
    ("1 … 6", "Song, Dance, Edit, Teach, Video, Export"),
    ("Ctrl Z, Ctrl Shift Z", "undo, redo"),
    ("?", "this list"),
)


def add_pages(studio: Studio) -> None:
    """Add `/` and `/p/PROJECT`."""

    @ui.page("/", title="vimo studio")
    def projects(request: Request) -> None:
        _head()
        _projects(studio, studio.access.person(request.cookies))

    @ui.page("/p/{project}", title="vimo studio")
    def project(request: Request, project: str) -> None:
        _head()
        try:
            opened = studio.projects.open(project, studio.access.person(request.cookies))
            opened.tidy(studio.queue.busy())
            session = Session(studio, opened)
        except InputError as error:
            with ui.column().classes("start"):
                ui.label(str(error)).classes("problem")
                ui.link("All projects", "/")
            return
        _project(session)


def _head() -> None:
    """Only styles of this package; what a person typed is shown as text and nowhere as HTML."""
    ui.add_css(_HERE.parent / "stage" / "stage.css")
    ui.add_css(_HERE / "page.css")
    ui.colors(primary="#f2b45a", negative="#ff8f7a")


def _projects(studio: Studio, person: str) -> None:
    with ui.column().classes("start"):
        ui.label("vimo studio").classes("brand")
        ui.label("Drop a song, get a dance; change what you like; take it with you.").classes("hint")
        problem = Problem()

        def begin() -> None:
            with problem.told():
                made = studio.projects.create(str(name.value or "").strip() or "New dance", person)
                ui.navigate.to(f"/p/{made.id}")

        with ui.row().classes("tight"):
            name = (
                ui.input("name", placeholder="New dance").props("dense outlined autofocus").on("keydown.enter", begin)
            )
            button("New project", begin, kind="main", icon="add")
        cards = studio.projects.cards(person)
        ui.label("Projects" if cards else "No project yet: begin one above.").classes("heading")
        for card in cards:
            _card(studio, person, card, problem)


def _card(studio: Studio, person: str, card: Card, problem: Problem) -> None:
    def remove() -> None:
        with problem.told():
            studio.projects.open(card.id, person)
            studio.queue.forget(card.id)
            studio.projects.remove(card.id, person)
            row.delete()

    changed = datetime.fromtimestamp(card.changed).strftime("%d %B, %H:%M")
    with ui.row().classes("project") as row:
        with ui.link(target=f"/p/{card.id}").classes("project-name"):
            ui.label(card.name)
            ui.label(f"{card.takes} take{'s' * (card.takes != 1)} · {changed}").classes("hint")
        button(
            "",
            partial(_confirm, f"Remove “{card.name}” with all its takes?", remove),
            icon="delete",
            kind="quiet",
            tip="Remove",
        )


def _confirm(question: str, do: Callable[[], None]) -> None:
    def sure() -> None:
        asking.close()
        do()

    with opened_dialog() as asking, ui.card():
        ui.label(question)
        with ui.row():
            button("Cancel", asking.close, kind="main").props("autofocus")
            button("Remove", sure)


def _project(session: Session) -> None:
    with ui.element("main").classes("studio"):
        problem = _Bar(session).problem
        rail = ui.element("nav").classes("rail").props("aria-label=Parts")
        panels = ui.element("section").classes("panel")
        stage = Stage(session)
        with ui.element("aside").classes("side"):
            takes_column(session)
    panels_by_name = _panels(session, stage, panels)
    choose = session.open = _Rail(rail, panels_by_name).choose
    choose("Dance" if session.state.takes or session.song else "Song")
    _keys(session, problem, choose)
    ui.timer(_LOOKS_S, lambda: _look(session))


def _look(session: Session) -> None:
    with suppress(InputError):  # the project was removed in another tab; what it shows stays readable
        session.look()


class _Bar:
    """The line on top: whose project, undo and redo, help."""

    def __init__(self, session: Session) -> None:
        self._session = session
        with ui.element("header").classes("bar"):
            ui.link("vimo studio", "/").classes("brand").tooltip("All projects")
            self._name = ui.input(value=session.content.name).props("dense borderless aria-label='Name of the project'")
            self._name.classes("title").on("blur", self._rename).on("keydown.enter", self._rename)
            self.problem = Problem()
            ui.element("div").classes("gap")
            self._undo = button("", lambda: self._move(-1), icon="undo", kind="quiet", tip="Undo (Ctrl Z)")
            self._redo = button("", lambda: self._move(1), icon="redo", kind="quiet", tip="Redo (Ctrl Shift Z)")
            button("", open_help, icon="keyboard", kind="quiet", tip="Keys (?)")
        with self._undo:
            self._undo_words = ui.tooltip("")
        session.shows(self._show)

    def _show(self) -> None:
        content = self._session.content
        self._undo.set_enabled(content.undoes is not None)
        self._redo.set_enabled(content.redoes is not None)
        self._undo_words.set_text(f"Undo: {content.undoes}" if content.undoes else "Nothing to undo")

    def _move(self, steps: int) -> None:
        with self.problem.told():
            move(self._session, steps)

    def _rename(self) -> None:
        with self.problem.told():
            self._session.project.rename(str(self._name.value or ""))
            self._session.refresh()


class _Rail:
    """Which panel is open."""

    def __init__(self, rail: ui.element, panels: dict[str, ui.element]) -> None:
        self._panels, self._buttons = panels, {}
        with rail:
            for place, (name, icon) in enumerate(_RAIL.items(), start=1):
                made = button(name, partial(self.choose, name), icon=icon, kind="rail").props("stack")
                self._buttons[name] = made.tooltip(f"{name} ({place})")

    def choose(self, name: str) -> None:
        for known, panel in self._panels.items():
            panel.set_visibility(known == name)
            light(self._buttons[known], known == name)


def _panels(session: Session, stage: Stage, place: ui.element) -> dict[str, ui.element]:
    build: dict[str, Callable[[], None]] = {
        "Song": lambda: song_panel(session, stage),
        "Dance": lambda: dance_panel(session),
        "Edit": lambda: edit_panel(session, stage),
        "Teach": lambda: teach_panel(session),
        "Video": lambda: video_panel(session),
        "Export": lambda: export_panel(session),
    }
    panels: dict[str, ui.element] = {}
    with place:
        for name, fill in build.items():
            panels[name] = ui.column().classes("sheet")
            with panels[name]:
                fill()
    return panels


def move(session: Session, steps: int) -> None:
    """Undo or redo."""
    session.project.undo() if steps < 0 else session.project.redo()
    session.refresh()


def open_help() -> None:
    with opened_dialog() as help, ui.card().classes("help"):
        ui.label("Keys").classes("heading")
        for keys, words in _KEYS:
            with ui.row().classes("key"):
                ui.label(keys)
                ui.label(words)
        button("Close", help.close)


def _keys(session: Session, problem: Problem, choose: Callable[[str], None]) -> None:
    """Those that the server answers; the player hears the others."""

    def pressed(event: object) -> None:
        key, modifiers = event.key, event.modifiers  # type: ignore[attr-defined]
        if not event.action.keydown or event.action.repeat or is_asking():  # type: ignore[attr-defined]
            return
        with problem.told():
            name = str(key.name)
            if (modifiers.ctrl or modifiers.meta) and name.lower() == "z":
                move(session, 1 if modifiers.shift else -1)
            elif modifiers.ctrl or modifiers.meta or modifiers.alt:
                return
            elif name in "123456":
                choose(list(_RAIL)[int(name) - 1])
            elif name == "?":
                open_help()
            elif name.lower() in _TAKE_KEYS and session.state.takes:
                _TAKE_KEYS[name.lower()](session)

    ui.keyboard(on_key=pressed)


def _next(session: Session, step: int = 1) -> str:
    ids = [take.id for take in session.state.takes]
    shown = session.state.shown
    return ids[(ids.index(shown) + step) % len(ids)] if shown in ids else ids[-1]


def _compare_with_before(session: Session) -> None:
    other = session.state.beside or _next(session, -1)
    if other != session.state.shown:
        compare(session, other)


def _pin_shown(session: Session) -> None:
    if session.state.shown is not None:
        pin(session, session.state.shown)


_TAKE_KEYS: dict[str, Callable[[Session], None]] = {
    "n": lambda session: show_take(session, _next(session)),
    "b": _compare_with_before,
    "p": _pin_shown,
}
