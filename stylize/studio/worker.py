"""`python -m stylize.studio.worker JOB.json`: does one job of a project in a process of its own.

It tells on standard output, a line of JSON each: {"what", "done", "total"}, and at its end {"result"} or {"error"}.
It lives as long as its standard input stays open: a studio that dies, however it dies, takes its workers along.
"""

import json
import os
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from stylize.orderly_end import OrderlyEnd

_PATIENCE_S = 5.0
"""How long tidying up may take once the studio is gone."""
_TELL_EVERY_S = 0.1
_POLITE = 5
"""The page, the sound and other people's programs come first."""


def main(arguments: list[str]) -> int:
    (job,) = arguments
    out = _own_output()
    threading.Thread(target=_watch_studio, daemon=True).start()
    _stand_back()
    told, code = _done(Path(job), _Report(out))
    _tell(out, told)
    return code


def _done(job: Path, report: "_Report") -> tuple[dict[str, Any], int]:
    try:
        from core_vimo.errors import InputError
        from stylize.studio.carrying_out import carry_out

        try:
            with OrderlyEnd():
                return {"result": carry_out(job, report)}, 0
        except InputError as error:
            return {"error": str(error)}, 2
    except OSError as error:
        return {"error": f"{error.filename or 'the system'}: {error.strerror or error}; check it and try again"}, 2
    except MemoryError:
        return {"error": "there is not enough memory for this; try a shorter excerpt or fewer takes"}, 2
    except Exception:
        traceback.print_exc()
        return {}, 1


class _Report:
    """Progress as lines: the first and last of each thing that is done, and ten a second between."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._what, self._told_at = "", 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if what != self._what or done >= total or now - self._told_at > _TELL_EVERY_S:
            self._what, self._told_at = what, now
            _tell(self._out, {"what": what, "done": done, "total": total})


def _tell(out: TextIO, told: dict[str, Any]) -> None:
    with suppress(BrokenPipeError):
        out.write(json.dumps(told) + "\n")
        out.flush()


def _own_output() -> TextIO:
    """Standard output for our lines alone: what libraries print goes to standard error."""
    own = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return own


def _watch_studio() -> None:
    """Until standard input ends, which is when the studio does."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_PATIENCE_S)
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _stand_back() -> None:
    """Others come first; and where memory runs out, Linux ends this process and not the studio."""
    with suppress(OSError, AttributeError):
        os.nice(_POLITE)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
