"""SIGTERM and Ctrl-C ask a run to finish its step; a second one ends the process at once."""

import os
import signal
import threading
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interruption:
    """A context in which `requested` becomes the signal's number when one arrives (0 until then).

    Outside the main thread, where Python takes no signal handlers, it does nothing.
    """

    def __init__(self) -> None:
        self.requested = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._request) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def exit_code(self) -> int:
        """0 for SIGTERM (a scheduler's polite end), 130 for Ctrl-C."""
        return 130 if self.requested == signal.SIGINT else 0

    def _request(self, number: int, _frame: FrameType | None) -> None:
        self.requested = number
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        # os.write, since the signal may have come in the middle of a print.
        os.write(2, b"\nfinishing this step and saving; once more to end at once\n")
