"""The stage on the page: the player of `stylize/studio/stage`, shown what the project holds."""

from typing import Any

import nicegui.elements.scene  # noqa: F401  (registers three.js as the module `nicegui-scene`)
from nicegui import ui

from stylize.html_page import STAGE
from stylize.studio.page.session import Session
from stylize.studio.page.styles import lane
from stylize.studio.project import Take

_NO_SONG = "Drop a song on the left, and the dancer will dance to it.\nOr bring a video."
_NO_TAKES = "Choose “Dance” on the left and make some takes."
_MAKING = "Takes are being made.\nThe best of them will stand here."


class Stage(ui.element, component="player.js", esm={"vimo-stage": str(STAGE)}):
    """The 3D view and the deck under it; each lies in the page's grid by itself."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.on("span", lambda event: session.select(_span(event.args)))
        session.shows(self._show)
        session.shows_jobs(self._show)

    async def time(self) -> float:
        """Where it plays, in seconds of the song."""
        return float(await self.run_method("time"))

    def _show(self) -> None:
        shown = {"song": self._song(), "track": self._track(), "takes": self._takes(), "empty": self._empty()}
        if any(self._props.get(name) != value for name, value in shown.items()):
            self._props.update(shown)
            self.update()

    def _song(self) -> str:
        session = self._session
        heard = session.shown is None or session.shown.start_s is not None
        return f"/files/{session.project.id}/media/{session.song.id}" if session.song and heard else ""

    def _track(self) -> dict[str, Any]:
        session, heard = self._session, self._session.listened()
        if session.song is None or not self._song():
            return {}
        if heard is None:
            return {"seconds": session.song.facts.get("seconds", 0)}
        state, pairs = session.state, session.counts()
        return {
            "seconds": heard["seconds"],
            "peaks": heard["peaks"],
            "beats_s": [beat_s for beat_s, _ in pairs],
            "counts": [count for _, count in pairs],
            "beats_per_bar": heard[state.tempo]["beats_per_bar"],
            "excerpt": [state.start_s, session.end_s()],
            "styles": lane(session),
        }

    def _takes(self) -> list[dict[str, Any]]:
        return [self._row(take) for take in (self._session.shown, self._session.beside) if take is not None]

    def _row(self, take: Take) -> dict[str, Any]:
        return {
            "id": take.id,
            "label": take.label,
            "clip": f"/files/{self._session.project.id}/clips/{take.id}",
            "startS": take.start_s or 0.0,
            "seconds": take.seconds,
            "made": [list(span) for span in take.made_s],
        }

    def _empty(self) -> str:
        if self._session.shown is not None:
            return ""
        if self._session.making():
            return _MAKING
        return _NO_SONG if self._session.song is None else _NO_TAKES


def _span(told: Any) -> tuple[float, float] | None:
    """A selection as the browser tells it, believed only where it is two numbers."""
    if isinstance(told, list) and len(told) == 2 and all(isinstance(second, int | float) for second in told):
        start, stop = sorted(float(second) for second in told)
        return (max(start, 0.0), stop) if stop > start else None
    return None
