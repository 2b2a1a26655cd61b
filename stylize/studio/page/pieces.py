"""The small pieces that all parts of the page are made of: sentences beside what failed, drops, headings, choices."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nicegui import ElementFilter, ui
from nicegui.events import GenericEventArguments

from core_vimo.errors import InputError
from stylize.studio.page.session import Session
from stylize.studio.storage import UploadKind


class Problem:
    """A sentence beside the thing that failed; empty while nothing did."""

    def __init__(self) -> None:
        self._label = ui.label().classes("problem").props("role=alert")
        self.tell("")

    def tell(self, sentence: str) -> None:
        self._label.set_text(sentence[:1].upper() + sentence[1:])
        self._label.set_visibility(bool(sentence))

    @contextmanager
    def told(self) -> Iterator[None]:
        """What goes wrong inside is told here."""
        self.tell("")
        try:
            yield
        except InputError as error:
            self.tell(str(error))


class Drop(ui.element, component="drop.js"):
    """Where files are dropped or chosen; each is sent by itself, with progress, and refused in a sentence below.

    With `begun`, which is called first, files of this kind may be dropped anywhere on the page.
    """

    def __init__(
        self,
        session: Session,
        kind: UploadKind,
        words: str,
        accept: str,
        received: Callable[[str], None] | None = None,
        many: bool = False,
        begun: Callable[[], None] | None = None,
    ) -> None:
        super().__init__()
        self._props["anywhere"] = begun is not None
        if begun is not None:
            self.on("begun", lambda _event: begun())
        self._props["url"] = f"/upload/{session.project.id}/{kind}"
        self._props["words"], self._props["accept"], self._props["many"] = words, accept, many
        self._session, self._received = session, received
        self.on("received", self._arrived)

    def _arrived(self, event: GenericEventArguments) -> None:
        self._session.look()
        if self._received is not None:
            self._received(str(event.args))


def opened_dialog() -> ui.dialog:
    """A dialog that is open, and gone once it is closed; while it is, keys are its own."""
    dialog = ui.dialog(value=True)
    dialog.on("hide", dialog.delete)
    return dialog


def is_asking() -> bool:
    """Whether a dialog is open on this page."""
    return any(dialog.value for dialog in ElementFilter(kind=ui.dialog))


def heading(words: str, hint: str = "") -> None:
    ui.label(words).classes("heading")
    if hint:
        ui.label(hint).classes("hint")


def button(
    words: str, do: Callable[..., Any], *, icon: str | None = None, kind: str = "plain", tip: str = ""
) -> ui.button:
    """kind: `main` for the one thing to do next, `plain`, or `quiet` for an icon alone."""
    made = ui.button(words, on_click=do, icon=icon, color=None).props("unelevated no-caps").classes(f"b-{kind}")
    if not words:
        made.props(f'aria-label="{tip}"')
    if tip:
        made.tooltip(tip)
    return made


def light(made: ui.button, on: bool) -> None:
    """Show that a button is chosen, to eyes and ears."""
    made.classes(add="on" if on else "", remove="" if on else "on")
    made.props(f"aria-pressed={'true' if on else 'false'}")


class Chips:
    """Words of which some are chosen."""

    def __init__(self, words: list[str], chosen: set[str], changed: Callable[[], None] = lambda: None) -> None:
        self.chosen, self._changed = set(chosen), changed
        with ui.row().classes("chips"):
            self._buttons = {word: button(word, lambda word=word: self.turn(word), kind="chip") for word in words}
        self._show()

    def turn(self, word: str) -> None:
        self.chosen ^= {word}
        self._show()
        self._changed()

    def choose(self, words: set[str]) -> None:
        self.chosen = set(words)
        self._show()

    def _show(self) -> None:
        for word, shown in self._buttons.items():
            light(shown, word in self.chosen)


def number(words: str, value: float, low: float, high: float, step: float = 1) -> ui.number:
    return ui.number(words, value=value, min=low, max=high, step=step).props("dense outlined").classes("number")


def length_words(seconds: float) -> str:
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
