"""Styles: the palette with their strengths, and where on the timeline each is danced."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nicegui import ui

from core_vimo.errors import InputError
from stylize.spans import EARLY_S
from stylize.studio.page.pieces import Problem, button, heading, number
from stylize.studio.page.session import Session
from stylize.studio.project import State
from stylize.style_library import is_trained, styles
from stylize.style_timeline import parse_style, parse_timeline

_NONE = (
    "No style is in your library yet: teach one, or drop a .vimostyle package, under Teach. Without one, the dancer "
    "dances as the model learned to."
)
_ON_THE_BEAT_S = 0.02
_STRONGEST = 1.5
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
    dial_problem = Problem()
    dials = [_Dial(session, name, dial_problem) for name in known]
    heading("Style over time", "Select counts on the timeline, then give them a style.")
    with ui.row().classes("tight"):
        style = ui.select(known, value=known[0], label="style").props("dense outlined").classes("broad")
        weight = number("weight", 1.0, 0, _STRONGEST, 0.05).tooltip("How strong: 0 is none of it, 1 what it usually is")

    def lay() -> None:
        with problem.told():
            dial = f"{style.value}:{float(weight.value or 0):g}"
            timeline = _with_passage(session, dial, float(ramp.value or 0))
            session.change(f"{style.value} on the timeline", lambda state: replace(state, timeline=timeline))

    def clear() -> None:
        with problem.told():
            session.change("clear the timeline", lambda state: replace(state, timeline=""))

    with ui.row().classes("tight"):
        ramp = number("ramp in counts", 2, 0, 32).tooltip("Over how many counts one style becomes the next")
        ramp.classes("broad", remove="number")
        laying = button("lay it there", lay)
    clearing = button("clear the timeline", clear)
    written = ui.label().classes("fact")
    problem = Problem()

    def show() -> None:
        for dial in dials:
            dial.show()
        laying.set_enabled(session.span is not None and session.listened() is not None)
        clearing.set_enabled(bool(session.state.timeline))
        written.set_text(_in_words(session))

    return show


class _Dial:
    """One style: chosen or not, and how strong."""

    def __init__(self, session: Session, name: str, problem: Problem) -> None:
        self._session, self._name, self._problem = session, name, problem
        with ui.row().classes("dial"):
            self._on = ui.checkbox(name).on("update:model-value", self._set, throttle=0.2)
            self._strength = ui.slider(min=0, max=_STRONGEST, step=0.05, value=1.0).on("change", self._set)
            self._strength.props(f"aria-label='how strong {name} is'")
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


def _with_passage(session: Session, dial: str, ramp: float) -> str:
    """The timeline with one passage more where something is selected. Raises InputError."""
    if session.span is None:
        raise InputError("nothing is selected; drag over the counts on the timeline that are to be danced so")
    start_s, stop_s = (min(max(second, session.state.start_s), session.end_s()) for second in session.span)
    if stop_s <= start_s:
        raise InputError("what is selected lies outside the danced part; select counts in it")
    for row in lane(session):
        if start_s < row["to_s"] - _ON_THE_BEAT_S and row["from_s"] < stop_s - _ON_THE_BEAT_S:
            raise InputError(f"{row['label']} is danced there already; clear the timeline, or select other counts")
    to_the_end = session.end_s() - stop_s < _ON_THE_BEAT_S
    stop = "end" if to_the_end else _moment(session, stop_s)
    passage = f"{_moment(session, start_s)}-{stop} {dial} ramp {ramp:g}"
    timeline = ", ".join([*filter(None, session.state.timeline.split(", ")), passage])
    parse_timeline(timeline)
    return timeline


def _moment(session: Session, second: float) -> str:
    """A second of the song as a timeline says it: 8c, or where no count is, 4.02s of the danced part."""
    beats_s, first = _beats_from_one(session)
    for count, beat_s in enumerate(beats_s[first:] if first is not None else []):
        if abs(beat_s - second) < _ON_THE_BEAT_S:
            return f"{count}c"
    return f"{max(0.0, second - session.state.start_s):.2f}s"


def _in_words(session: Session) -> str:
    """The timeline as a choreographer says it: eight 2, count 5 to eight 3, count 1: jackson 0.8, ramp 2."""
    said = []
    for passage, row in zip(parse_timeline(session.state.timeline), lane(session), strict=True):
        strength = "" if passage.dial.strength is None else f" {passage.dial.strength:g}"
        ramp = "" if passage.ramp is None else f", ramp {passage.ramp.value:g}"
        start, stop = (session.where(row[name]) for name in ("from_s", "to_s"))
        said.append(f"{start} to {stop}: {row['label']}{strength}{ramp}")
    return "; ".join(said)


def lane(session: Session) -> list[dict[str, Any]]:
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
    beats_s, first = _beats_from_one(session)
    return beats_s[min((first or 0) + round(value), len(beats_s) - 1)] if beats_s else begins_s


def _beats_from_one(session: Session) -> tuple[list[float], int | None]:
    """The song's beats, and which of them is the first count 1 of the danced part: 0c."""
    pairs = session.counts()
    begins_s = session.state.start_s - EARLY_S
    first = next((k for k, (beat_s, count) in enumerate(pairs) if count == 1 and beat_s > begins_s), None)
    return [beat_s for beat_s, _ in pairs], first
