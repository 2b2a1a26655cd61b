"""Clips are found wherever they lie; each gets a safe name of its own, and what belongs to it."""

import zipfile
from pathlib import Path

import pytest

from core_vimo.errors import InputError
from stylize.style_clips.find import find_items


def put(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(f"content of {name}".encode())
    return folder


def test_a_mixed_folder_gives_videos_motions_and_keypoints_by_name(tmp_path):
    put(
        tmp_path,
        "b.MP4",
        "sub/a.bvh",
        "c.npz",
        "d.pkl",
        "seen.poses.json",
        "read me.txt",
        "manifest.json",
        ".hidden.bvh",
    )
    found = find_items([tmp_path])
    assert [(item.name, item.kind) for item in found] == [
        ("a", "motion"), ("b", "video"), ("c", "motion"), ("d", "motion"), ("seen", "keypoints"),
    ]  # fmt: skip


def test_sound_and_keypoints_called_like_a_clip_belong_to_it_and_lone_sound_is_told(tmp_path):
    put(tmp_path, "a.mp4", "a.poses.json", "a.wav", "b.bvh", "b.mp3", "song.mp3")
    a, b, song = find_items([tmp_path])
    assert (a.kind, a.keypoints.path.name, a.sound.path.name) == ("video", "a.poses.json", "a.wav")
    assert (b.kind, b.keypoints, b.sound.path.name) == ("motion", None, "b.mp3")
    assert (song.kind, song.sound) == ("sound", None)


def test_archives_are_looked_into_and_keep_their_companions(tmp_path):
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        for name in ("x/a.bvh", "x/a.wav", "../../evil.bvh", "__MACOSX/._a.bvh"):
            archive.writestr(name, name)
    found = {item.name: item for item in find_items([tmp_path])}
    assert set(found) == {"a", "evil"}
    assert found["a"].sound.member == "x/a.wav"


def test_names_are_safe_folders_and_two_clips_never_share_one(tmp_path):
    put(tmp_path, "Tänzer (1).mp4", "one/walk.bvh", "two/walk.npz", "two/WALK.mp4", "~~~.bvh")
    names = [item.name for item in find_items([tmp_path])]
    assert len({name.lower() for name in names}) == len(names) == 5
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+.") for name in names)
    assert all(name[0] not in ".-" for name in names)


def test_a_name_hangs_on_the_file_and_not_on_its_place_or_order(tmp_path):
    put(tmp_path / "here", "one/walk.bvh", "two/walk.npz")
    put(tmp_path / "there", "two/walk.npz", "one/walk.bvh")
    here, there = (find_items([tmp_path / place]) for place in ("here", "there"))
    assert [item.name for item in here] == [item.name for item in there]
    assert find_items([tmp_path / "here" / "two", tmp_path / "here" / "one"]) == here


def test_one_content_under_two_names_is_known_as_such(tmp_path):
    for name in ("a.bvh", "b.bvh"):
        (tmp_path / name).write_text("the same")
    assert [item.same_as for item in find_items([tmp_path])] == ["", "a"]


def test_a_place_given_twice_counts_once(tmp_path):
    put(tmp_path, "a.bvh")
    assert len(find_items([tmp_path, tmp_path / "a.bvh"])) == 1


@pytest.mark.parametrize(
    ("place", "said"),
    [("empty", "no clip at"), ("gone", "there is no such file"), ("text.txt", "not a kind of file that holds clips")],
)
def test_places_without_clips_are_told(tmp_path, place, said):
    (tmp_path / "empty").mkdir()
    put(tmp_path, "text.txt")
    with pytest.raises(InputError, match=said):
        find_items([tmp_path / place])
