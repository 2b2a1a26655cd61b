"""Edits on the take on the stage: what is selected is made anew, and nothing outside it changes."""

import secrets
from collections.abc import Callable

from nicegui import ui

from stylize.studio.page.pieces import Chips, Problem, button, heading, number
from stylize.studio.page.session import Session
from stylize.studio.tasks import Complete

_PARTS = ["legs", "arms", "torso", "head", "root path"]
_SEEDS = 1_000_000


def edit_panel(session: Session) -> None:
    heading("Edit")
    about = ui.label().classes("fact")
    problem = Problem()
    _Editor(session, problem).build()

    def show() -> None:
        take, span = session.shown, session.span
        if take is None:
            about.set_text("Choose a take on the right; then drag over the timeline what you want to change.")
        elif span is None:
            about.set_text("Drag over the timeline to select counts, or double-click an eight.")
        else:
            about.set_text(
                f"Selected: {session.where(span[0])} to {session.where(span[1])} ({span[1] - span[0]:.1f} s)"
            )

    session.shows(show)


class _Editor:
    def __init__(self, session: Session, problem: Problem) -> None:
        self._session, self._problem = session, problem
        self._selected: list[ui.button] = []
        self._whole: list[ui.button] = []

    def build(self) -> None:
        heading("Make it anew", "What is lit stays as it is; the rest of the body is danced anew in the selection.")
        self._keep = Chips(_PARTS, set())
        with ui.row().classes("tight"):
            self._takes = number("takes", 2, 1, 8)
            self._button("Make anew", self._regenerate, kind="main", icon="refresh")
        with ui.row().classes("tight"):
            self._button("new arms, same legs", lambda: self._keep.choose({"legs", "torso", "root path"}))
            self._button("from pose to pose", self._in_fill, tip="Fill the selection between the poses at its ends")
        heading("Join and go on")
        with ui.row().classes("tight"):
            self._counts = number("counts", 8, 1, 64)
            self._button("go on", lambda: self._longer("continue"), selected=False, tip="Dance on after the end")
            self._button("loop", lambda: self._longer("loop"), selected=False, tip="Lead from the end to the start")
        self._other = ui.select({}, label="blend into").props("dense outlined options-dense").classes("wide")
        self._button(
            "Blend", self._blend, selected=False, tip="Leave this take at the selection's start, or at its end"
        )
        heading("Feet")
        self._button(
            "foot lock", self._foot_lock, selected=False, tip="Standing feet stay, in the selection or all through"
        )
        self._session.shows(self._show)

    def _button(
        self, words: str, do: Callable[[], None], *, selected: bool = True, kind: str = "plain",
        icon: str | None = None, tip: str = "",
    ) -> None:  # fmt: skip
        made = button(words, do, kind=kind, icon=icon, tip=tip)
        (self._selected if selected else self._whole).append(made)

    def _show(self) -> None:
        session = self._session
        has_take = session.shown is not None
        for made in self._selected:
            made.set_enabled(has_take and session.span is not None)
        for made in self._whole:
            made.set_enabled(has_take)
        others = {take.id: take.label for take in session.state.takes if take.id != session.state.shown}
        others |= {media.id: media.label for kind in ("motion", "video") for media in session.media(kind)}
        if others != self._other.options:
            self._other.set_options(others, value=next(iter(others), None))

    def _regenerate(self) -> None:
        kept = tuple(part for part in _PARTS if part in self._keep.chosen)
        words = f"new, {' and '.join(kept)} kept" if kept else "new"
        self._submit("regenerate", f"{self._place()} {words}", span=self._span(), keep=kept, takes=self._number())

    def _in_fill(self) -> None:
        self._submit("in-fill", f"{self._place()} filled", gaps=(self._span(),), takes=self._number())

    def _longer(self, edit: str) -> None:
        counts = round(self._counts.value or 8)
        words = f"{counts} counts on" if edit == "continue" else f"loop in {counts} counts"
        self._submit(edit, words, length=self._length(counts))

    def _blend(self) -> None:
        take, other = self._session.shown, self._other.value
        if take is None or not other:
            self._problem.tell("there is nothing to blend into; make another take, or bring a video or a motion")
            return
        span, begins_s = self._session.span, take.start_s or 0.0
        leave = "" if span is None else f"{min(max(span[0] - begins_s, 0), take.seconds - 0.04):.3f}s"
        length = self._length(round(self._counts.value or 8))
        self._submit("blend", f"into {self._other.options[other]}", str(other), length=length, leave=leave)

    def _foot_lock(self) -> None:
        self._submit("foot lock", "foot lock", span=self._span() if self._session.span else "")

    def _submit(self, edit: str, words: str, *others: str, **settings: object) -> None:
        take = self._session.shown
        with self._problem.told():
            if take is not None:
                task = Complete(edit, (take.id, *others), seed=secrets.randbelow(_SEEDS), **settings)  # type: ignore[arg-type]
                self._session.submit(task, words)

    def _number(self) -> int:
        return round(self._takes.value or 1)

    def _length(self, counts: int) -> str:
        """In counts where the take has any; else half a second each."""
        take = self._session.shown
        counted = take is not None and take.start_s is not None and self._session.counts()
        return f"{counts}c" if counted else f"{counts / 2:g}s"

    def _span(self) -> str:
        take, span = self._session.shown, self._session.span
        return self._session.in_take(span, take) if take and span else ""

    def _place(self) -> str:
        return self._session.where(self._session.span[0]) if self._session.span else ""
