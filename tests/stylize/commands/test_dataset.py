import re
import zipfile

import pytest
import torch

from core_vimo.bundle import Bundle
from core_vimo.camera import Camera
from core_vimo.coco_body import coco_joints_m
from core_vimo.codec import MotionCodec
from core_vimo.evidence import EVIDENCE
from core_vimo.footage import Footage, read_footage, write_footage
from core_vimo.formats import write_motion
from core_vimo.losses_2d import Settings2D
from core_vimo.pose2d import Pose2D
from core_vimo.video_to_motion.filmed_windows import FilmedWindows
from core_vimo.video_to_motion.lifter import Lifter, LifterConfig
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


def test_a_pattern_that_holds_nothing_out_is_told(mocap, tmp_path, capsys):
    assert main(["dataset", "motions", *mocap, "--out", str(tmp_path / "set"), "--hold-out", "leap_*"]) == 0
    assert "nothing is held out: none of them is called leap_*" in capsys.readouterr().out
    assert main(["dataset", "motions", *mocap, "--out", str(tmp_path / "set"), "--hold-out", "*_2"]) == 0
    assert "nothing is held out" not in capsys.readouterr().out


def test_a_folder_that_is_not_aist_is_refused(tmp_path, capsys):
    assert main(["dataset", "aist", str(tmp_path), "--out", str(tmp_path / "set")]) == 2
    assert "give AIST++'s folder as it was unpacked" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["mocap"], ["motions"], ["motions", "x"]])
def test_a_kind_and_places_and_out_are_needed(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["dataset", *words])
    assert ended.value.code == 2 and capsys.readouterr().err.count("\n") == 1


@pytest.fixture
def lifter(tmp_path, invented_dance):
    model = {"width": 16, "blocks": 1}
    torch.manual_seed(0)
    config = {"kind": "lifter", "model": model, "evidence": EVIDENCE}
    codec = MotionCodec.fit([invented_dance(300, 0)], any_heading=True)
    Bundle(Lifter(LifterConfig(**model)).state_dict(), config, codec, "# Tiny\n").save(tmp_path / "lifter")
    return str(tmp_path / "lifter")


@pytest.fixture
def seen_dances(tmp_path, invented_dance):
    """Keypoints of two dances, with places in space, as a camera in front saw them; one of nobody, and a sound."""
    folder = tmp_path / "seen"
    folder.mkdir()
    camera = Camera.look_at(torch.tensor([[0.0, -4.0, 1.3]]), torch.tensor([[0.0, 0.0, 0.9]]), 1000.0, (1280, 720))
    for key, name in enumerate(("spin", "solo_1")):
        motion = invented_dance(120, key)
        points = coco_joints_m(motion.rotations, motion.root_m)
        keypoints = torch.cat((camera.project(points).xy, torch.full((120, 17, 1), 0.9)), dim=-1)
        keypoints[40:75] *= 0 if name == "spin" else 1
        x, away, up = (points - points[:, 11:13].mean(1, keepdim=True)).unbind(-1)
        footage = Footage(Pose2D(keypoints, (1280, 720)), source=f"{name}.mp4", world_m=torch.stack((x, -up, away), -1))
        write_footage(footage, folder / f"{name}.poses.json")
    write_footage(Footage(Pose2D(torch.zeros(90, 17, 3), (640, 480))), folder / "empty.poses.json")
    (folder / "song.mp3").write_bytes(b"no song")
    return str(folder)


def test_keypoints_and_a_teacher_become_a_data_set_with_views(seen_dances, lifter, tmp_path, capsys):
    for teacher in (lifter, "landmarks"):
        out = tmp_path / f"set_{teacher[-4:]}"
        words = ["dataset", "taught", seen_dances, "--teacher", teacher, "--out", str(out), "--hold-out", "solo_*"]
        assert main(words) == 0
        train, test = MotionSet(out), MotionSet(out, "test")
        names = [(row["name"], row["frames"]) for row in train.rows]
        assert names == [("spin.1", 40), ("spin.1+mirrored", 40), ("spin.2", 45), ("spin.2+mirrored", 45)]
        assert [(row["name"], row["frames"]) for row in test.rows] == [("solo_1", 120)]
        stored = test[0]
        assert stored.source == "solo_1.poses.json"
        off = stored.views.camera(0).project(coco_joints_m(stored.motion.rotations, stored.motion.root_m)).xy
        off = (off - stored.views.keypoints[0, ..., :2]).norm(dim=-1)
        assert off.median() < (20 if teacher == "landmarks" else 200)
        said = capsys.readouterr().out
        told = re.search(r"keypoints lie (\d+) cm beside the teacher's joints \(median of 3\)", said)
        assert told and (int(told[1]) < 5) == (teacher == "landmarks")  # random weights teach nothing
        assert "left out: " in said and "empty.poses.json: shows nobody" in said and "train motions: 4" in said
        # Of a teacher that knows where bodies go, cameras that are not known follow it.
        follows = teacher != "landmarks"
        assert train[0].views.follows(0) == train[1].views.follows(0) == follows
        codec = MotionCodec.fit(train.motions(), any_heading=True)
        windows = FilmedWindows(train, codec, 30, 30, 0, in_2d=Settings2D())
        assert windows[(0, 0)]["follows"].tolist() == [follows]


def test_of_a_video_a_stretch_that_fits_no_body_is_left_out_alone(seen_dances, tmp_path, capsys):
    path, out = f"{seen_dances}/spin.poses.json", tmp_path / "set"
    footage = read_footage(path)
    footage.pose.keypoints[75:, :, :2] = 9000 * torch.rand(45, 17, 2, generator=torch.Generator().manual_seed(0))
    write_footage(footage, path)
    assert main(["dataset", "taught", path, "--teacher", "landmarks", "--no-mirror", "--out", str(out)]) == 0
    assert [row["name"] for row in MotionSet(out).rows] == ["spin.1"]
    assert "cm beside any body" in capsys.readouterr().out
    words = ["dataset", "taught", path, "--teacher", "landmarks", "--out", str(tmp_path / "none")]
    assert main([*words, "--leave-out", "spin.1"]) == 2
    assert "cm beside any body" in capsys.readouterr().err
    assert main([*words, "--leave-out", "spin.?"]) == 2
    assert "nothing can be learned: all of it is left out" in capsys.readouterr().err


def test_what_can_not_be_taught_is_told(seen_dances, lifter, mocap, tmp_path, capsys):
    out = str(tmp_path / "set")
    told = {
        (mocap[0], "landmarks"): "no video and no keypoints at",
        (seen_dances, "nobody"): "there is no teacher 'nobody'",
        (f"{seen_dances}/empty.poses.json", lifter): "nothing can be learned",
        (str(tmp_path / "gone"), lifter): "there is no such file or folder",
    }
    for (place, teacher), sentence in told.items():
        assert main(["dataset", "taught", place, "--teacher", teacher, "--out", out]) == 2
        said = capsys.readouterr().err
        assert sentence in said and said.count("\n") == 1
    assert not (tmp_path / "set").exists()
