import os
import stat

import pytest

from core_vimo.errors import InputError
from core_vimo.publish import publish_file, publish_folder, publish_into, sha256_file, verify_manifest, write_manifest


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "deep" / "dance.npz"
    with publish_file(target) as aside:
        assert aside.suffix == ".npz" and not target.exists()
        aside.write_text("whole")
    assert target.read_text() == "whole"
    with pytest.raises(KeyboardInterrupt), publish_file(target) as aside:
        aside.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "whole"
    assert os.listdir(target.parent) == ["dance.npz"]


def test_a_folder_replaces_the_old_one_in_one_stroke(tmp_path):
    target = tmp_path / "bundle"
    for text in ("old", "new"):
        with publish_folder(target, ["card.md"]) as aside:
            (aside / "card.md").write_text(text)
    assert (target / "card.md").read_text() == "new"
    with pytest.raises(ValueError, match="stop"), publish_folder(target, ["card.md"]) as aside:
        (aside / "card.md").write_text("half")
        raise ValueError("stop")
    assert (target / "card.md").read_text() == "new"
    assert os.listdir(tmp_path) == ["bundle"]


def test_a_folder_that_cannot_take_its_place_leaves_the_old_one_there(tmp_path, monkeypatch):
    target = tmp_path / "bundle"
    with publish_folder(target, ["card.md"]) as aside:
        (aside / "card.md").write_text("old")
    replace = os.replace

    def refuse_the_new(source, to):
        if "-writing-" in str(source):
            raise OSError(5, "in use")
        replace(source, to)

    monkeypatch.setattr(os, "replace", refuse_the_new)
    with pytest.raises(InputError, match="in use"), publish_folder(target, ["card.md"]) as aside:
        (aside / "card.md").write_text("new")
    assert (target / "card.md").read_text() == "old"
    assert os.listdir(tmp_path) == ["bundle"]


def test_files_are_flushed_through_handles_open_for_writing_as_windows_demands(tmp_path, monkeypatch):
    modes = []

    def fsync(handle):
        if stat.S_ISREG(os.fstat(handle).st_mode):
            modes.append(fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE)

    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr(os, "fsync", fsync)
    with publish_file(tmp_path / "dance.npz") as aside:
        aside.write_text("whole")
    assert modes == [os.O_RDWR]


def test_files_move_into_a_folder_together_and_spare_its_others(tmp_path):
    target = tmp_path / "dances"
    with pytest.raises(ValueError, match="stop"), publish_into(target) as aside:
        (aside / "dance.bvh").write_text("half")
        raise ValueError("stop")
    assert not target.exists()
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    with publish_into(target) as aside:
        (aside / "dance.bvh").write_text("whole")
    assert sorted(p.name for p in target.iterdir()) == ["dance.bvh", "mine.txt"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match=r"cannot be written .*; choose another place"),
        publish_file(tmp_path / "file" / "x"),
    ):
        pass


@pytest.mark.parametrize("harm", ["flip", "delete", "empty manifest"])
def test_a_manifest_notices(tmp_path, harm):
    (tmp_path / "weights").write_bytes(b"\0" * 100)
    write_manifest(tmp_path)
    verify_manifest(tmp_path)
    if harm == "flip":
        (tmp_path / "weights").write_bytes(b"\0" * 50 + b"\1" + b"\0" * 49)
    elif harm == "delete":
        (tmp_path / "weights").unlink()
    else:
        (tmp_path / "manifest.json").write_text("")
    with pytest.raises(InputError):
        verify_manifest(tmp_path)


def test_sha256_is_the_known_one(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_file(tmp_path / "abc").startswith("ba7816bf8f01cfea")
