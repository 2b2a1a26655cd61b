"""Teaching a style: clips in, windows looked at and overruled, training, and hearing what was learned."""

import secrets
from dataclasses import replace

from nicegui import ui

from core_vimo.errors import InputError
from stylize.studio.page.pieces import Drop, Problem, button, heading, number
from stylize.studio.page.session import Session
from stylize.studio.page.windows import Windows
from stylize.studio.tasks import Dance, StyleAdd, StyleInstall, StyleTrain
from stylize.style_library import clips_of, is_name, is_trained, styles


def teach_panel(session: Session) -> None:
    heading("Teach a style", "A handful of short clips of one style: videos, or motion files.")
    name = ui.input("name of the style", placeholder="jackson", autocomplete=list(styles()))
    name.props("dense outlined").classes("wide")
    Drop(session, "video", "Drop video clips", "video/*", many=True)
    Drop(session, "motion", "Drop motion clips", ".bvh,.npz,.glb,.pkl", many=True)
    clips = ui.column().classes("part")
    chosen: dict[str, ui.checkbox] = {}

    def show() -> None:
        brought = session.media("video") + session.media("motion")
        with clips:
            for media in brought:
                if media.id not in chosen:
                    chosen[media.id] = ui.checkbox(media.label, value=media.facts.get("use") != "keyframes")

    def style() -> str:
        wanted = str(name.value or "").strip()
        if not is_name(wanted):
            raise InputError(
                "a style's name is made of small letters, digits, - and _, such as jackson; type one above"
            )
        return wanted

    def add() -> None:
        with problem.told():
            media = tuple(id for id, box in chosen.items() if box.value)
            if not media:
                raise InputError("no clip is chosen; drop some first")
            session.submit(StyleAdd(style(), media), f"clips for {style()}")

    def train() -> None:
        with problem.told():
            session.submit(StyleTrain(style(), round(steps.value or 0)), f"train {style()}")

    button("1. Look at the clips", add, kind="main")
    with ui.row().classes("tight"):
        button("2. Train", train)
        steps = number("steps", 0, 0, 100_000).tooltip("How long; 0 is what suits most styles")
    problem = Problem()
    learned = ui.label().classes("fact")
    _packages(session)
    session.shows(show)
    _library(session, name)

    def tell_learned() -> None:
        learned.set_text(_learned(session))

    session.shows_jobs(tell_learned)


def _library(session: Session, name: ui.input) -> None:
    """The styles there are, a card each; `name` completes to them."""
    listed = ui.column().classes("part")
    known: dict[str, tuple[bool, bool]] = {}

    def show() -> None:
        found = {name: (is_trained(folder), clips_of(folder).is_dir()) for name, folder in styles().items()}
        if found == known:
            return
        known.clear()
        known.update(found)
        name.set_autocomplete(list(known))
        listed.clear()
        with listed:
            heading("In your library" if known else "")
            for style_name, (trained, has_clips) in known.items():
                _card(session, style_name, trained, has_clips)

    session.shows(show)


def _packages(session: Session) -> None:
    """Styles that others made: dropped here, or anywhere on the page, and what became of the last one."""
    heading("A style from elsewhere", "A .vimostyle package may be dropped anywhere on the page.")

    def install(id: str) -> None:
        with problem.told():
            session.submit(StyleInstall(id), f"take in {session.content.medium(id).label}")

    Drop(
        session, "style", "Drop a .vimostyle package", ".vimostyle", install, begun=lambda: session.open("Teach")
    )  # fmt: skip
    problem = Problem()
    taken_in = ui.label().classes("fact")
    seen = {job.id for job in session.jobs}

    def show() -> None:
        """The last one that this page asked for."""
        job = next((job for job in session.jobs if job.kind == "style install" and job.id not in seen), None)
        if job is None:
            return
        problem.tell(job.error if job.status in ("failed", "stopped") else "")
        done = f"{job.result['name']} is in your library: choose it under Dance." if job.status == "done" else ""
        taken_in.set_text(done)

    session.shows_jobs(show)


def _learned(session: Session) -> str:
    """What the last job about a style came to."""
    ended = next(
        (job for job in session.jobs if job.kind in ("style add", "style train") and job.status == "done"), None
    )
    if ended is None:
        return ""
    if ended.kind == "style train":
        return f"{ended.result['name']} is trained: try it below, or choose it under Dance."
    told = ended.result
    why = ", ".join(f"{count} for {reason}" for reason, count in told["rejected"].items())
    failed = "".join(f" {clip}: {sentence}." for clip, sentence in told["failed"].items())
    rejected = f"; rejected were {why}" if why else ""
    used = f"{told['kept']} are learned from and {told['held_out']} tested on, which overlap none of those"
    return f"{ended.settings['name']}: of {told['windows']} windows {used}{rejected}.{failed}"


def _card(session: Session, name: str, trained: bool, has_clips: bool) -> None:
    problem = Problem()

    def try_it() -> None:
        """What was learned, danced to the song that is open."""
        with problem.told():
            session.change(f"style {name}", lambda state: replace(state, styles=(name,)))
            session.submit(Dance(takes=2, seed=secrets.randbelow(1_000_000)), f"{name} on this song")

    with ui.element("div").classes("take"):
        ui.label(f"{name} · {'trained' if trained else 'not trained yet'}").classes("fact")
        with ui.row().classes("tight"):
            if has_clips:
                button("its windows", lambda: Windows(name), tip="Every window with its verdict; overrule it there")
            if trained:
                button("try it", try_it, tip="Two takes of the song in this style")
