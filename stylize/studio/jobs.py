"""Jobs in worker processes: one at a time a device, in order, on disk; progress, cancel, and what became of them."""

from dataclasses import dataclass, field
from typing import Any, Literal

from stylize.studio.project import Project
from stylize.studio.storage import Storage
from stylize.studio.tasks import Task

Status = Literal["waiting", "running", "done", "failed", "cancelled", "stopped"]


@dataclass(frozen=True)
class Job:
    """A snapshot. what: in words, for the list. error: one sentence. place: 1 is next in line, 0 isn't waiting.

    doing, done, total: the progress of what is being done now. stopped: the studio ended while it ran.
    """

    id: str
    kind: str
    project: str
    what: str
    settings: dict[str, Any]
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

    @property
    def over(self) -> bool:
        return self.status not in ("waiting", "running")


class JobQueue:
    """All jobs of a data folder, of which one studio at a time is in charge. Its methods may be called by any thread.

    `listen` and `export` have a line of their own, so that they needn't wait behind a training.
    """

    def __init__(self, storage: Storage, devices: tuple[str, ...] | None = None) -> None:
        """devices: such as ("cpu",) or ("0", "1") for CUDA's (None: all there are). Raises InputError for a folder that
        another studio works on."""
        raise NotImplementedError

    def submit(self, task: Task, project: Project, what: str) -> Job:
        """Put a task in line. Raises InputError for settings of wrong types, unknown ids, and a line that is full.

        A task that makes takes adds them to the project when it is done, and shows the best."""
        raise NotImplementedError

    def cancel(self, id: str) -> Job:
        """Its worker ends at once; what it was writing is removed. No matter for a job that is over."""
        raise NotImplementedError

    def job(self, id: str) -> Job:
        raise NotImplementedError

    def jobs(self, project: str) -> list[Job]:
        """Of one project, newest first."""
        raise NotImplementedError

    def forget(self, project: str) -> None:
        """Cancel and drop the jobs of a project, which is about to be removed."""
        raise NotImplementedError

    def close(self) -> None:
        """End the workers; what ran is stopped, what waits goes on when a studio opens the folder again."""
        raise NotImplementedError
