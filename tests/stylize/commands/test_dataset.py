import zipfile

import pytest

from core_vimo.formats import write_motion
from core_vimo.video_to_motion.motion_set import MotionSet
from stylize.cli import main


@pytest.fixture
def mocap(tmp_path, invented_dance):
    """A folder with a broken file in it, and an archive."""
    folder = tmp_path / "mocap"
    folder.mkdir()
    for key, name in enumerate(("walk_1", "walk_2", "jump_1")):
        write_motion(invented_dance(100, key), folder / f"{name}.npz")
    (folder / "broken.bvh").write_text("HIERARCHY and nothing else")
    write_motion(invented_dance(100, 7), tmp_path / "climb.bvh")
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.write(tmp_path / "climb.bvh", "deep/climb.bvh")
    return [str(folder), str(tmp_path / "more.zip")]


def test_motions_of_folders_and_archives_become_a_data_set(mocap, tmp_path, capsys):
    out = tmp_path / "set"
    words = ["dataset", "motions", *mocap, "--out", str(out), "--hold-out", "*_2", "--leave-out", "jump*"]
    assert main(words) == 0
    assert [row["name"] for row in MotionSet(out).rows] == ["climb", "climb+mirrored", "walk_1", "walk_1+mirrored"]
    assert [row["name"] for row in MotionSet(out, "test").rows] == ["walk_2"]
    said = capsys.readouterr().out
    assert "left out: " in said and "broken.bvh" in said
    assert "train motions: 4, 0.2 min" in said and "test motions: 1, 0.1 min" in said


@pytest.mark.parametrize("kind", ["motions", "dances"])
def test_where_nothing_can_be_read_it_is_told_why(kind, tmp_path, capsys):
    for name in ("one.bvh", "two.bvh"):
        (tmp_path / name).write_text("HIERARCHY and nothing else")
    out = tmp_path / "set"
    assert main(["dataset", kind, str(tmp_path / "one.bvh"), str(tmp_path / "two.bvh"), "--out", str(out)]) == 2
    told = capsys.readouterr().err
    assert "one.bvh: not a BVH file" in told and "other 1" in told and not out.exists()


def test_without_mirrored_variants_and_a_second_time_into_the_same_folder(mocap, tmp_path):
    out = tmp_path / "set"
    for words in (["--hold-out", "climb"], ["--no-mirror"]):
        assert main(["dataset", "motions", *mocap, "--out", str(out), *words]) == 0
    assert [row["name"] for row in MotionSet(out).rows] == ["climb", "jump_1", "walk_1", "walk_2"]


def test_a_folder_that_is_not_aist_is_refused(tmp_path, capsys):
    assert main(["dataset", "aist", str(tmp_path), "--out", str(tmp_path / "set")]) == 2
    assert "give AIST++'s folder as it was unpacked" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["mocap"], ["motions"], ["motions", "x"]])
def test_a_kind_and_places_and_out_are_needed(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["dataset", *words])
    assert ended.value.code == 2 and capsys.readouterr().err.count("\n") == 1
