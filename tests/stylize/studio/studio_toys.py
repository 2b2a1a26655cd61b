"""What the studio's tests share."""

import time
from collections.abc import AsyncIterator, Callable

from stylize.studio.jobs import Job, JobQueue


async def in_pieces(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.01)


def over(queue: JobQueue, job: Job) -> Job:
    until(lambda: queue.job(job.id).over)
    return queue.job(job.id)
