"""Teaching a style: clips in, windows looked at and overruled, training, and hearing what was learned."""

from nicegui import ui

from core_vimo.errors import InputError
from stylize.studio.page.pieces import Drop, Problem, button, heading, number
from stylize.studio.page.session import Session
from stylize.studio.page.windows import Windows
from stylize.studio.tasks import StyleAdd, StyleInstall, StyleTrain
from stylize.style_library import clips_of, folder_of, is_name, is_trained, styles


def teach_panel(session: Session) -> None:
    heading("Teach a style", "A handful of short clips of one style: videos, or motion files.")
    name = ui.input("name of the style", placeholder="jackson").props("dense outlined").classes("wide")
    Drop(session, "video", "Drop video clips", "video/*", many=True)
    Drop(session, "motion", "Drop motion clips", ".bvh,.npz,.glb,.pkl", many=True)
    clips = ui.column().classes("part")
    chosen: dict[str, ui.checkbox] = {}
    problem = Problem()

    def show() -> None:
        brought = session.media("video") + session.media("motion")
        with clips:
            for media in brought:
                if media.id not in chosen:
                    chosen[media.id] = ui.checkbox(media.label, value=True)

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

    def install(id: str) -> None:
        with problem.told():
            session.submit(StyleInstall(id), f"take in {session.content.medium(id).label}")

    button("1. Look at the clips", add, kind="main")
    steps = number("training steps (0: as usual)", 0, 0, 100_000)
    button("2. Train", train)
    heading("A style from elsewhere")
    Drop(session, "style", "Drop a .vimostyle package", ".vimostyle", lambda id: install(id))
    listed = ui.column().classes("part")
    known: dict[str, bool] = {}

    def show_library() -> None:
        now = {name: is_trained(folder) for name, folder in styles().items()}
        if now == known:
            return
        known.clear()
        known.update(now)
        listed.clear()
        with listed:
            heading("In your library" if known else "")
            for style_name, trained in known.items():
                _card(style_name, trained)

    session.shows(show)
    session.shows(show_library)


def _card(name: str, trained: bool) -> None:
    has_clips = clips_of(folder_of(name)).is_dir()
    with ui.row().classes("tight"):
        ui.label(f"{name} · {'trained' if trained else 'not trained yet'}").classes("fact")
        if has_clips:
            button("its windows", lambda: Windows(name), tip="Every window with its verdict; overrule it there")
