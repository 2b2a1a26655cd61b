"""BVH: what is written comes back, an independent reader agrees, and broken files end in one sentence."""

import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from core_vimo.errors import InputError
from core_vimo.formats.bvh import read_bvh, write_bvh
from core_vimo.formats.bvh_clip import euler_to_matrix, read_bvh_clip
from core_vimo.motion import Motion
from core_vimo.skeleton import JOINT_NAMES

TWO_JOINTS = """HIERARCHY
ROOT Hips
{
\tOFFSET 1 2 3
\tCHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
\tJOINT Upper Leg
\t{
\t\tOFFSET 0 -10 0
\t\tCHANNELS 3 Xrotation Yrotation Zrotation
\t\tEnd Site
\t\t{
\t\t\tOFFSET 0 -5 0
\t\t}
\t}
}
MOTION
Frames: 2
Frame Time: 0.0333333
0 90 0 10 20 30 40 50 60
1 91 2 11 21 31 41 51 61
"""


@pytest.fixture
def motion() -> Motion:
    """Every joint anywhere, large steps: only an exact inverse brings this back."""
    draw = torch.Generator().manual_seed(3)
    return Motion.from_axis_angle(torch.randn(40, 24, 3, generator=draw), torch.randn(40, 3, generator=draw), fps=30.0)


def clip_of(text: str):
    return read_bvh_clip(io.StringIO(text))


def test_what_is_written_comes_back(motion: Motion, tmp_path: Path) -> None:
    write_bvh(motion, tmp_path / "dance.bvh")
    back = read_bvh(tmp_path / "dance.bvh")
    assert back.fps == motion.fps
    assert_allclose(back.joints_m(), motion.joints_m(), atol=1e-5)
    assert_allclose(back.rotations, motion.rotations, atol=1e-5)


def test_an_independent_reader_sees_the_same_joints(motion: Motion, tmp_path: Path) -> None:
    bvhio = pytest.importorskip("bvhio")
    write_bvh(motion, tmp_path / "dance.bvh")
    root = bvhio.readAsHierarchy(str(tmp_path / "dance.bvh"))
    expected_cm = motion.joints_m()[:, :, [0, 2, 1]] * torch.tensor([1.0, 1.0, -1.0]) * 100
    for frame in (0, 17, 39):
        root.loadPose(frame)
        for name in JOINT_NAMES:
            seen = root.filter(name, isEqual=True)[0].PositionWorld
            assert_allclose(np.array(seen), expected_cm[frame, JOINT_NAMES.index(name)], atol=1e-2)


def test_locked_angles_come_back(tmp_path: Path) -> None:
    """At x = +-90 degrees the other two turn about one axis."""
    quarter = torch.zeros(4, 24, 3)
    quarter[..., 0] = torch.tensor([1, -1, 1, -1])[:, None] * torch.pi / 2
    quarter[2:, :, 1] = 0.3
    still = Motion.from_axis_angle(quarter, torch.zeros(4, 3))
    write_bvh(still, tmp_path / "locked.bvh")
    assert_allclose(read_bvh(tmp_path / "locked.bvh").rotations, still.rotations, atol=1e-5)


def test_written_angles_do_not_jump(tmp_path: Path) -> None:
    """A dancer spinning for three turns: the file's angles run on, so that players may interpolate them."""
    spin = torch.zeros(90, 24, 3)
    spin[:, 0, 1] = torch.linspace(0, 6 * torch.pi, 90)
    write_bvh(Motion.from_axis_angle(spin, torch.zeros(90, 3)), tmp_path / "spin.bvh")
    lines = (tmp_path / "spin.bvh").read_text().split("Frame Time:")[1].splitlines()[1:]
    degrees = np.array([line.split() for line in lines], dtype=float)[:, 3:]
    assert np.abs(np.diff(degrees, axis=0)).max() < 15


def test_five_minutes_stay_in_time(tmp_path: Path) -> None:
    write_bvh(Motion.from_axis_angle(torch.zeros(2, 24, 3), torch.zeros(2, 3), fps=30.0), tmp_path / "a.bvh")
    frame_time = float((tmp_path / "a.bvh").read_text().split("Frame Time:")[1].split()[0])
    assert abs(frame_time * 9000 - 300) < 1e-4


def test_rotations_compose_in_channel_order() -> None:
    clip = clip_of(TWO_JOINTS)
    about = {axis: euler_to_matrix(np.array([angle]), axis) for axis, angle in (("x", 40.0), ("y", 50.0), ("z", 60.0))}
    assert_allclose(clip.rotations[0, 1], about["x"] @ about["y"] @ about["z"], atol=1e-6)
    assert_allclose(about["z"] @ [1, 0, 0], [0.5, np.sqrt(0.75), 0], atol=1e-12)  # counter-clockwise


def test_names_offsets_and_ends() -> None:
    clip = clip_of(TWO_JOINTS)
    assert clip.names == ("Hips", "Upper Leg")
    assert clip.parents.tolist() == [-1, 0]
    assert clip.end_sites[1].tolist() == [0, -5, 0]
    assert clip.root_positions.tolist() == [[0, 90, 0], [1, 91, 2]]


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda t: t.replace("\n", "\r\n"),
        lambda t: t.replace(" ", "\t"),
        lambda t: t.replace("\t", ""),
        lambda t: t.replace("{", " {  ").replace("10 20 30", "10\n 20   30") + "\n\n  \n",
        lambda t: t.replace("Frames: 2", "Frames:\t2").replace("Frame Time: ", "Frame Time:   "),
    ],
)
def test_white_space_does_not_matter(rewrite) -> None:
    plain, odd = clip_of(TWO_JOINTS), clip_of(rewrite(TWO_JOINTS))
    assert_allclose(odd.rotations, plain.rotations)
    assert [n.replace("\t", " ") for n in odd.names] == list(plain.names)


def test_bytes_text_and_paths_are_read_alike(tmp_path: Path) -> None:
    (tmp_path / "a.bvh").write_text(TWO_JOINTS)
    for source in (tmp_path / "a.bvh", str(tmp_path / "a.bvh"), io.BytesIO(TWO_JOINTS.encode())):
        assert_allclose(read_bvh_clip(source).rotations, clip_of(TWO_JOINTS).rotations)


@pytest.mark.parametrize(
    ("written", "fps"),
    [(".0083333", 120), ("0.008333", 120), (".03333", 30), ("0.016667", 60), ("0.010000", 100), ("0.0333667", 29.97)],
)
def test_frame_times_mean_the_rate_they_were_rounded_from(written: str, fps: float) -> None:
    assert clip_of(TWO_JOINTS.replace("0.0333333", written)).fps == pytest.approx(fps, rel=1e-5)


@pytest.mark.parametrize("channels", ["CHANNELS 0", "", "CHANNELS 1 Yrotation"])
def test_joints_with_few_channels(channels: str) -> None:
    text = TWO_JOINTS.replace("CHANNELS 3 Xrotation Yrotation Zrotation", channels)
    numbers = len(channels.split()) - 2 if "1" in channels else 0
    text = text.replace(" 40 50 60", " 40" * numbers).replace(" 41 51 61", " 41" * numbers)
    expected = euler_to_matrix(np.array([40.0]), "y") if numbers else np.eye(3)
    assert_allclose(clip_of(text).rotations[0, 1], expected, atol=1e-6)


@pytest.mark.parametrize(("moved", "bone"), [("0 -11 0", (0, -11, 0)), ("0 1 0", (0, -9, 0))])
def test_moving_bones_replace_or_add_to_their_offset(moved: str, bone: tuple[float, ...]) -> None:
    text = TWO_JOINTS.replace("CHANNELS 3 X", "CHANNELS 6 Xposition Yposition Zposition X")
    text = text.replace("40 50", f"{moved} 40 50").replace("41 51", f"{moved} 41 51")
    clip = clip_of(text)
    assert clip.translations[1].tolist() == [list(bone)] * 2
    turned, placed = clip.global_pose()
    assert_allclose(placed[0, 1], clip.root_positions[0] + turned[0, 0] @ bone)


BROKEN = {
    "empty": "",
    "prose": "Dear reader, this is no dance.\n",
    "no motion": TWO_JOINTS.split("MOTION")[0],
    "a billion frames": TWO_JOINTS.replace("Frames: 2", "Frames: 1000000000"),
    "absurd frames": TWO_JOINTS.replace("Frames: 2", "Frames: " + "9" * 29),
    "no frames": TWO_JOINTS.split("Frames:")[0] + "Frames: 0\nFrame Time: 0.1\n",
    "negative frames": TWO_JOINTS.replace("Frames: 2", "Frames: -2"),
    "cut off": TWO_JOINTS[:-9],
    "too many numbers": TWO_JOINTS + "1 2 3\n",
    "nan": TWO_JOINTS.replace("41 51 61", "41 nan 61"),
    "infinity": TWO_JOINTS.replace("41 51 61", "41 1e999 61"),
    "a word": TWO_JOINTS.replace("41 51 61", "41 hello 61"),
    "no frame time": TWO_JOINTS.replace("Frame Time: 0.0333333\n", ""),
    "zero frame time": TWO_JOINTS.replace("0.0333333", "0"),
    "nan frame time": TWO_JOINTS.replace("0.0333333", "nan"),
    "nan offset": TWO_JOINTS.replace("OFFSET 0 -10 0", "OFFSET 0 nan 0"),
    "missing brace": TWO_JOINTS.replace("}\nMOTION", "MOTION"),
    "two skeletons": TWO_JOINTS.replace("MOTION", "ROOT Other\n{\nOFFSET 0 0 0\n}\nMOTION"),
    "unknown channel": TWO_JOINTS.replace("Zposition", "Zscale"),
    "a million channels": TWO_JOINTS.replace("CHANNELS 3", "CHANNELS 1000000"),
    "a million joints": "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\n" + "JOINT b\n{\nOFFSET 0 0 0\n" * 1_000_000 + "MOTION\n",
    "many joints": "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\n" + "JOINT b\n{\nOFFSET 0 0 0\n" * 9000 + "MOTION\nFrames: 1\n",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_files_end_in_one_sentence_naming_the_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.bvh"
    path.write_text(BROKEN[kind])
    with pytest.raises(InputError) as caught:
        read_bvh(path)
    assert "broken.bvh" in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_claimed_sizes_are_never_allocated() -> None:
    tracemalloc.start()
    with pytest.raises(InputError):
        clip_of(BROKEN["a billion frames"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_absent_and_binary_files(tmp_path: Path) -> None:
    (tmp_path / "noise.bvh").write_bytes(np.random.default_rng(0).bytes(5000))
    for path in (tmp_path / "absent.bvh", tmp_path, tmp_path / "noise.bvh"):
        with pytest.raises(InputError, match=path.name):
            read_bvh(path)


def test_nothing_half_written_is_left(tmp_path: Path, motion: Motion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "savetxt", lambda *a, **k: (_ for _ in ()).throw(RuntimeError("disk gone")))
    with pytest.raises(RuntimeError):
        write_bvh(motion, tmp_path / "dance.bvh")
    assert list(tmp_path.iterdir()) == []
