"""Making takes: how many, of which seed, and for who wants to know, how they are sampled."""

import asyncio
import secrets

from nicegui import ui

from stylize.studio.page.pieces import Problem, button, heading, number
from stylize.studio.page.session import Session
from stylize.studio.page.styles import style_palette
from stylize.studio.tasks import Dance

_SEEDS = 1_000_000
_KIND = "dance"
_PRESSED_S = 1.0
"""A button that was pressed rests for so long, so that a double click asks once."""


def dance_panel(session: Session) -> None:
    style_palette(session)
    heading("Takes", "Each is another dance to the same music. The best by the numbers comes first.")
    with ui.row().classes("tight"):
        takes = number("how many", 4, 1, 12)
        go = button("Make takes", lambda: press(), kind="main", icon="auto_awesome")
    wait = ui.label().classes("fact")
    problem = Problem()
    with ui.expansion("More").classes("more").props("dense"):
        with ui.row().classes("tight"):
            seed = number("seed", secrets.randbelow(_SEEDS), 0, _SEEDS)
            button("", lambda: seed.set_value(secrets.randbelow(_SEEDS)), icon="casino", kind="quiet", tip="Another")
        steps = number("sampling steps", 15, 1, 200)
        guidance = number("how much the music is heeded", 2.0, 0.0, 6.0, 0.1)
        smoothing = number("smoothing in seconds", 0.033, 0.0, 1.0, 0.001)
        plant = ui.checkbox("standing feet stay where they stand", value=True)

    resting = False

    async def press() -> None:
        nonlocal resting
        resting = True
        go.disable()
        make()
        await asyncio.sleep(_PRESSED_S)
        resting = False
        show()

    def make() -> None:
        with problem.told():
            count = round(takes.value or 1)
            task = Dance(
                takes=count,
                seed=round(seed.value or 0),
                steps=round(steps.value or 15),
                guidance=float(guidance.value or 0),
                smoothing_s=float(smoothing.value or 0),
                plant=bool(plant.value),
            )
            session.submit(task, _name(session))
            seed.set_value(secrets.randbelow(_SEEDS))

    def show() -> None:
        ready = session.listened() is not None
        go.set_enabled(ready and not resting)
        wait.set_visibility(not ready)
        wait.set_text(_first(session))

    session.shows(show)
    session.shows_jobs(show)


def _first(session: Session) -> str:
    """What a dance waits for."""
    if session.song is None:
        return "Drop a song first, under Song."
    return "The song is being listened to." if session.listening() else "Let the song be listened to again, under Song."


def _name(session: Session) -> str:
    """Dances of a project are numbered, whatever became of their takes."""
    return f"Dance {1 + sum(job.kind == _KIND for job in session.jobs)}"
