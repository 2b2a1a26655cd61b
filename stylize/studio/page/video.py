"""Videos: brought, seen, turned into motion; and motion files that come as they are."""

from collections.abc import Callable
from functools import partial

from nicegui import ui

from stylize.studio.page.pieces import Drop, Problem, button, heading, length_words, number
from stylize.studio.page.session import Session
from stylize.studio.storage import Media
from stylize.studio.tasks import Motion


def video_panel(session: Session) -> None:
    heading("Video", "One person, the whole body, from a camera that may move. Their movement becomes takes in 3D.")
    Drop(session, "video", "Drop a video here, or click to choose one", "video/*")
    problem = Problem()
    with ui.row().classes("tight"):
        takes = number("takes", 2, 1, 8)
        person = number("person", 1, 1, 9).tooltip("Of several people: 1 is whoever is seen most, 2 the next")
    listed = ui.column().classes("part")
    heading("Motion files", "BVH of any person's rig, or NPZ and GLB: to blend into.")
    Drop(session, "motion", "Drop motions here", ".bvh,.npz,.glb,.pkl", many=True)
    drawn: list[str] = []
    players: dict[str, ui.element] = {}

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

    def show_in_step() -> None:
        """The video that the take on the stage is of runs with it."""
        of = _filmed(session)
        for id, player in players.items():
            player.props(add="data-in-step" if id == of else None, remove=None if id == of else "data-in-step")

    session.shows(show)
    session.shows(show_in_step)
    _seen(session)


def _seen(session: Session) -> None:
    """What was seen in the video of the take on the stage: its keypoints over it."""
    with ui.column().classes("part") as part:
        heading("What was seen")
        picture = ui.element("img").classes("seen").props("alt='Keypoints over the video'")

    def show() -> None:
        take = session.shown
        filmed = take is not None and "reprojection_px" in take.numbers
        part.set_visibility(filmed)
        if take is not None and filmed:
            picture.props(f'src="/files/{session.project.id}/poses/{take.id}"')

    session.shows(show)


def _filmed(session: Session) -> str | None:
    """The video of the take on the stage."""
    videos = {job.id: str(job.settings["media"]) for job in session.jobs if job.kind == "motion"}
    return videos.get(session.shown.folder) if session.shown else None


def _card(session: Session, video: Media, move: Callable[[], None]) -> ui.element:
    """What plays it."""
    with ui.element("div").classes("take"):
        ui.label(video.label)
        ui.label(length_words(video.facts.get("seconds", 0))).classes("hint")
        player = ui.element("video")
        player.props(f'src="/files/{session.project.id}/media/{video.id}" controls muted preload="metadata"')
        button("Make its motion", move, kind="main")
    return player
