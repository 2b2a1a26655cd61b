"""A signal to end unwinds the stack, so that what is half-written is removed; and it does so even inside libraries.

An exception that a signal handler raises is lost where C calls back into Python (in `__del__`, in the callbacks by
which numba compiles) and under an `except:` that takes everything. So it is raised again until it unwinds.
"""

import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any

_AGAIN_S = 0.2
_HEARD = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class OrderlyEnd:
    """A context in which Ctrl-C raises KeyboardInterrupt, SIGTERM and SIGHUP SystemExit with 128 + the signal.

    It does so at the latest on leaving, whatever a library made of the lost one. What is tidied up under `finally`, in
    an `__exit__` or in a generator that is closed isn't disturbed; a `__del__` may be. A signal that is ignored on
    entering, as under `nohup`, stays so. Outside the main thread, where Python takes no signal handlers, it does
    nothing; without interval timers (Windows) nothing is raised again.
    """

    def __init__(self) -> None:
        self._ending: BaseException | None = None
        self._left = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "OrderlyEnd":
        if threading.current_thread() is threading.main_thread():
            self._unraisable, sys.unraisablehook = sys.unraisablehook, self._tell_unraisable
            if hasattr(signal, "SIGALRM"):
                self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._again)
            for number in _HEARD:
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._end)
        return self

    def __exit__(self, _kind: type | None, error: BaseException | None, _trace: TracebackType | None) -> None:
        self._left = True  # from here on signals wait no longer than until what was before hears them again
        if self._before:
            sys.unraisablehook = self._unraisable
            if self._ending is not None and hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, 0)
            for number, handler in reversed(self._before.items()):
                signal.signal(number, handler)
        if self._ending is not None and (error is None or isinstance(error, Exception)):
            raise self._ending from None

    def _end(self, number: int, _frame: FrameType | None) -> None:
        self._ending = KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)
        if self._left:
            return
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_S, _AGAIN_S)
        raise self._ending

    def _again(self, _number: int, _frame: FrameType | None) -> None:
        if self._ending is not None and not self._left and not self._is_tidying_up():
            raise self._ending

    def _is_tidying_up(self) -> bool:
        """Whether what runs now runs because the stack is unwinding."""
        handled = sys.exception()
        while handled is not None:
            if handled is self._ending or isinstance(handled, GeneratorExit):
                return True
            handled = handled.__context__
        return False

    def _tell_unraisable(self, unraisable: Any) -> None:
        if unraisable.exc_value is not self._ending:
            self._unraisable(unraisable)
