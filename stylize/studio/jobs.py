"""Jobs in worker processes: one at a time a device, in order, on disk; progress, cancel, and what became of them."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal

import filelock
import psutil

from core_vimo.errors import InputError
from core_vimo.reading import read_json
from stylize.progress import Report
from stylize.studio.processes import module_command, module_environment
from stylize.studio.project import Project, Projects, take_of
from stylize.studio.storage import Storage, is_id, new_id, remove, write_json
from stylize.studio.tasks import KINDS, MAKES_TAKES, Cut, Export, Listen, StyleInstall, Task, checked, kind_of

Status = Literal["waiting", "running", "done", "failed", "cancelled", "stopped"]

_FORMAT = 1
_QUICK = "beside"
"""The line of what needn't wait for a device."""
_MOST_WAITING = 50
_MOST_WAITING_OF_ONE = 8
_MOST_KEPT = 300
_LONGEST_LINE = 1 << 20
_LOG_LINES = 200
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has none
_GRACE_S = 1.5
"""How long a worker has to tidy up before it is killed."""
_STOPPED = "the studio was closed while this ran; start it again"


@dataclass(frozen=True)
class Job:
    """A snapshot. what: in words, for the list. error: one sentence. place: 1 is next in line, 0 isn't waiting.

    doing, done, total: the progress of what is being done now. stopped: the studio ended while it ran.
    song: what of the project's state the job goes by, as it was when it was submitted.
    """

    id: str
    kind: str
    project: str
    what: str
    settings: dict[str, Any]
    song: dict[str, Any] = field(default_factory=dict)
    status: Status = "waiting"
    created: float = 0.0
    started: float | None = None
    ended: float | None = None
    doing: str = ""
    done: int = 0
    total: int = 0
    place: int = 0
    error: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    worker: int | None = None

    @property
    def over(self) -> bool:
        return self.status not in ("waiting", "running")

    @property
    def line(self) -> str:
        """Which line it stands in: the devices', or the one of quick things."""
        return _QUICK if KINDS[self.kind] in (Listen, Cut, Export, StyleInstall) else "devices"


class JobQueue:
    """All jobs of a data folder, of which one studio at a time is in charge. Its methods may be called by any thread.

    `listen`, `cut`, `export` and `style install` have a line of their own, so that they needn't wait behind a training.
    """

    def __init__(self, storage: Storage, devices: tuple[str, ...] | None = None) -> None:
        """devices: such as ("cpu",) or ("0", "1") for CUDA's (None: all there are). Raises InputError for a folder that
        another studio works on."""
        self._storage, self._projects = storage, Projects(storage)
        self._lock = threading.Condition(threading.RLock())
        self._jobs: dict[str, Job] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._closing = False
        self._charge = filelock.FileLock(storage.root / "studio.lock", timeout=0)
        try:
            self._charge.acquire()
        except filelock.Timeout as error:
            raise InputError(
                f"{storage.root}: another studio is open on this folder; use that one, or name another with VIMO_HOME"
            ) from error
        self._load()
        lanes = [("devices", device) for device in devices or found_devices()] + [(_QUICK, "cpu")]
        self._threads = [threading.Thread(target=self._serve, args=lane, daemon=True) for lane in lanes]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Task, project: Project, what: str) -> Job:
        """Put a task in line. Raises InputError for settings of wrong types, unknown ids, and a line that is full.

        A task that makes takes adds them to the project when it is done, and shows the best."""
        content = project.read()
        task = checked(task, content)
        self._storage.check_room()
        state = content.state
        song = {
            "song": state.song, "start_s": state.start_s, "seconds": state.seconds, "tempo": state.tempo,
            "first_count": state.first_count, "styles": list(state.styles), "timeline": state.timeline,
        }  # fmt: skip
        job = Job(new_id(), kind_of(task), project.id, what[:200], asdict(task), song, created=time.time())
        with self._lock:
            waiting = [other for other in self._jobs.values() if other.status == "waiting"]
            if len(waiting) >= _MOST_WAITING or sum(j.project == project.id for j in waiting) >= _MOST_WAITING_OF_ONE:
                raise InputError("too many jobs wait already; let some of them finish, or cancel one")
            self._keep(job)
            self._jobs[job.id] = job
            self._forget_old()
            self._lock.notify_all()
            return self.job(job.id)

    def cancel(self, id: str) -> Job:
        """Its worker ends at once; what it was writing is removed. No matter for a job that is over."""
        with self._lock:
            job = self.job(id)
            if not job.over:
                self._update(id, status="cancelled", ended=time.time())
                self._end_worker(id)
            return self.job(id)

    def job(self, id: str) -> Job:
        """Raises InputError for one that isn't known (any more)."""
        with self._lock:
            job = self._jobs.get(id)
            if job is None:
                raise InputError("this job isn't known any more; start it again")
            if job.status != "waiting":
                return job
            line = [other.id for other in self._line(job.line)]
            return replace(job, place=line.index(id) + 1)

    def jobs(self, project: str) -> list[Job]:
        """Of one project, newest first."""
        with self._lock:
            return [self.job(job.id) for job in reversed(self._jobs.values()) if job.project == project]

    def busy(self) -> set[str]:
        """Jobs that are not over, whose folders must be left alone (`Project.tidy`)."""
        with self._lock:
            return {job.id for job in self._jobs.values() if not job.over} | set(self._processes)

    def dismiss(self, id: str) -> None:
        """Forget a job that is over; no matter for one whose worker still ends, or that isn't known."""
        with self._lock:
            if id in self._jobs and self._jobs[id].over and id not in self._processes:
                self._drop(id)

    def forget(self, project: str) -> None:
        """Cancel and drop the jobs of a project, which is about to be removed."""
        with self._lock:
            for job in self.jobs(project):
                self.cancel(job.id)
                self._drop(job.id)

    def close(self) -> None:
        """End the workers; what ran is stopped, what waits goes on when a studio opens the folder again."""
        with self._lock:
            self._closing = True
            for id in self._processes:
                self._end_worker(id)
            self._lock.notify_all()
        for thread in self._threads:
            thread.join()
        self._charge.release()

    # --- the lines

    def _line(self, line: str) -> list[Job]:
        return [job for job in self._jobs.values() if job.status == "waiting" and job.line == line]

    def _serve(self, line: str, device: str) -> None:
        """One thread a device, and one for what is quick: takes the next in line, over and over."""
        while (process := self._next(line, device)) is not None:
            id, worker = process
            self._finish(id, _follow(worker, partial(self._progress, id)))

    def _next(self, line: str, device: str) -> tuple[str, subprocess.Popen[bytes]] | None:
        """The next job's worker; waits until there is one, None when the studio closes."""
        with self._lock:
            while True:
                self._lock.wait_for(lambda: self._closing or self._line(line))
                if self._closing:
                    return None
                id = self._line(line)[0].id
                try:
                    worker = _start(self._file(id), device)
                except OSError as error:
                    self._update(id, status="failed", ended=time.time(), error=f"no worker could start ({error})")
                    continue
                self._processes[id] = worker
                self._update(id, status="running", started=time.time(), worker=worker.pid)
                return id, worker

    def _progress(self, id: str, doing: str, done: int, total: int) -> None:
        with self._lock:
            job = self._jobs.get(id)
            if job is not None and job.status == "running":
                self._jobs[id] = replace(job, doing=doing, done=done, total=total)

    def _finish(self, id: str, ending: "_Ending") -> None:
        with self._lock:
            del self._processes[id]
            job = self._jobs.get(id)
            if job is None:  # its project was removed
                return
            if job.status == "running":
                self._conclude(job, ending)
            if self._jobs[id].status != "done":
                self._clear(job)

    def _conclude(self, job: Job, ending: "_Ending") -> None:
        """Takes join the project first, so that a job that is done has them."""
        error = ending.error
        if not error:
            try:
                self._take_in(job, ending.result)
            except InputError as wrong:
                error = str(wrong)
            except (KeyError, TypeError, IndexError, OSError) as wrong:
                error = f"what was made can't be used ({wrong!r}); start it again"
        if not error:
            self._update(job.id, status="done", ended=time.time(), result=ending.result, worker=None)
        elif self._closing:
            self._update(job.id, status="stopped", ended=time.time(), error=_STOPPED, worker=None)
        else:
            self._update(job.id, status="failed", ended=time.time(), error=error, worker=None)
            with suppress(OSError):
                self._file(job.id).with_suffix(".log").write_text(ending.log, errors="backslashreplace")

    def _take_in(self, job: Job, result: dict[str, Any]) -> None:
        if KINDS[job.kind] in MAKES_TAKES:
            self._projects.open(job.project).add_takes(job.what, [take_of(row) for row in result["takes"]])

    def _end_worker(self, id: str) -> None:
        """Asked to end first; who doesn't is killed."""
        worker = self._processes.get(id)
        if worker is not None:
            _signal_all(worker, signal.SIGTERM)
            killer = threading.Timer(_GRACE_S, _signal_all, (worker, _KILL))
            killer.daemon = True
            killer.start()

    # --- on disk

    def _load(self) -> None:
        """What an earlier studio left: its running jobs are stopped, its waiting ones go on."""
        found = []
        for file in self._storage.jobs.iterdir():
            if file.name.startswith("."):  # half-written by one that was killed
                remove(file)
            with suppress(InputError, TypeError, AttributeError, KeyError):
                noted = read_json(file) if file.suffix == ".json" else {}
                if noted.pop("format") == _FORMAT and is_id(noted["id"]) and noted["kind"] in KINDS:
                    found.append(Job(**noted | {"created": float(noted["created"])}))
        for job in sorted(found, key=lambda job: job.created):
            self._jobs[job.id] = job
            if job.status == "running":
                _end_orphan(job)
                self._update(job.id, status="stopped", ended=time.time(), error=_STOPPED, worker=None)
                self._clear(job)
        self._forget_old()

    def _file(self, id: str) -> Path:
        return self._storage.jobs / f"{id}.json"

    def _keep(self, job: Job) -> None:
        write_json(self._file(job.id), {"format": _FORMAT, **asdict(job)})

    def _update(self, id: str, **changes: Any) -> None:
        """On a disk that is full, what is known here goes on being true."""
        self._jobs[id] = replace(self._jobs[id], **changes)
        with suppress(InputError):
            self._keep(self._jobs[id])

    def _clear(self, job: Job) -> None:
        """Remove what a job that came to nothing left in the project."""
        project = Project(self._storage, job.project)
        for folder in (project.take_folder(job.id), project.export_folder(job.id)):
            remove(folder)

    def _forget_old(self) -> None:
        over = [job.id for job in self._jobs.values() if job.over]
        for id in over[: max(len(over) - _MOST_KEPT, 0)]:
            self._drop(id)

    def _drop(self, id: str) -> None:
        del self._jobs[id]
        self._file(id).unlink(missing_ok=True)
        self._file(id).with_suffix(".log").unlink(missing_ok=True)


@dataclass(frozen=True)
class _Ending:
    """What a worker left: a result, or a sentence on why there is none, and what it wrote to standard error."""

    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    log: str = ""


def found_devices() -> tuple[str, ...]:
    """CUDA's devices by number, or the processor; asked without loading torch into the studio."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return tuple(filter(None, chosen.split(","))) or ("cpu",)
    if shutil.which("nvidia-smi") is None:
        return ("cpu",)
    with suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20).stdout
        count = sum(line.startswith("GPU ") for line in listed.splitlines())
        return tuple(map(str, range(count))) or ("cpu",)
    return ("cpu",)


def _start(job: Path, device: str) -> subprocess.Popen[bytes]:
    """A worker in a session of its own, so that it can be ended with all its processes, and Ctrl-C doesn't reach it.

    Its standard input stays open for as long as the studio lives.
    """
    return subprocess.Popen(
        module_command("stylize.studio.worker", str(job)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=module_environment(CUDA_VISIBLE_DEVICES="" if device == "cpu" else device),
        start_new_session=True,
    )


def _follow(worker: "subprocess.Popen[bytes]", progress: Report) -> _Ending:
    """Hear a worker to its end."""
    assert worker.stdin and worker.stdout and worker.stderr
    log: deque[bytes] = deque(maxlen=_LOG_LINES)
    beside = [
        threading.Thread(target=_collect, args=(worker.stderr, log), daemon=True),
        threading.Thread(target=_bury, args=(worker,), daemon=True),
    ]
    for thread in beside:
        thread.start()
    last: dict[str, Any] = {}
    while line := worker.stdout.readline(_LONGEST_LINE):
        told = _told(line)
        if "what" in told:
            progress(str(told["what"]), int(told["done"]), int(told["total"]))
        else:
            last = told
    for thread in beside:
        thread.join()
    for stream in (worker.stdin, worker.stdout):
        with suppress(OSError):
            stream.close()
    text = b"".join(log).decode(errors="backslashreplace")
    if worker.returncode == 0 and isinstance(last.get("result"), dict):
        return _Ending(last["result"])
    return _Ending(error=str(last.get("error") or _why(worker.returncode, text)), log=text)


def _told(line: bytes) -> dict[str, Any]:
    """A line of a worker's; one that was cut off by its end says nothing."""
    try:
        told: dict[str, Any] = json.loads(line)
    except ValueError:
        return {}
    return told


def _bury(worker: "subprocess.Popen[bytes]") -> None:
    """A worker that was killed may leave processes behind, which would hold its output open."""
    worker.wait()
    _signal_all(worker, _KILL)


def _collect(stream: IO[bytes], log: deque[bytes]) -> None:
    with suppress(ValueError, OSError):
        while line := stream.readline(4096):
            log.append(line)
    stream.close()


def _why(code: int, log: str) -> str:
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        return (
            f"its process was ended by the system ({name}), as happens when memory runs out; "
            "try a shorter excerpt or fewer takes"
        )
    said = log.strip().splitlines()[-1:]
    if code == 0 or not said:
        return f"its process ended without a result (exit code {code}); start it again"
    return f"something went wrong that the studio didn't foresee ({said[0]:.200}); its log lies beside the job"


def _signal_all(worker: "subprocess.Popen[bytes]", number: int) -> None:
    """To a worker and all its processes."""
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(worker.pid, number)
        elif worker.poll() is None:
            worker.terminate()


def _end_orphan(job: Job) -> None:
    """A worker whose studio was killed ends by itself; where it hasn't yet, two would share a device."""
    with suppress(psutil.Error, TypeError):
        process = psutil.Process(job.worker)
        if any(job.id in part for part in process.cmdline()):
            for one in (*process.children(recursive=True), process):
                with suppress(psutil.Error):
                    one.kill()
            process.wait(timeout=10)
