"""What was seen of one person survives slicing, resampling and its own file."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core_vimo.errors import InputError
from core_vimo.footage import Footage, at_30_fps, footage_from, read_footage, write_footage
from core_vimo.pose2d import Pose2D
from core_vimo.randomness import normal


def pose(frames: int, fps: float = 30.0) -> Pose2D:
    keypoints = torch.cat((320 + 50 * normal((frames, 17, 2), 0), normal((frames, 17, 1), 1).sigmoid()), dim=-1)
    return Pose2D(keypoints, (640, 480), fps)


def test_cuts_follow_a_slice() -> None:
    footage = Footage(pose(50), (10, 20, 40), "a.mp4")
    part = footage[10:40]
    assert part.cuts == (10,) and len(part) == 30 and part.source == "a.mp4"
    assert torch.equal(part.pose.keypoints, footage.pose.keypoints[10:40])
    assert footage[-15:].cuts == (5,)
    assert footage[:0].shots() == []


def test_shots_cover_every_frame_once() -> None:
    footage = Footage(pose(50), (1, 20, 49))
    assert [list(range(50))[shot] for shot in footage.shots()] == [[0], [*range(1, 20)], [*range(20, 49)], [49]]


@pytest.mark.parametrize("cuts", [(0,), (50,), (10, 10), (20, 10), (-1,)])
def test_cuts_outside_or_not_rising_are_refused(cuts: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="cuts must rise"):
        Footage(pose(50), cuts)


def test_other_rates_are_refused() -> None:
    with pytest.raises(InputError, match="not 25"):
        Footage(pose(50, 25.0))


@pytest.mark.parametrize("fps", [12.0, 23.976, 25.0, 60.0, 240.0])
def test_steady_movement_stays_steady_at_30_fps(fps: float) -> None:
    frames = round(4 * fps)
    time = torch.arange(frames)[:, None, None] / fps
    keypoints = torch.cat((100 * time.expand(-1, 17, 2), torch.full((frames, 17, 1), 0.5)), dim=-1)
    footage = at_30_fps(Pose2D(keypoints, (640, 480), fps))
    assert abs(len(footage) - 120) <= 1
    inside = len(footage) - 1 - int(30 / fps)  # past the last frame nothing is known
    expected = 100 * torch.arange(inside)[:, None, None] / 30
    torch.testing.assert_close(footage.pose.xy[:inside], expected.expand(-1, 17, 2), atol=1e-3, rtol=0)


def test_nothing_is_invented_between_shots_or_for_missing_joints() -> None:
    keypoints = torch.ones(20, 17, 3)
    keypoints[10:, :, :2] = 500
    keypoints[5, 3] = 0
    footage = at_30_fps(Pose2D(keypoints, (640, 480), 20.0), (10,))
    assert footage.cuts == (15,)
    assert set(footage.pose.xy.unique().tolist()) == {0, 1, 500}
    assert (footage.pose.xy[:15] < 2).all() and (footage.pose.xy[15:] == 500).all()
    missing = footage.pose.confidence[:, 3] == 0
    assert torch.equal(missing, (footage.pose.xy[:, 3] == 0).all(-1)) and 1 <= missing.sum() <= 2


def test_what_is_written_is_read(tmp_path) -> None:
    footage = Footage(pose(40), (7, 30), "a film “ü”.mp4")
    path = tmp_path / "a.poses.json"
    write_footage(footage, path)
    again = read_footage(path)
    assert (again.cuts, again.source, again.pose.size) == (footage.cuts, footage.source, (640, 480))
    torch.testing.assert_close(again.pose.xy, footage.pose.xy, atol=0.0051, rtol=0)
    torch.testing.assert_close(again.pose.confidence, footage.pose.confidence, atol=0.00051, rtol=0)
    other = tmp_path / "b.poses.json"
    write_footage(again, other)
    assert other.read_bytes() == path.read_bytes()


def test_places_in_space_are_kept_cut_and_checked(tmp_path) -> None:
    world_m = normal((40, 17, 3), 2)
    footage = Footage(pose(40), (7,), "a.mp4", world_m)
    write_footage(footage, tmp_path / "a.poses.json")
    again = read_footage(tmp_path / "a.poses.json")
    torch.testing.assert_close(again.world_m, world_m, atol=0.00051, rtol=0)
    assert torch.equal(footage[10:20].world_m, world_m[10:20]) and Footage(pose(40))[10:20].world_m is None
    with pytest.raises(InputError, match=r"must be \[40, 17, 3\]"):
        Footage(pose(40), (), "", world_m[:39])
    for damage in (None, [[0.0] * 51] * 39, [[11.0] * 51] * 40, "far"):
        content = json.loads((tmp_path / "a.poses.json").read_text()) | {"world_m": damage}
        (tmp_path / "b.poses.json").write_text(json.dumps(content))
        with pytest.raises(InputError, match=r"b\.poses\.json: "):
            read_footage(tmp_path / "b.poses.json")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", 2), ("joints", ["nose"]), ("size", [0, 480]), ("size", [640.5, 480]), ("size", "640x480"),
        ("size", [640]), ("fps", 25), ("fps", "30"), ("fps", True), ("cuts", [0]), ("cuts", 5), ("cuts", ["5"]),
        ("keypoints", [[1.0] * 50]), ("keypoints", [[1.0] * 51, [1.0] * 50]), ("keypoints", [["1.0"] * 51]),
        ("keypoints", [[None] * 51]), ("keypoints", [[2.0] * 51]), ("keypoints", [[10**400] * 51]), ("keypoints", 3),
        ("keypoints", [[1e300] * 51]), ("keypoints", {"a": 1}), ("keypoints", [[[1.0]] * 51]),
    ],
)  # fmt: skip
def test_damaged_files_end_in_one_sentence(name: str, value: object, tmp_path) -> None:
    path = tmp_path / "a.poses.json"
    write_footage(Footage(pose(3)), path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(InputError) as caught:
        read_footage(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ") and "\n" not in said
    assert not any(word in said for word in ("array", "reshape", "unpack", "sequence", "iterable")), "Python's words"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)
KEYS = ("format", "joints", "size", "fps", "cuts", "source", "keypoints")


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS[2:]), JSON))
def test_any_json_is_footage_or_a_sentence(changed: dict) -> None:
    from core_vimo.pose2d import COCO_NAMES

    whole = {
        "format": 1, "joints": list(COCO_NAMES), "size": [9, 9], "fps": 30, "cuts": [], "source": "", "keypoints": [],
    }  # fmt: skip
    try:
        assert isinstance(footage_from(whole | changed, "a.poses.json"), Footage)
    except InputError as error:
        assert str(error).startswith("a.poses.json: ")
