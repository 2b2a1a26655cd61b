"""Jobs: their order, what they leave, and that nothing that becomes of one harms the next."""

import json
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from studio_toys import over, until

from core_vimo.errors import InputError
from stylize.studio import jobs
from stylize.studio.jobs import JobQueue
from stylize.studio.project import Projects
from stylize.studio.storage import Storage
from stylize.studio.tasks import Dance, Listen

pytestmark = pytest.mark.skipif(os.name == "nt", reason="uses POSIX signals")


def test_a_job_runs_tells_its_progress_and_its_take_joins_the_project(queue, with_song):
    project = with_song()
    job = over(queue, queue.submit(Dance(), project, "make this"))
    assert (job.status, job.error, job.doing, job.done, job.total) == ("done", "", "Ending", 2, 2)
    content = project.read()
    assert content.state.shown == content.state.takes[0].id == f"{job.id}-dance"
    assert project.take_path(content.state.shown).read_text() == "make this"
    assert content.undoes == "make this"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("die", "SIGKILL"),
        ("crash", "nobody thought of this"),
        ("refuse", "song.mp3: nothing is heard in it; give another"),
        ("leave", "exit code 0"),
        ("lie", "no take of the studio's"),
    ],
)
def test_whatever_becomes_of_a_worker_is_told_and_the_next_job_runs(what, said, queue, with_song):
    project = with_song()
    before = project.read().state
    bad = queue.submit(Dance(), project, what)
    good = queue.submit(Dance(), project, "make")
    assert said in over(queue, bad).error and queue.job(bad.id).status == "failed"
    assert over(queue, good).status == "done"
    assert not project.take_folder(bad.id).exists()
    assert [take.folder for take in project.read().state.takes] == [*(t.folder for t in before.takes), good.id]


def test_a_worker_that_is_killed_is_reported_and_the_next_job_runs(queue, with_song):
    project = with_song()
    first, second = (queue.submit(Dance(), project, "wait") for _ in range(2))
    until(lambda: queue.job(first.id).doing == "Waiting")
    os.kill(queue.job(first.id).worker, signal.SIGKILL)
    assert "SIGKILL" in over(queue, first).error
    until(lambda: queue.job(second.id).doing == "Waiting")
    queue.cancel(second.id)


@pytest.mark.parametrize("what", ["wait", "cling"])
def test_cancel_works_at_once_and_leaves_nothing(what, queue, with_song):
    project = with_song()
    job = queue.submit(Dance(), project, what)
    until(lambda: queue.job(job.id).doing == "Waiting")
    worker = psutil.Process(queue.job(job.id).worker)
    assert queue.cancel(job.id).status == "cancelled"
    until(lambda: job.id not in queue.busy(), 20)
    assert not worker.is_running()
    assert not project.take_folder(job.id).exists() and project.read().state.takes == ()
    assert queue.cancel(job.id).status == "cancelled"  # no matter


def test_a_job_that_is_over_is_dismissed_for_good_and_one_that_runs_is_not(queue, with_song, storage):
    project = with_song()
    bad, waiting = (queue.submit(Dance(), project, what) for what in ("refuse", "wait"))
    over(queue, bad)
    until(lambda: queue.job(waiting.id).doing == "Waiting")
    for id in (bad.id, bad.id, waiting.id):
        queue.dismiss(id)
    assert [job.id for job in queue.jobs(project.id)] == [waiting.id]
    assert [path.stem for path in storage.jobs.glob("*")] == [waiting.id]


def test_a_job_that_waits_is_cancelled_without_ever_running(queue, with_song):
    project = with_song()
    running, waiting = (queue.submit(Dance(), project, "wait") for _ in range(2))
    until(lambda: queue.job(running.id).status == "running")
    assert queue.job(waiting.id).place == 1
    queue.cancel(waiting.id)
    queue.cancel(running.id)
    until(lambda: not queue.busy())
    assert queue.job(waiting.id).started is None


def test_five_people_at_once_are_served_in_order_one_at_a_time(queue, with_song, storage):
    people = [with_song(name) for name in "abcde"]
    jobs = [queue.submit(Dance(), project, f"wait for {place}") for place, project in enumerate(people)]
    until(lambda: queue.job(jobs[0].id).doing == "Waiting")
    assert [queue.job(job.id).place for job in jobs] == [0, 1, 2, 3, 4]
    assert len(queue.busy()) == 5 and sum(queue.job(job.id).status == "running" for job in jobs) == 1
    (storage.root / "go").touch()
    done = [over(queue, job) for job in jobs]
    assert all(earlier.ended <= later.started for earlier, later in pairwise(done))
    for project, job in zip(people, jobs, strict=True):
        assert [take.folder for take in project.read().state.takes] == [job.id]
        assert [other.id for other in queue.jobs(project.id)] == [job.id]


def test_a_device_more_runs_a_job_more(storage, fake_workers, with_song):
    queue = JobQueue(storage, ("0", "1"))
    try:
        jobs = [queue.submit(Dance(), with_song(), "wait") for _ in range(3)]
        until(lambda: sum(queue.job(job.id).status == "running" for job in jobs) == 2)
        assert queue.job(jobs[2].id).place == 1
    finally:
        queue.close()


def test_listening_does_not_wait_behind_a_dance(queue, with_song):
    project = with_song()
    dance = queue.submit(Dance(), project, "wait")
    song = project.read().state.song
    assert over(queue, queue.submit(Listen(song), project, "make")).status == "done"
    assert not queue.job(dance.id).over


def test_one_person_cannot_fill_the_line(queue, with_song):
    project = with_song()
    with pytest.raises(InputError, match="too many jobs"):
        for _ in range(20):
            queue.submit(Dance(), project, "wait")
    queue.submit(Dance(), with_song(), "wait")


def test_the_past_that_is_kept_is_bounded(queue, with_song, storage, monkeypatch):
    monkeypatch.setattr("stylize.studio.jobs._MOST_KEPT", 2)
    project = with_song()
    for _ in range(5):
        last = over(queue, queue.submit(Dance(), project, "refuse"))
    assert len(queue.jobs(project.id)) <= 3 and queue.job(last.id)
    assert len(list(storage.jobs.glob("*.json"))) <= 3


def test_a_studio_on_the_same_folder_is_refused(queue, storage):
    with pytest.raises(InputError, match="another studio"):
        JobQueue(Storage(storage.root), ("cpu",))


def test_closing_stops_what_runs_and_what_waits_goes_on_in_the_next_studio(storage, fake_workers, with_song):
    project = with_song()
    queue = JobQueue(storage, ("cpu",))
    running, waiting = (queue.submit(Dance(), project, "wait") for _ in range(2))
    until(lambda: queue.job(running.id).doing == "Waiting")
    queue.close()
    (storage.root / "go").touch()
    again = JobQueue(storage, ("cpu",))
    try:
        assert again.job(running.id).status == "stopped" and "closed" in again.job(running.id).error
        assert over(again, waiting).status == "done"
    finally:
        again.close()


STUDIO = """
import sys, time
sys.path.insert(0, sys.argv[2])
from stylize.studio import jobs
from stylize.studio.project import Projects
from stylize.studio.storage import Storage
from stylize.studio.tasks import Dance
from pathlib import Path
jobs.module_command = lambda _module, *arguments: [sys.executable, sys.argv[3], *arguments]
storage = Storage(Path(sys.argv[1]))
queue = jobs.JobQueue(storage, ("cpu",))
project = Projects(storage).open(sys.argv[4])
ids = [queue.submit(Dance(), project, what).id for what in ("wait", "make")]
while queue.job(ids[0]).doing != "Waiting":
    time.sleep(0.01)
print(*ids, queue.job(ids[0]).worker, flush=True)
time.sleep(100)
"""


def test_a_studio_killed_and_started_again_finds_its_projects_and_its_line(storage, fake_workers, with_song):
    project = with_song("My piece")
    root, fake = Path(__file__).resolve().parents[3], Path(__file__).with_name("fake_worker.py")
    command = [sys.executable, "-c", STUDIO, storage.root, root, fake, project.id]
    studio = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
    assert studio.stdout
    ran, waited, worker = studio.stdout.readline().split()
    process = psutil.Process(int(worker))
    studio.kill()
    studio.wait()
    psutil.wait_procs([process], timeout=20)
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    again = JobQueue(Storage(storage.root), ("cpu",))
    try:
        assert [card.name for card in Projects(storage).cards()] == ["My piece"]
        assert again.job(ran).status == "stopped" and not project.take_folder(ran).exists()
        until(lambda: again.job(waited).over)
        assert again.job(waited).status == "done"
        assert [take.folder for take in project.read().state.takes] == [waited]
    finally:
        again.close()


def test_damaged_notes_of_jobs_are_passed_over(storage, fake_workers):
    (storage.jobs / "0123456789abcdef.json").write_text('{"format": 1, "id": "../../x", "kind": "dance"}')
    (storage.jobs / "fedcba9876543210.json").write_text("[" * 100_000)
    (storage.jobs / ".writing-x.json").write_text(json.dumps({"format": 1}))
    queue = JobQueue(storage, ("cpu",))
    queue.close()
    assert not (storage.jobs / ".writing-x.json").exists()


def test_a_project_that_goes_takes_its_jobs_along(queue, with_song, projects, storage):
    project = with_song()
    jobs = [queue.submit(Dance(), project, "wait") for _ in range(2)]
    until(lambda: queue.job(jobs[0].id).doing == "Waiting")
    queue.forget(project.id)
    projects.remove(project.id)
    until(lambda: not queue.busy(), 20)
    assert queue.jobs(project.id) == [] and list(storage.projects.iterdir()) == []


def test_a_full_disk_is_told_to_who_submits_and_ends_no_line(queue, with_song, monkeypatch):
    project = with_song()
    job = queue.submit(Dance(), project, "wait")
    until(lambda: queue.job(job.id).doing == "Waiting")
    with monkeypatch.context() as full:
        full.setattr(Path, "write_text", lambda *_content, **_how: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(InputError, match="No space"):
            queue.submit(Dance(), project, "make")
        assert queue.cancel(job.id).status == "cancelled"
        until(lambda: not queue.busy(), 20)
    assert [other.id for other in queue.jobs(project.id)] == [job.id]
    assert over(queue, queue.submit(Dance(), project, "make")).status == "done"


def test_what_is_kept_of_a_workers_chatter_is_bounded():
    import io
    from collections import deque

    log: deque[bytes] = deque(maxlen=jobs._LOG_LINES)
    jobs._collect(io.BytesIO(b"x" * (5 << 20) + b"\n" * 100_000 + b"the end"), log)
    assert sum(map(len, log)) <= jobs._LOG_LINES * 4096 and log[-1] == b"the end"
