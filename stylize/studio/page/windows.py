"""A style's windows: each with its picture and verdict, to be overruled by a click."""

from functools import partial
from pathlib import Path

import numpy as np
from nicegui import ui

from core_vimo.clip_set import ITEMS, ClipSet, overrule
from core_vimo.errors import InputError
from core_vimo.motion import FPS
from stylize.studio.page.pieces import Problem, button, heading, opened_dialog
from stylize.style_clips.verdict import REASONS
from stylize.style_library import clips_of, folder_of

_A_PAGE = 48
"""How many pictures are shown at once."""


def clip_set_of(name: str) -> ClipSet:
    """The clips of a style. Raises InputError, which names no folder of the machine."""
    folder = folder_of(name)
    if not clips_of(folder).is_dir():
        raise InputError(f"the style '{name}' came without its clips, so there is nothing to look at")
    try:
        return ClipSet(clips_of(folder))
    except InputError as error:
        raise InputError(str(error).replace(str(folder), name)) from error


def picture_of(name: str, window: int) -> Path:
    """A window's picture. Raises InputError for a style or a window that there isn't."""
    clips = clip_set_of(name)
    if not 0 <= window < len(clips):
        raise InputError(f"the style '{name}' has no such window; open its clips again")
    item = int(clips.windows["item"][window])
    number = window - int(np.argmax(clips.windows["item"] == item))
    return clips.folder / ITEMS / clips.clips[item].name / f"{number:03d}.png"


class Windows:
    """The dialog in which a style's windows are looked at."""

    def __init__(self, name: str) -> None:
        self._name, self._first = name, 0
        with opened_dialog() as self._dialog, ui.card().classes("windows"):
            heading(f"Windows of {name}", "Lit ones are learned from. Click one to decide otherwise.")
            self._facts = ui.label().classes("fact")
            self._problem = Problem()
            self._place = ui.element("div").classes("window-grid")
            with ui.row().classes("tight"):
                self._earlier = button(
                    "", partial(self._turn, -_A_PAGE), icon="chevron_left", kind="quiet", tip="Earlier ones"
                )
                self._later = button(
                    "", partial(self._turn, _A_PAGE), icon="chevron_right", kind="quiet", tip="Later ones"
                )
                button("Close", self._dialog.close)
        self._show()

    def _turn(self, step: int) -> None:
        self._first += step
        self._show()

    def _show(self) -> None:
        with self._problem.told():
            clips = clip_set_of(self._name)
            verdicts = clips.verdicts()
            self._first = min(max(self._first, 0), max(len(clips) - 1, 0) // _A_PAGE * _A_PAGE)
            self._facts.set_text(self._words(clips, verdicts))
            self._place.clear()
            with self._place:
                for window in range(self._first, min(self._first + _A_PAGE, len(clips))):
                    self._card(clips, window, bool(verdicts[window]))
            for turning in (self._earlier, self._later):
                turning.set_visibility(len(clips) > _A_PAGE)

    def _words(self, clips: ClipSet, verdicts: np.ndarray) -> str:
        last = min(self._first + _A_PAGE, len(clips))
        failed = [f"{clip.name}: {clip.failed}" for clip in clips.clips if clip.failed]
        shown = f"{self._first + 1} to {last} of {len(clips)}" if len(clips) else "no windows"
        return ". ".join([f"{int(verdicts.sum())} are kept; shown are {shown}", *failed])

    def _card(self, clips: ClipSet, window: int, kept: bool) -> None:
        row = clips.windows[window]
        clip = clips.clips[int(row["item"])].name
        key = (clip, int(row["take"]), int(row["start"]))
        reason = REASONS[int(row["reason"])].word
        words = f"{clip} · {key[2] / FPS:.1f} s" + (f" · {reason}" if reason else "")
        with ui.element("button").props("type=button").classes("window") as card:
            ui.element("img").props(f'src="/files/styles/{self._name}/windows/{window}" loading=lazy alt=""')
            label = ui.label().classes("hint")

        def show(kept: bool, overruled: bool) -> None:
            card.classes(add="on" if kept else "", remove="" if kept else "on")
            card.props(f"aria-pressed={'true' if kept else 'false'}")
            label.set_text(words + (" · overruled" if overruled else ""))

        def turn() -> None:
            """This card alone is changed, so that the keyboard stays where it was."""
            with self._problem.told():
                overrule(clips.folder, key, "on" not in card.classes)
                now = clip_set_of(self._name)
                verdicts = now.verdicts()
                show(bool(verdicts[window]), key in now.overrules)
                self._facts.set_text(self._words(now, verdicts))

        show(kept, key in clips.overrules)
        card.on("click", turn)
