"""A data folder of its own for every test, projects with a song in them, and workers that need no model."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("filelock")
pytest.importorskip("itsdangerous")
pytest.importorskip("starlette", reason="the extra `studio` is not installed")

from studio_toys import in_pieces

from stylize.studio import jobs
from stylize.studio.contents import Contents
from stylize.studio.jobs import JobQueue
from stylize.studio.project import Project, Projects
from stylize.studio.storage import Media, Storage

FAKE_WORKER = Path(__file__).with_name("fake_worker.py")


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "data")


@pytest.fixture
def believed(monkeypatch) -> None:
    """Uploads are what they say they are: what looks into them has tests of its own."""
    monkeypatch.setattr("stylize.studio.storage.inspect", lambda *_about: Contents(".wav", {"seconds": 3.0}))


@pytest.fixture
def receive(storage, believed) -> Callable[..., Media]:
    def take_in(data: bytes = b"a song", label: str = "song.wav", kind: str = "song") -> Media:
        return asyncio.run(storage.receive(kind, label, in_pieces(data)))

    return take_in


@pytest.fixture
def projects(storage) -> Projects:
    return Projects(storage)


@pytest.fixture
def with_song(projects, receive) -> Callable[[str], Project]:
    def make(name: str = "A dance") -> Project:
        project = projects.create(name)
        song = project.adopt(receive())
        project.change("a song", lambda state: replace(state, song=song.id))
        return project

    return make


@pytest.fixture
def fake_workers(monkeypatch) -> None:
    monkeypatch.setattr(
        jobs, "module_command", lambda _module, *arguments: [sys.executable, str(FAKE_WORKER), *arguments]
    )


@pytest.fixture
def queue(storage, fake_workers) -> Iterator[JobQueue]:
    made = JobQueue(storage, ("cpu",))
    yield made
    made.close()
