"""Edits on the take on the stage: what is selected is made anew, and nothing outside it changes."""

import secrets
from collections.abc import Callable

from nicegui import ui

from stylize.studio.page.pieces import Chips, Problem, button, heading, number
from stylize.studio.page.session import Session
from stylize.studio.page.stage import Stage
from stylize.studio.storage import Media
from stylize.studio.tasks import Complete

_PARTS = {"legs": "legs", "arms": "arms", "torso": "torso", "head": "head", "path and turn": "root"}
"""What can be kept, and its name among `completion.masks.PARTS`: legs stay where they are only with path and turn."""
_SEEDS = 1_000_000
_LAST_FRAME_S = 0.04
"""Whoever leaves a take leaves it before its last frame."""


def edit_panel(session: Session, stage: Stage) -> None:
    heading("Edit")
    about = ui.label().classes("fact")
    problem = Problem()
    _Editor(session, stage, problem).build()

    def show() -> None:
        take, span = session.shown, session.span
        if take is None:
            about.set_text(session.to_begin())
        elif span is None:
            about.set_text("Drag over the timeline to select counts, or double-click an eight.")
        else:
            about.set_text(
                f"Selected: {session.where(span[0])} to {session.where(span[1])} ({span[1] - span[0]:.1f} s)"
            )

    session.shows(show)


class _Editor:
    def __init__(self, session: Session, stage: Stage, problem: Problem) -> None:
        self._session, self._stage, self._problem = session, stage, problem
        self._selected: list[ui.button] = []
        self._whole: list[ui.button] = []
        self._keyframes_s: list[float] = []
        self._others: dict[str, str] = {}
        self._known: set[str] = {media.id for media in session.media("motion")}

    def build(self) -> None:
        heading("Make it anew", "What is lit stays as it is; the rest of the body is danced anew in the selection.")
        self._keep = Chips(list(_PARTS), set())
        with ui.row().classes("tight"):
            self._takes = number("takes", 2, 1, 8)
            self._button("Make anew", self._regenerate, kind="main", icon="refresh")
        self._button("new arms, same legs", lambda: self._keep.choose({"legs", "torso", "path and turn"}))
        heading(
            "From pose to pose", "The poses at the selection's ends stay, and those you pin; between them it is new."
        )
        with ui.row().classes("tight"):
            self._button("fill", self._in_fill, tip="Fill the selection between the poses at its ends")
            self._button("pin this pose", self._pin, selected=False, tip="The pose under the white line is a keyframe")
            self._unpin = button("", self._forget_pins, icon="close", kind="quiet", tip="Pin no pose")
        self._pinned = ui.label().classes("fact")
        heading("Another clip", "A take, a motion, a video; a part of one is cut out under Video.")
        self._other = ui.select({}, label="clip").props("dense outlined options-dense").classes("wide")
        with ui.row().classes("tight"):
            self._button("lay in", self._lay_in, tip="Its movement in the middle of the selection, led there and back")
            self._button(
                "blend", self._blend, selected=False, tip="Leave this take at the selection's start, or at its end"
            )
            self._button(
                "in-between", self._in_between, selected=False, tip="What leads there; both stay where they stand"
            )
        self._poses = ui.checkbox("in-between from pose to pose alone", value=False)
        heading("Go on")
        with ui.row().classes("tight"):
            self._counts = number("counts", 8, 1, 64).tooltip("As long as this, also for blend and in-between")
            self._button("go on", lambda: self._longer("continue"), selected=False, tip="Dance on after the end")
            self._button("loop", lambda: self._longer("loop"), selected=False, tip="Lead from the end to the start")
        heading("Feet")
        self._button(
            "foot lock", self._foot_lock, selected=False, tip="Standing feet stay, in the selection or all through"
        )
        self._session.shows(self._show)

    def _button(
        self, words: str, do: Callable[..., object], *, selected: bool = True, kind: str = "plain",
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
        self._pinned.set_text("Pinned: " + "; ".join(map(session.where, self._keyframes_s)))
        for shown in (self._pinned, self._unpin):
            shown.set_visibility(bool(self._keyframes_s))
        self._show_others()

    def _show_others(self) -> None:
        """What was cut out as keyframes just now is chosen."""
        session = self._session
        motions = session.media("motion")
        others = {take.id: take.label for take in session.state.takes if take.id != session.state.shown}
        others |= {media.id: media.label for media in (*motions, *session.media("video"))}
        new = [media.id for media in motions if media.id not in self._known and _is_keyframes(media)]
        self._known |= {media.id for media in motions}
        chosen = new[-1] if new else self._other.value
        if others != self._others or new:
            self._others = others
            self._other.set_options(others, value=chosen if chosen in others else next(iter(others), None))

    def _regenerate(self) -> None:
        kept = [word for word in _PARTS if word in self._keep.chosen]
        words = f"new, {', '.join(kept)} kept" if kept else "new"
        keep = tuple(_PARTS[word] for word in kept)
        self._submit("regenerate", f"{self._place()} {words}", span=self._span(), keep=keep, takes=self._number())

    async def _pin(self) -> None:
        second = await self._stage.time()
        self._keyframes_s = sorted({*self._keyframes_s, round(second, 3)})
        self._show()

    def _forget_pins(self) -> None:
        self._keyframes_s = []
        self._show()

    def _in_fill(self) -> None:
        take, span = self._session.shown, self._session.span
        if take is None or span is None:
            return
        begins_s = take.start_s or 0.0
        pinned = tuple(f"{second - begins_s:.3f}s" for second in self._keyframes_s if span[0] <= second < span[1])
        words = f"{self._place()} filled" + (f" through {len(pinned)} pose{'s' * (len(pinned) > 1)}" if pinned else "")
        self._submit("in-fill", words, gaps=(self._span(),), keyframes=pinned, takes=self._number())

    def _lay_in(self) -> None:
        if other := self._chosen():
            words = f"{self._others[other]} at {self._place()}"
            self._submit("lay in", words, other, span=self._span(), takes=self._number())

    def _longer(self, edit: str) -> None:
        counts = round(self._counts.value or 8)
        words = f"{counts} counts on" if edit == "continue" else f"loop in {counts} counts"
        self._submit(edit, words, length=self._length())

    def _blend(self) -> None:
        if other := self._chosen():
            words = f"into {self._others[other]}"
            self._submit("blend", words, other, length=self._length(), leave=self._leave())

    def _in_between(self) -> None:
        if other := self._chosen():
            settings = {"length": self._length(), "leave": self._leave(), "poses": bool(self._poses.value)}
            words = f"leads to {self._others[other]}"
            self._submit("in-between", words, other, takes=self._number(), **settings)

    def _foot_lock(self) -> None:
        self._submit("foot lock", "foot lock", span=self._span() if self._session.span else "")

    def _submit(self, edit: str, words: str, *others: str, **settings: object) -> None:
        take = self._session.shown
        with self._problem.told():
            if take is not None:
                task = Complete(edit, (take.id, *others), seed=secrets.randbelow(_SEEDS), **settings)  # type: ignore[arg-type]
                self._session.submit(task, words)

    def _chosen(self) -> str:
        """The other clip; without one, what to do is said."""
        if not self._other.value:
            self._problem.tell("there is no other clip; make another take, or bring a video or a motion under Video")
        return str(self._other.value or "")

    def _number(self) -> int:
        return round(self._takes.value or 1)

    def _length(self) -> str:
        """In counts where the take has any; else half a second each."""
        take, counts = self._session.shown, round(self._counts.value or 8)
        counted = take is not None and take.start_s is not None and self._session.counts()
        return f"{counts}c" if counted else f"{counts / 2:g}s"

    def _leave(self) -> str:
        """Where the take is left: where the selection begins, else at its end."""
        take, span = self._session.shown, self._session.span
        if take is None or span is None:
            return ""
        return f"{min(max(span[0] - (take.start_s or 0.0), 0), take.seconds - _LAST_FRAME_S):.3f}s"

    def _span(self) -> str:
        take, span = self._session.shown, self._session.span
        return self._session.in_take(span, take) if take and span else ""

    def _place(self) -> str:
        return self._session.where(self._session.span[0]) if self._session.span else ""


def _is_keyframes(media: Media) -> bool:
    return media.facts.get("use") == "keyframes"
