"""What a person sees while something takes time: a bar a task, with the time left; a word where nothing can move."""

import sys
from collections.abc import Callable

import rich.progress

from core_vimo.cache import is_compiled, is_kept

Report = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

COMPILED = {"librosa": "the music analysis (about 40 s)", "render": "the renderer (about 10 s)"}
"""What is compiled before its first use, by the folder of its sources; times on two cores."""


def tell_compiling(*packages: str) -> None:
    """Say on standard error what is about to be compiled, if anything is; call it before those are imported."""
    new = [COMPILED[package] for package in packages if not is_compiled(package)]
    if not new:
        return
    outlook = "later runs start at once"
    if not is_kept():
        outlook = "every run will, as no folder can be written to keep it in; name one with VIMO_CACHE"
    print(f"vimo: first run: compiling {' and '.join(new)}; {outlook}", file=sys.stderr, flush=True)


class Progress:
    """Called with (what, done, total); a new `what` begins a new bar."""

    def __init__(self) -> None:
        self._bars = rich.progress.Progress(
            rich.progress.TextColumn("{task.description:<16}"),
            rich.progress.BarColumn(),
            rich.progress.TaskProgressColumn(),
            rich.progress.TimeRemainingColumn(elapsed_when_finished=True),
        )
        self._tasks: dict[str, rich.progress.TaskID] = {}

    def __enter__(self) -> "Progress":
        self._bars.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bars.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what)
        self._bars.update(self._tasks[what], completed=done, total=total)
