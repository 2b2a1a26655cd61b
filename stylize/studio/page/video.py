"""Videos: brought, seen, turned into motion; and motion files that come as they are."""

from collections.abc import Callable
from functools import partial
from typing import Literal

from nicegui import ui

from stylize.studio.page.pieces import Drop, Problem, button, heading, length_words, number
from stylize.studio.page.session import Session
from stylize.studio.storage import Media
from stylize.studio.tasks import Cut, Motion


def video_panel(session: Session) -> None:
    heading("Video", "One person, the whole body, from a camera that may move. Their movement becomes takes in 3D.")
    Drop(session, "video", "Drop a video here, or click to choose one", "video/*")
    problem = Problem()
    with ui.row().classes("tight"):
        takes = number("takes", 2, 1, 8)
        person = number("person", 1, 1, 9).tooltip("Of several people: 1 is whoever is seen most, 2 the next")
    listed = ui.column().classes("part")
    _part_of_it(session)
    heading("Motion files", "BVH of any person's rig, or NPZ and GLB: for Edit and Teach.")
    Drop(session, "motion", "Drop motions here", ".bvh,.npz,.glb,.pkl", many=True)
    drawn: list[str] = []
    players: dict[str, _Player] = {}

    def move(video: Media) -> None:
        with problem.told():
            chosen = round(person.value or 1)
            task = Motion(video.id, person=chosen, takes=round(takes.value or 1))
            session.submit(task, f"motion of {video.label}")

    def show() -> None:
        videos = session.media("video")
        if [video.id for video in videos] == drawn:
            return
        drawn[:] = [video.id for video in videos]
        listed.clear()
        with listed:
            players.clear()
            for video in videos:
                players[video.id] = _card(session, video, partial(move, video))

    def show_seen() -> None:
        """Over the video that the take on the stage is of; it runs with it."""
        take = session.shown
        for id, player in players.items():
            player.see(take.id if take is not None and take.filmed == id else None)

    session.shows(show)
    session.shows(show_seen)


def _part_of_it(session: Session) -> None:
    """What is selected of the take on the stage, cut out for Edit or for Teach."""
    heading("A part of the movement", "To lay into a dance; or, of five seconds or more, to teach a style with.")
    about = ui.label().classes("fact")
    problem = Problem()

    def cut(use: Literal["keyframes", "style"], panel: str) -> None:
        with problem.told():
            if session.shown is not None and session.span is not None:
                task = Cut(session.shown.id, session.in_take(session.span, session.shown), use)
                session.submit(task, f"a part of {session.shown.label}")
                session.open(panel)

    with ui.row().classes("tight"):
        uses = [
            button("as keyframes", lambda: cut("keyframes", "Edit"), tip="A clip to lay in, blend or lead to in Edit"),
            button("as style", lambda: cut("style", "Teach"), tip="A clip of the style that is taught under Teach"),
        ]

    def show() -> None:
        take, span = session.shown, session.span
        for use in uses:
            use.set_enabled(take is not None and span is not None)
        if take is None:
            about.set_text(session.to_begin())
        elif span is None:
            about.set_text("Drag over the timeline to select a part of the take on the stage.")
        else:
            about.set_text(f"Selected: {span[1] - span[0]:.1f} s of {take.label}")

    session.shows(show)


class _Player(ui.element, component="filmed.js"):
    """A video, and over it the keypoints of a take that was made of it."""

    def __init__(self, session: Session, video: Media) -> None:
        super().__init__()
        self._files = f"/files/{session.project.id}"
        self._props["src"], self._props["seen"] = f"{self._files}/media/{video.id}", ""

    def see(self, take: str | None) -> None:
        seen = f"{self._files}/poses/{take}" if take else ""
        if seen != self._props["seen"]:
            self._props["seen"] = seen
            self.update()


def _card(session: Session, video: Media, move: Callable[[], None]) -> _Player:
    """What plays it."""
    with ui.element("div").classes("take"):
        ui.label(video.label)
        ui.label(length_words(video.facts.get("seconds", 0))).classes("hint")
        player = _Player(session, video)
        button("Make its motion", move, kind="main")
    return player
