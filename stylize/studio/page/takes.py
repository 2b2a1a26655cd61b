"""The takes of a project, best first, two of them side by side if wanted; and the jobs that make more."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nicegui import ui

from stylize.studio.jobs import Job
from stylize.studio.page.pieces import Problem, button, heading, length_words, light
from stylize.studio.page.session import Session
from stylize.studio.project import State, Take

_RUNNING = ("waiting", "running")
_ENDED = {"failed": "", "stopped": "", "cancelled": "cancelled"}
_ORDER = ("running", "failed", "stopped", "cancelled", "waiting")
_JOBS_SHOWN = 4
_SURE_AFTER_S = 5.0
"""Before that nobody knows how fast it goes."""


def takes_column(session: Session) -> None:
    heading("Takes")
    problem = Problem()
    with ui.column().classes("jobs"):
        _Jobs(session)
    listed = ui.column().classes("takes")
    drawn: list[Any] = []

    def show() -> None:
        """Drawn anew only when takes, or what is said of them, changed."""
        state = session.state
        now = [state.takes, state.shown, state.beside, state.pinned]
        if now == drawn:
            return
        drawn[:] = now
        listed.clear()
        with listed:
            if not state.takes:
                ui.label("Takes appear here. Click one to watch it.").classes("hint")
            for take in _newest_first(state.takes):
                _card(session, take, problem)

    session.shows(show)


def _newest_first(takes: tuple[Take, ...]) -> list[Take]:
    """The last job's takes on top, and of each job the best first, as they came."""
    folders = list(dict.fromkeys(take.folder for take in takes))
    return sorted(takes, key=lambda take: -folders.index(take.folder))


def show_take(session: Session, take: str) -> None:
    beside = None if session.state.beside == take else session.state.beside
    session.watch(lambda state: replace(state, shown=take, beside=beside))


def compare(session: Session, take: str) -> None:
    """Beside the one on the stage; once more takes it away."""
    beside = None if session.state.beside == take else take
    session.watch(lambda state: replace(state, beside=beside))


def pin(session: Session, take: str) -> None:
    pinned = None if session.state.pinned == take else take
    session.watch(lambda state: replace(state, pinned=pinned))


def _card(session: Session, take: Take, problem: Problem) -> None:
    state = session.state
    role = "shown" if take.id == state.shown else "beside" if take.id == state.beside else ""

    def do(how: Callable[[Session, str], None]) -> Callable[[], None]:
        def act() -> None:
            with problem.told():
                how(session, take.id)

        return act

    pinned = take.id == state.pinned
    with ui.element("div").classes(f"take {role} {'pinned' if pinned else ''}"):
        with ui.element("button").classes("take-name").props("type=button").on("click", do(show_take)):
            ui.label(take.label)
            with ui.row().classes("tight"):
                if session.is_new(take):
                    ui.label("new").classes("new").tooltip("Made while you looked at another take")
                ui.label(facts(take)).classes("hint")
            for said in take.said:
                ui.label(said).classes("hint")
        with ui.row().classes("tight"):
            if take.id != state.shown:
                button("", do(compare), icon="compare", kind="quiet", tip="Beside the take on the stage (B)")
            light(button("", do(pin), icon="push_pin", kind="quiet", tip="Pin: this is the one (P)"), pinned)
            button("", do(_remove), icon="close", kind="quiet", tip="Remove from the list; undo brings it back")


def _remove(session: Session, take: str) -> None:
    session.change("remove a take", lambda state: _without(state, take))


def _without(state: State, take: str) -> State:
    rest = state.without(take)
    return rest if rest.shown or not rest.takes else replace(rest, shown=rest.takes[-1].id, beside=None)


def facts(take: Take) -> str:
    """What a choreographer asks first of a take's numbers."""
    numbers, words = take.numbers, [length_words(take.seconds)]
    if (on_beat := numbers.get("beat_f1")) is not None:
        words.append(f"on the beat {on_beat:.0%}")
    if (error_px := numbers.get("reprojection_percent")) is not None:
        words.append(f"off the video {error_px:.0f} %")
    if (sliding := numbers.get("foot_skate_ratio")) is not None:
        words.append(f"feet slide {sliding:.0%}")
    if (travel_m := numbers.get("travel_m")) is not None:
        words.append(f"travels {travel_m:.1f} m")
    return " · ".join(words)


class _Jobs:
    """What runs, what waits, and what failed, with its sentence."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows: dict[str, _Row] = {}
        # What ended before this page was opened was seen, but not what ended with the studio.
        self._dismissed = {job.id for job in session.jobs if job.status not in (*_RUNNING, "stopped")}
        self._place = ui.column().classes("jobs")
        self._more = ui.label().classes("hint")
        session.shows_jobs(self._show)

    def _show(self) -> None:
        known = [job for job in self._session.jobs if job.id not in self._dismissed and job.status != "done"]
        wanted = sorted(known, key=lambda job: (_ORDER.index(job.status), job.created))[:_JOBS_SHOWN]
        for id in set(self._rows) - {job.id for job in wanted}:
            self._rows.pop(id).remove()
        for job in wanted:
            if job.id not in self._rows:
                with self._place:
                    self._rows[job.id] = _Row(job, self._end)
            self._rows[job.id].show(job)
        for place, job in enumerate(wanted):
            self._rows[job.id].stand(place)
        hidden = len(known) - len(wanted)
        self._more.set_text(f"and {hidden} more")
        self._more.set_visibility(hidden > 0)

    def _end(self, id: str) -> None:
        """Cancel what isn't over; take what is from the list."""
        queue = self._session.studio.queue
        if queue.job(id).over:
            self._dismissed.add(id)
            queue.dismiss(id)
            self._show()
        else:
            queue.cancel(id)
            self._session.look()


class _Row:
    def __init__(self, job: Job, end: Callable[[str], None]) -> None:
        with ui.element("div").classes("job") as self._card:
            with ui.row().classes("job-head"):
                self._what = ui.label(job.what)
                button("", lambda: end(job.id), icon="close", kind="quiet", tip="Cancel")
            self._bar = ui.linear_progress(0, show_value=False).props("instant-feedback rounded size=6px")
            self._now = ui.label().classes("hint")
            self._problem = Problem()
        self._began: tuple[str, int, float] = ("", 0, 0.0)

    def show(self, job: Job) -> None:
        self._bar.set_visibility(job.status in _RUNNING)
        self._bar.set_value(job.done / job.total if job.total else 0)
        now = _now(job) + (f" · {left}" if (left := self._left(job)) else "")
        self._now.set_text(now)
        self._now.set_visibility(bool(now))
        self._problem.tell(job.error if job.status in ("failed", "stopped") else "")

    def _left(self, job: Job) -> str:
        """How long the part that runs will take still, by how fast it went since this page saw it begin."""
        if self._began[0] != job.doing:
            self._began = (job.doing, job.done, time.monotonic())
        _, before, began = self._began
        passed_s, made = time.monotonic() - began, job.done - before
        if job.status != "running" or passed_s < _SURE_AFTER_S or made <= 0:
            return ""
        left_s = passed_s * (job.total - job.done) / made
        return f"about {length_words(left_s)} left" if left_s >= 1 else ""

    def stand(self, place: int) -> None:
        slot = self._card.parent_slot
        if slot is not None and slot.children.index(self._card) != place:
            self._card.move(target_index=place)

    def remove(self) -> None:
        self._card.delete()


def _now(job: Job) -> str:
    if job.status == "waiting":
        return "next" if job.place <= 1 else f"waits, {job.place - 1} before it"
    if job.status == "running":
        return f"{job.doing or 'Starting'} {job.done}/{job.total}" if job.total else "Starting"
    return _ENDED.get(job.status, "")
