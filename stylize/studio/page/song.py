"""The song: dropped, listened to, its counts corrected by ear, and how much of it is danced."""

import math
from dataclasses import replace
from functools import partial
from typing import Any

from nicegui import ui

from core_vimo.errors import InputError
from stylize.studio.counting import first_count_at, tapped
from stylize.studio.page.pieces import Drop, Problem, button, heading, length_words, light
from stylize.studio.page.session import Session, Span
from stylize.studio.page.stage import Stage
from stylize.studio.project import State, Tempo
from stylize.studio.tasks import Listen

_STEADY = 0.3  # confidence from which on the music has a steady pulse
_TAPS_KEPT = 12
_PAUSE_S = 2.5
"""Who pauses this long begins to tap anew."""


def song_panel(session: Session, stage: Stage) -> None:
    heading("Song")
    named = ui.label().classes("fact")
    problem = Problem()

    def received(id: str) -> None:
        with problem.told():
            label = session.content.medium(id).label
            session.change(f"song {label}", lambda state: _with_song(state, id))
            listen()

    def listen() -> None:
        with problem.told():
            if session.song is not None:
                session.submit(Listen(session.song.id), f"listen to {session.song.label}")

    Drop(session, "song", "Drop a song here, or click to choose one", "audio/*,video/mp4,.flac,.ogg,.opus", received)
    again = button("Listen to it again", listen, kind="main", icon="hearing")
    with ui.column().classes("part") as counts:
        _Counts(session, stage)
    with ui.column().classes("part") as excerpt:
        _Excerpt(session)

    def show() -> None:
        song = session.song
        length = length_words(song.facts.get("seconds", 0)) if song else ""
        named.set_text(f"{song.label} · {length}" if song else "Any sound file: MP3, M4A, WAV, FLAC, OGG.")
        for part in (counts, excerpt):
            part.set_visibility(session.listened() is not None)
        show_again()

    def show_again() -> None:
        """Where listening was cancelled, or failed."""
        again.set_visibility(session.song is not None and session.listened() is None and not session.listening())

    session.shows(show)
    session.shows_jobs(show_again)


def _with_song(state: State, id: str) -> State:
    """Counts and excerpt were those of the song before."""
    return replace(state, song=id, start_s=0.0, seconds=None, tempo="as heard", first_count=0)


class _Counts:
    """Tempo and where count 1 lies: by halves and doubles, by tapping, by moving it."""

    def __init__(self, session: Session, stage: Stage) -> None:
        self._session, self._stage, self._taps_s = session, stage, list[float]()
        heading("Counts", "Play the song: does the 1 fall where you would count it?")
        self._heard = ui.label().classes("fact")
        with ui.row().classes("tight"):
            tips: dict[Tempo, str] = {"half": "Every other beat", "as heard": "", "double": "Twice as fast"}
            self._tempi = {tempo: button(tempo, partial(self._tempo, tempo), tip=tip) for tempo, tip in tips.items()}
        with ui.row().classes("tight"):
            button("", lambda: self._nudge(-1), icon="chevron_left", kind="quiet", tip="Count 1 a beat earlier")
            button("1 is here", self._here, kind="plain", tip="The beat under the white line becomes count 1")
            button("", lambda: self._nudge(1), icon="chevron_right", kind="quiet", tip="Count 1 a beat later")
            tap = button("tap", lambda: None, tip="Tap along with the beat, four times or more")
            for press in ("pointerdown", "keydown.enter", "keydown.space"):
                tap.on(press, self._tap, args=["timeStamp", "repeat"])
        self._problem = Problem()
        session.shows(self._show)

    def _show(self) -> None:
        heard = self._session.listened()
        if heard is None:
            return
        grid = heard[self._session.state.tempo]
        for tempo, shown in self._tempi.items():
            light(shown, tempo == self._session.state.tempo)
        if not grid["beats_s"]:
            self._heard.set_text("No beats were heard; the dance goes by the sound alone.")
            return
        sure = "" if grid["confidence"] >= _STEADY else " · not sure: tap along"
        self._heard.set_text(f"{grid['tempo_bpm']:.0f} beats a minute, {grid['beats_per_bar']} in a bar{sure}")

    def _tempo(self, tempo: Tempo) -> None:
        with self._problem.told():
            self._session.change(f"tempo {tempo}", lambda state: replace(state, tempo=tempo, first_count=0))

    def _tap(self, event: Any) -> None:
        """Tempi are told apart by ear alone: whichever of the three is nearest to the taps."""
        if event.args.get("repeat"):  # a key that is held
            return
        second = float(event.args["timeStamp"]) / 1000
        if self._taps_s and not 0 < second - self._taps_s[-1] < _PAUSE_S:
            self._taps_s = []
        self._taps_s = [*self._taps_s, second][-_TAPS_KEPT:]
        heard = self._session.listened()
        if heard is not None and len(self._taps_s) >= 4:
            with self._problem.told():
                self._tempo(tapped(heard, self._taps_s))
        else:
            self._problem.tell(f"{4 - len(self._taps_s)} more …")

    def _nudge(self, beats: int) -> None:
        with self._problem.told():
            self._session.change("count 1", lambda state: replace(state, first_count=state.first_count + beats))

    async def _here(self) -> None:
        heard, second = self._session.listened(), await self._stage.time()
        with self._problem.told():
            if self._session.shown is not None and self._session.shown.start_s is None:
                raise InputError("what is on the stage has no song; choose a take that was danced to it")
            if heard is not None:
                shift = first_count_at(heard, self._session.state.tempo, second)
                self._session.change("count 1", lambda state: replace(state, first_count=shift))


def part_of(span: Span) -> Span:
    """Where a selection starts and how long it lasts, in whole milliseconds: never after the beat it starts on, or the
    dance would lack its first count 1."""
    start_s = math.floor(span[0] * 1000) / 1000
    return start_s, round(span[1] - start_s, 3)


class _Excerpt:
    """The part of the song that is danced."""

    def __init__(self, session: Session) -> None:
        self._session = session
        heading("Danced part")
        self._now = ui.label().classes("fact")
        with ui.row().classes("tight"):
            self._chosen = button("what is selected", self._take_selection)
            button("whole song", lambda: self._set(0.0, None))
        self._problem = Problem()
        session.shows(self._show)

    def _show(self) -> None:
        state = self._session.state
        words = "From {} to {}".format(*map(length_words, (state.start_s, state.start_s + (state.seconds or 0))))
        whole = "The whole song. Drag over the timeline to choose a part."
        self._now.set_text(whole if state.seconds is None else words)
        self._chosen.set_enabled(self._session.span is not None)

    def _take_selection(self) -> None:
        if self._session.span:
            self._set(*part_of(self._session.span))

    def _set(self, start_s: float, seconds: float | None) -> None:
        def edit(state: State) -> State:
            return replace(state, start_s=start_s, seconds=seconds)

        with self._problem.told():
            self._session.change("danced part", edit)
