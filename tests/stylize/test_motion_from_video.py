"""`vimo motion` from end to end, on keypoints and on a film with keypoints from elsewhere, by random weights."""

import json

import av
import numpy as np
import pytest
import torch

from core_vimo.footage import Footage, read_footage, write_footage
from core_vimo.formats import read_motion
from core_vimo.pose2d import Pose2D
from core_vimo.publish import sha256_file
from stylize.cli import main

FRAMES = 200


@pytest.fixture(scope="module")
def made(poses, vimo_bundle, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "motion"
    options = ["--bundle", str(vimo_bundle), "--steps", "3"]
    assert main(["motion", str(poses), "--out", str(out), "--takes", "2", *options]) == 0
    return out, options


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A second and a half of noise at 20 pictures a second, another noise after one second."""
    path = tmp_path_factory.mktemp("film") / "clip.mp4"
    draw = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        track = container.add_stream("mpeg4", rate=20)
        track.width, track.height, track.pix_fmt = 128, 128, "yuv420p"
        views = [np.kron(draw.integers(0, 255, (8, 8, 3)), np.ones((16, 16, 1))).astype(np.uint8) for _ in range(2)]
        for picture in [views[0]] * 40 + [views[1]] * 20:
            container.mux(track.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(track.encode())
    return path


@pytest.fixture(scope="module")
def alphapose(tmp_path_factory, invented_dance, keypoints):
    seen = keypoints(invented_dance(60, 6)).flatten(1).tolist()
    rows = [
        {"image_id": f"{frame}.jpg", "category_id": 1, "keypoints": numbers, "score": 2.5}
        for frame, numbers in enumerate(seen)
    ]
    path = tmp_path_factory.mktemp("alphapose") / "alphapose-results.json"
    path.write_text(json.dumps(rows))
    return path


def test_everything_is_there_and_agrees(made, poses):
    out, _ = made
    manifest = json.loads((out / "manifest.json").read_text())
    written = {path.name for path in out.iterdir()}
    files = {name for take in manifest["takes"] for name in take["files"]}
    assert written == {"manifest.json", "motion.poses.json", "motion.poses.png", *files}
    assert sorted(take["seed"] for take in manifest["takes"]) == [0, 1]
    assert manifest["video_sha256"] == sha256_file(poses) and manifest["cuts_s"] == [round(80 / 30, 3)]
    motions = [read_motion(out / f"take1.{suffix}") for suffix in ("npz", "bvh", "glb")]
    assert all(len(motion) == FRAMES for motion in motions)
    for other in motions[1:]:
        assert torch.allclose(other.joints_m(), motions[0].joints_m(), atol=1e-3)
    assert torch.allclose(
        read_footage(out / "motion.poses.json").pose.keypoints, read_footage(poses).pose.keypoints, atol=0.01
    )


def test_each_take_says_how_far_it_is_from_what_was_seen(made):
    manifest = json.loads((made[0] / "manifest.json").read_text())
    for take in manifest["takes"]:
        assert 0 < take["numbers"]["reprojection_px"] < 100
        assert take["numbers"]["reprojection_percent"] > 0
        assert len(take["cameras"]) == 2


def test_the_manifest_makes_the_same_motions_again(made, poses, vimo_bundle, tmp_path, capsys):
    again = ["--again", str(made[0] / "manifest.json"), "--bundle", str(vimo_bundle)]
    assert main(["motion", str(poses), "--out", str(tmp_path / "again"), *again]) == 0
    first, second = read_motion(made[0] / "take2.npz"), read_motion(tmp_path / "again" / "take2.npz")
    assert torch.equal(first.rotations, second.rotations) and torch.equal(first.root_m, second.root_m)
    assert "best take first, by its ranks in low leaps, low off by pixels" in capsys.readouterr().out


def test_limbs_are_swung_to_the_poses_unless_asked_otherwise(made, poses, vimo_bundle, tmp_path):
    corrected, options = made
    plain, again = tmp_path / "plain", tmp_path / "again"
    assert main(["motion", str(poses), "--out", str(plain), "--takes", "2", "--no-correct", *options]) == 0
    off = [
        {take["seed"]: take["numbers"]["reprojection_px"] for take in json.loads(file.read_text())["takes"]}
        for file in (corrected / "manifest.json", plain / "manifest.json")
    ]
    assert all(off[0][seed] < 0.8 * off[1][seed] for seed in (0, 1))
    manifest = json.loads((plain / "manifest.json").read_text())
    del manifest["settings"]["correct"]  # as before there was such a setting
    (tmp_path / "old.json").write_text(json.dumps(manifest))
    asked = ["--again", str(tmp_path / "old.json"), "--bundle", str(vimo_bundle)]
    assert main(["motion", str(poses), "--out", str(again), *asked]) == 0
    first, second = (read_motion(folder / "take1.npz") for folder in (plain, again))
    assert torch.equal(first.rotations, second.rotations)


def test_another_video_is_not_moved_by_that_manifest(made, film, vimo_bundle, tmp_path, capsys):
    again = ["--again", str(made[0] / "manifest.json"), "--bundle", str(vimo_bundle)]
    assert main(["motion", str(film), "--out", str(tmp_path / "out"), *again]) == 2
    assert "sha256 differs" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_keypoints_from_elsewhere_take_rate_size_and_cuts_of_their_video(film, alphapose, made, tmp_path):
    command = ["motion", str(film), "--keypoints", str(alphapose), "--takes", "1", "--no-film", *made[1]]
    assert main([*command, "--out", str(tmp_path)]) == 0
    footage = read_footage(tmp_path / "motion.poses.json")
    assert len(footage) == 90 and footage.pose.size == (128, 128) and footage.cuts == (60,)
    assert len(read_motion(tmp_path / "motion.npz")) == 90
    assert json.loads((tmp_path / "manifest.json").read_text())["keypoints_sha256"] == sha256_file(alphapose)


@pytest.mark.parametrize(("added", "unseen"), [(24, 24), (1000, 0)])
def test_keypoints_that_begin_late_stay_at_their_frames_of_the_video(added, unseen, film, alphapose, made, tmp_path):
    """AlphaPose lists nobody for frames without anybody; numbers past the video's end are no frames of it."""
    rows = json.loads(alphapose.read_text())[24:]
    listed = [row | {"image_id": f"{frame + added}.jpg"} for frame, row in enumerate(rows)]
    (tmp_path / "late.json").write_text(json.dumps(listed))
    command = ["motion", str(film), "--keypoints", str(tmp_path / "late.json"), "--takes", "1", "--no-film", *made[1]]
    assert main([*command, "--out", str(tmp_path)]) == 0
    seen = (read_footage(tmp_path / "motion.poses.json").pose.confidence > 0).any(-1)
    assert int(seen.nonzero()[0]) == unseen * 30 // 20


def test_keypoints_alone_say_whom_they_were_followed_through(alphapose, made, tmp_path):
    assert main(["motion", str(alphapose), "--takes", "1", "--out", str(tmp_path), *made[1]]) == 0
    told = json.loads((tmp_path / "manifest.json").read_text())["person"]
    assert told == ["frames 0 to 59: person 1 of 1, seen in 100%"]


def test_an_excerpt_is_as_long_as_asked(poses, made, tmp_path):
    options = ["--start", "1", "--seconds", "2", "--takes", "1", *made[1]]
    assert main(["motion", str(poses), "--out", str(tmp_path), *options]) == 0
    assert len(read_motion(tmp_path / "motion.npz")) == 60


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--seconds", "0.5"], "at least 1 s"),
        (["--start", "6.4"], "at least 1 s"),
        (["--start", "60"], "nobody"),
        (["--steps", "101"], "101 sampling steps asked of a model with 100"),
        (["--takes", "0"], "takes must lie in 1 to 100"),
        (["--person", "0"], "0 is nobody"),
        (["--person", "2"], "holds one person, not 2"),
        (["--guidance", "1e30"], "guidance in -100 to 100"),
    ],
)
def test_what_can_not_be_is_one_sentence_and_leaves_nothing(options, told, poses, vimo_bundle, tmp_path, capsys):
    assert main(["motion", str(poses), "--out", str(tmp_path / "out"), "--bundle", str(vimo_bundle), *options]) == 2
    shown = capsys.readouterr().err
    assert told in shown and shown.count("\n") == 1
    assert not (tmp_path / "out").exists()


def _a_folder_with_a_film(folder, film, name):
    (folder / name).write_bytes(film.read_bytes()) if name.endswith(".mp4") else (folder / name).write_text('{"a": 1}')
    return folder


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda folder, film: _a_folder_with_a_film(folder, film, "a.mp4"), "give one video, or a folder"),
        (
            lambda folder, film: _a_folder_with_a_film(folder, film, "readme.json"),
            "'readme.json', which is no numbered",
        ),
        (lambda folder, film: _written(folder / "text.mp4", b"hello " * 999), "cannot be read as a video"),
        (lambda folder, film: _written(folder / "half.mp4", film.read_bytes()[:2000]), "take a whole copy"),
    ],
    ids=["folder of videos", "folder of other JSON", "text", "half an mp4"],
)
def test_what_is_no_video_is_one_sentence_that_speaks_of_video(make, told, film, vimo_bundle, tmp_path, capsys):
    (tmp_path / "given").mkdir()
    given = make(tmp_path / "given", film)
    assert main(["motion", str(given), "--out", str(tmp_path / "out"), "--bundle", str(vimo_bundle)]) == 2
    shown = capsys.readouterr().err
    assert told in shown and shown.count("\n") == 1 and "wav" not in shown
    assert not (tmp_path / "out").exists()


def _written(path, content):
    path.write_bytes(content)
    return path


def test_nobody_seen_clearly_is_told(vimo_bundle, tmp_path, capsys, invented_dance, keypoints):
    faint = keypoints(invented_dance(60, 1))
    faint[..., 2] = 0.2
    write_footage(Footage(Pose2D(faint, (128, 128))), tmp_path / "faint.poses.json")
    command = [
        "motion",
        str(tmp_path / "faint.poses.json"),
        "--out",
        str(tmp_path / "out"),
        "--bundle",
        str(vimo_bundle),
    ]
    assert main(command) == 2
    assert "nobody is seen clearly" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_keypoints_outside_their_picture_are_told(vimo_bundle, tmp_path, capsys, invented_dance, keypoints):
    far = keypoints(invented_dance(60, 1))
    far[..., :2] += 500
    write_footage(Footage(Pose2D(far, (128, 128))), tmp_path / "far.poses.json")
    words = ["motion", str(tmp_path / "far.poses.json"), "--out", str(tmp_path / "out"), "--bundle", str(vimo_bundle)]
    assert main(words) == 2
    assert "lie outside its picture of 128 x 128 pixels" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_the_poses_that_are_read_are_not_replaced(made, capsys):
    out, options = made
    before = sha256_file(out / "motion.poses.json")
    assert main(["motion", str(out / "motion.poses.json"), "--out", str(out), *options]) == 2
    assert "would be replaced" in capsys.readouterr().err and sha256_file(out / "motion.poses.json") == before
