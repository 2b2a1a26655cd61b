"""The real worker around jobs that need no model: what they do is said in the job's own words."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from core_vimo.errors import InputError
from stylize.studio import worker


def carry_out(job: Path, report) -> dict:
    noted = json.loads(job.read_text())
    print("a library's chatter, which is no line of ours")
    os.write(1, b'{"what": "from C"}\n')
    report("Beginning", 0, 2)
    getattr(Doing(job, noted), noted["what"].split()[0])(report)
    report("Ending", 2, 2)
    return {"takes": [take(job, noted)]}


class Doing:
    def __init__(self, job: Path, noted: dict) -> None:
        self.job, self.noted = job, noted

    def make(self, report) -> None:
        """Nothing more."""

    def wait(self, report) -> None:
        """Until the test says so."""
        take(self.job, self.noted)
        while not (self.job.parent.parent / "go").exists():
            report("Waiting", 1, 2)
            time.sleep(0.02)

    def cling(self, report) -> None:
        """Heeds no SIGTERM."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.wait(report)

    def die(self, report) -> None:
        """As when memory runs out, leaving a process that holds the output open."""
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], close_fds=False)
        os.fork() or time.sleep(60)
        os.kill(os.getpid(), signal.SIGKILL)

    def crash(self, report) -> None:
        raise KeyError("nobody thought of this")

    def refuse(self, report) -> None:
        raise InputError("song.mp3: nothing is heard in it; give another")

    def leave(self, report) -> None:
        os._exit(0)

    def lie(self, report) -> None:
        self.noted["id"] = "../../../etc"


def take(job: Path, noted: dict) -> dict:
    folder = job.parents[1] / "projects" / noted["project"] / "takes" / job.stem
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dance.npz").write_text(noted["what"])
    return {
        "id": f"{noted['id']}-dance", "label": noted["what"], "folder": noted["id"], "stem": "dance", "seed": 0,
        "seconds": 1.0, "start_s": None, "parent": None, "numbers": {}, "made_s": [], "said": [],
    }  # fmt: skip


if __name__ == "__main__":
    sys.modules["stylize.studio.carrying_out"] = SimpleNamespace(carry_out=carry_out)  # type: ignore[assignment]
    sys.exit(worker.main(sys.argv[1:]))
