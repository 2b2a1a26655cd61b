"""Exports of the take on the stage: one file each, made by a job and handed over when it is done."""

from nicegui import ui

from stylize.blender import find_blender
from stylize.studio.page.pieces import Problem, button, heading
from stylize.studio.page.session import Session
from stylize.studio.tasks import Export

_FORMATS = {
    "mp4": ("Film", "MP4 with the song and the counts"),
    "html": ("Page", "one HTML file that plays anywhere, with the song in it"),
    "glb": ("GLB", "for browsers, Blender, game engines"),
    "bvh": ("BVH", "for MotionBuilder, Maya, Blender"),
    "npz": ("NPZ", "for Blender's SMPL add-on"),
    "counts.csv": ("Count sheet", "what happens on every count, as a table"),
}
_BY_BLENDER = {"fbx": ("FBX", "by your own Blender"), "usd": ("USD", "by your own Blender")}
_GET_BLENDER = (
    "FBX and USD are made by your own Blender, which wasn't found here: install it from blender.org, or name its "
    "program with VIMO_BLENDER, and open the studio again."
)


def export_panel(session: Session) -> None:
    heading("Export")
    about = ui.label().classes("fact")
    problem = Problem()
    done = ui.column().classes("part")
    counts = ui.checkbox("counts in the film", value=True)
    follow = ui.checkbox("the film's camera follows", value=False)
    asked: set[str] = set()

    def ask(format: str) -> None:
        take = session.shown
        with problem.told():
            if take is not None:
                task = Export(take.id, format, follow=bool(follow.value), counts=bool(counts.value))  # type: ignore[arg-type]
                asked.add(session.submit(task, f"{take.label} as {format}").id)

    formats = _FORMATS | (_BY_BLENDER if find_blender() else {})
    rows = {}
    for format, (name, words) in formats.items():
        with ui.row().classes("export"):
            rows[format] = button(name, lambda format=format: ask(format))
            ui.label(words).classes("hint")
    if not find_blender():
        ui.label(_GET_BLENDER).classes("hint")

    def hand_over() -> None:
        """Each once, when its job is done; a link stays for who missed it."""
        for job in session.jobs:
            if job.id not in asked or not job.over:
                continue
            asked.discard(job.id)
            problem.tell(job.error if job.status != "cancelled" else "")
            if job.status == "done":
                url = f"/files/{session.project.id}/exports/{job.id}"
                ui.download.from_url(url)
                with done:
                    ui.link(f"{job.what} is done: save it again", url).props("download")

    def show() -> None:
        take = session.shown
        about.set_text(take.label if take else session.to_begin())
        for format, row in rows.items():
            row.set_enabled(take is not None and (format != "counts.csv" or take.start_s is not None))

    session.shows(show)
    session.shows_jobs(hand_over)
