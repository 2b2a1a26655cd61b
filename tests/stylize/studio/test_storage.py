"""Uploads: what is kept of them, what is refused, and what is swept."""

import asyncio
import os
import time
from dataclasses import replace

import pytest
from studio_toys import in_pieces

from core_vimo.errors import InputError
from stylize.studio.storage import Limits, Storage, shown


def left(storage: Storage) -> list[str]:
    return sorted(path.name for path in storage.uploads.iterdir())


def test_an_upload_is_kept_byte_for_byte_under_a_name_made_here(storage, receive):
    media = receive(b"x" * 5000, "My song.wav")
    assert media.label == "My song.wav" and media.bytes == 5000 and media.suffix == ".wav"
    assert storage.upload_path(media).read_bytes() == b"x" * 5000
    assert storage.upload(media.id) == media
    assert left(storage) == [f"{media.id}.json", f"{media.id}.wav"]
    storage.discard(media.id)
    assert left(storage) == []


def test_a_project_takes_an_upload_over(storage, receive, projects):
    project = projects.create("a")
    media = project.adopt(receive(b"song"))
    assert project.media_path(media.id).read_bytes() == b"song" and left(storage) == []
    with pytest.raises(InputError, match="upload the file again"):
        project.adopt(media)


@pytest.mark.parametrize(
    ("limits", "data", "said"),
    [
        (Limits(song_bytes=1 << 20), b"x" * ((1 << 20) + 1), "larger than 1 MiB"),
        (Limits(most_bytes=100), b"x" * 101, "disk is full"),
        (Limits(spare_bytes=1 << 60), b"x", "full"),
        (Limits(uploads=0), b"x", "too many uploads"),
        (Limits(), b"", "empty"),
    ],
)
def test_limits_hold_on_the_server_and_nothing_is_left(limits, data, said, storage, believed):
    small = Storage(storage.root, limits)
    with pytest.raises(InputError, match=said):
        asyncio.run(small.receive("song", "song.wav", in_pieces(data, 1 << 16)))
    assert left(storage) == []


def test_an_upload_that_breaks_off_leaves_nothing(storage, believed):
    async def breaking():
        yield b"half of"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        asyncio.run(storage.receive("song", "song.wav", breaking()))
    assert left(storage) == []


def test_more_than_the_limit_is_never_read(storage, believed):
    asked = 0

    async def endless():
        nonlocal asked
        while True:
            asked += 1
            yield bytes(1 << 16)

    with pytest.raises(InputError, match="larger than"):
        small = Storage(storage.root, Limits(song_bytes=1 << 20))
        asyncio.run(small.receive("song", "song.wav", endless()))
    assert asked <= 17


def test_what_nobody_took_is_swept_after_a_day_and_half_written_things_after_an_hour(storage, receive):
    old, new = receive(), receive()
    for name in (f"{old.id}.json", f"{old.id}.wav"):
        os.utime(storage.uploads / name, (time.time() - 90_000,) * 2)
    half, fresh = storage.uploads / ".writing-dead", storage.uploads / ".writing-alive"
    for path in (half, fresh):
        path.write_text("half")
    os.utime(half, (time.time() - 4000,) * 2)
    (storage.projects / ".removed-0").mkdir()
    os.utime(storage.projects / ".removed-0", (time.time() - 4000,) * 2)
    storage.sweep()
    assert left(storage) == sorted([fresh.name, f"{new.id}.json", f"{new.id}.wav"])
    assert list(storage.projects.iterdir()) == []


def test_the_data_folder_is_the_users_own(monkeypatch, tmp_path):
    monkeypatch.setenv("VIMO_HOME", str(tmp_path / "mine"))
    storage = Storage()
    assert storage.root == tmp_path / "mine"
    assert storage.root.stat().st_mode & 0o077 == 0
    assert len(storage.secret()) >= 32 and storage.secret() == Storage().secret()
    assert (storage.root / "secret").stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="VIMO_HOME"):
        Storage(tmp_path / "file")


@pytest.mark.parametrize(
    ("label", "seen"),
    [
        ("C:\\fakepath\\song.mp3", "song.mp3"), ("../../etc/passwd", "passwd"), ("a\x00b\x1b[31m\u202ec", "ab[31mc"),
        ("", "unnamed"), ("/", "unnamed"), ("x" * 500, "x" * 120), ("Ünïcode – dança.mp3",) * 2,
    ],
)  # fmt: skip
def test_labels_are_safe_to_show(label, seen):
    assert shown(label) == seen


def test_limits_bound_the_whole_folder_not_only_uploads(storage, projects, receive):
    project = projects.create("a")
    project.adopt(receive(b"x" * 900))
    full = Storage(storage.root, replace(storage.limits, most_bytes=900))
    with pytest.raises(InputError, match="full"):
        full.check_room()
