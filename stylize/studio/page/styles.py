"""Styles: the palette with their strengths, and where on the timeline each is danced."""

import re
from collections.abc import Callable
from dataclasses import replace

from nicegui import ui

from core_vimo.errors import InputError
from stylize.studio.page.pieces import Problem, button, heading, number
from stylize.studio.page.session import Session
from stylize.studio.project import State
from stylize.style_library import is_trained, styles
from stylize.style_timeline import parse_style, parse_timeline

_NONE = (
    "No style is in your library yet: teach one under Teach. Without one, the dancer dances as the model learned to."
)
COLOURS = ("#c58bf2", "#7fd18b", "#f28b8b", "#8bb4f2", "#e8d16b", "#f2a6d8")


def style_palette(session: Session) -> None:
    """Built anew when a style was trained or taken in."""
    heading("Style")
    place = ui.column().classes("part")
    built: list[list[str]] = []
    shows: list[Callable[[], None]] = []

    def show() -> None:
        known = [name for name, folder in styles().items() if is_trained(folder)]
        if built != [known]:
            built[:] = [known]
            place.clear()
            with place:
                shows[:] = [_palette(session, known)]
        shows[0]()

    session.shows(show)


def _palette(session: Session, known: list[str]) -> Callable[[], None]:
    """The styles there are; what shows their state."""
    if not known:
        ui.label(_NONE).classes("hint")
        return lambda: None
    problem = Problem()
    dials = [_Dial(session, name, problem) for name in known]
    heading("Style over time", "Select counts on the timeline, then give them a style.")
    with ui.row().classes("tight"):
        style = ui.select(known, value=known[0], label="style").props("dense outlined").classes("broad")
        ramp = number("ramp", 2, 0, 32).tooltip("Over how many counts one style becomes the next")
    with ui.row().classes("tight"):
        lay = button("dance it there", lambda: _lay(session, str(style.value), float(ramp.value or 0), problem))
        button("clear", lambda: _change(session, problem, "clear the timeline", timeline=""))
    written = ui.label().classes("fact")

    def show() -> None:
        for dial in dials:
            dial.show()
        lay.set_enabled(session.span is not None)
        written.set_text(session.state.timeline)

    return show


class _Dial:
    """One style: chosen or not, and how strong."""

    def __init__(self, session: Session, name: str, problem: Problem) -> None:
        self._session, self._name, self._problem = session, name, problem
        with ui.row().classes("dial"):
            self._on = ui.checkbox(name).on("update:model-value", self._set, throttle=0.2)
            self._strength = ui.slider(min=0, max=1.5, step=0.05, value=1.0).on("change", self._set)
            self._words = (
                ui.label().classes("fact").bind_text_from(self._strength, "value", lambda value: f"{value:.2f}")
            )

    def show(self) -> None:
        found = [dial for dial in map(parse_style, self._session.state.styles) if dial.style == self._name]
        self._on.value = bool(found)
        if found and found[0].strength is not None:
            self._strength.value = found[0].strength

    def _set(self) -> None:
        def edit(state: State) -> State:
            others = tuple(style for style in state.styles if parse_style(style).style != self._name)
            mine = (f"{self._name}:{self._strength.value:.2f}",) if self._on.value else ()
            return replace(state, styles=others + mine)

        with self._problem.told():
            self._session.change(f"style {self._name}", edit)


def _lay(session: Session, style: str, ramp: float, problem: Problem) -> None:
    """One passage more, in seconds of the danced part, since a selection may begin before its first count 1."""
    if session.span is None:
        return
    start_s, stop_s = (max(0.0, second - session.state.start_s) for second in session.span)
    passage = f"{start_s:.2f}s-{stop_s:.2f}s {style} ramp {ramp:g}"
    before = [part for part in session.state.timeline.split(", ") if part]
    _change(session, problem, f"{style} on the timeline", timeline=", ".join([*before, passage]))


def _change(session: Session, problem: Problem, what: str, timeline: str) -> None:
    with problem.told():
        parse_timeline(timeline)
        session.change(what, lambda state: replace(state, timeline=timeline))


def lane(session: Session) -> list[dict[str, object]]:
    """The timeline's passages for the strip under the stage, in seconds of the song."""
    try:
        passages = parse_timeline(session.state.timeline)
    except InputError:
        return []
    names = sorted({passage.dial.style for passage in passages})
    rows = []
    for passage in passages:
        start_s, stop_s = (
            _second(session, str(moment)) if moment else None for moment in (passage.start, passage.stop)
        )
        rows.append({
            "from_s": start_s or 0.0,
            "to_s": session.end_s() if stop_s is None else stop_s,
            "label": passage.dial.style,
            "colour": COLOURS[names.index(passage.dial.style) % len(COLOURS)],
        })  # fmt: skip
    return rows


def _second(session: Session, moment: str) -> float:
    """A moment of the danced part, 12s or 8c, in seconds of the song."""
    begins_s = session.state.start_s
    value, unit = float(re.sub(r"[^0-9.]", "", moment)), moment[-1]
    if unit != "c":
        return begins_s + value
    beats_s = [beat_s for beat_s, _ in session.counts()]
    first = next((k for k, (beat_s, count) in enumerate(session.counts()) if count == 1 and beat_s >= begins_s), 0)
    return beats_s[min(first + round(value), len(beats_s) - 1)] if beats_s else begins_s
