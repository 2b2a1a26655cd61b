"""Keypoints that other programs wrote: the same person comes out, whatever the layout; anything else is a sentence."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core_vimo.errors import InputError
from core_vimo.footage import Footage, write_footage
from core_vimo.pose2d import COCO_NAMES, Pose2D
from core_vimo.video.keypoint_files import BODY_25, COCO_18, Detections, read_keypoint_file

BODY_25_TEXT = """
nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist mid_hip right_hip right_knee
right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear left_big_toe left_small_toe left_heel
right_big_toe right_small_toe right_heel
"""
BODY_25_NAMES = BODY_25_TEXT.split()
COCO_18_NAMES = [name for name in BODY_25_NAMES[:19] if name != "mid_hip"]


def person(key: int, joints: int = 17) -> np.ndarray:
    rng = np.random.default_rng(key)
    return np.concatenate((rng.uniform(10, 600, (joints, 2)), rng.uniform(0.1, 1, (joints, 1))), axis=1)


def written(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def item(image: Any, joints: np.ndarray, **more: Any) -> dict:
    return {"image_id": image, "category_id": 1, "keypoints": joints.ravel().tolist(), "score": 2.9} | more


def in_order(coco: np.ndarray, names: list[str]) -> list[float]:
    joints = np.zeros((len(names), 3))
    for name, joint in zip(COCO_NAMES, coco, strict=True):
        joints[names.index(name)] = joint
    return joints.ravel().tolist()


def assert_shows(found: Detections, expected: list[list[np.ndarray]]) -> None:
    assert [len(frame) for frame in found.people] == [len(frame) for frame in expected]
    for frame, people in zip(found.people, expected, strict=True):
        assert frame.shape[1:] == (17, 3) and frame.dtype == torch.float32
        for one, other in zip(frame, people, strict=True):
            np.testing.assert_allclose(one, other[:17], rtol=1e-6)


def test_the_orders_name_the_same_joints() -> None:
    assert [BODY_25_NAMES[k] for k in BODY_25] == list(COCO_NAMES)
    assert [COCO_18_NAMES[k] for k in COCO_18] == list(COCO_NAMES)


@pytest.mark.parametrize("joints", [17, 26, 133, 136])
def test_alphapose_lists_are_sorted_by_number_and_gaps_are_empty(joints: int, tmp_path) -> None:
    a, b, c, d = (person(key, joints) for key in range(4))
    content = [item("12.jpg", c), item("9.jpg", a), item("10.jpg", b), item("10.jpg", d)]
    found = read_keypoint_file(written(tmp_path / "alphapose-results.json", content), fps=25.0, size=(640, 480))
    assert_shows(found, [[a], [b, d], [], [c]])
    assert (found.fps, found.size) == (25.0, (640, 480))


@pytest.mark.parametrize("form", ["bodies", "people"])
def test_alphapose_in_the_order_of_cmu(form: str, tmp_path) -> None:
    a, b, c = (person(key) for key in range(3))
    key = {"bodies": "joints", "people": "pose_keypoints_2d"}[form]

    def image(*people: np.ndarray) -> dict:
        return {"version": "AlphaPose v0.3", form: [{key: in_order(one, COCO_18_NAMES)} for one in people]}

    table = {"10.jpg": image(c), "9.jpg": image(a, b), "11.jpg": image()}
    assert_shows(read_keypoint_file(written(tmp_path / "a.json", table)), [[a, b], [c], []])
    folder = tmp_path / "sep-json"
    folder.mkdir()
    for name, content in table.items():
        written(folder / name.replace("jpg", "json"), content)
    assert_shows(read_keypoint_file(folder), [[a, b], [c], []])


def test_openpose_folders(tmp_path) -> None:
    a, b = person(0), person(1)
    a[3] = 0
    for number, people in ((99, [a]), (100, []), (102, [b, a])):
        frame = {
            "version": 1.3,
            "people": [{"person_id": [-1], "pose_keypoints_2d": in_order(p, BODY_25_NAMES)} for p in people],
        }
        frame["people"].append({"person_id": [-1], "pose_keypoints_2d": [], "hand_left_keypoints_2d": [1.0, 2.0, 0.5]})
        written(tmp_path / f"clip 1.5_{number:012d}_keypoints.json", frame)
    (tmp_path / "notes.txt").write_text("other things")
    written(tmp_path / "settings.json", {"model": "BODY_25"})
    found = read_keypoint_file(tmp_path)
    assert_shows(found, [[a], [], [], [b, a]])
    assert found.fps == 30.0
    assert_shows(read_keypoint_file(tmp_path / "clip 1.5_000000000099_keypoints.json"), [[a]])


def test_coco_results_and_annotations(tmp_path) -> None:
    a, b = person(0), person(1)
    content = [item(7, a), item(5, b)]
    assert_shows(read_keypoint_file(written(tmp_path / "results.json", content)), [[b], [], [a]])
    table = {"images": [], "annotations": [*content, item(6, np.zeros((17, 3)))]}
    assert_shows(read_keypoint_file(written(tmp_path / "annotations.json", table)), [[b], [], [a]])


def test_our_own_files(tmp_path) -> None:
    keypoints = torch.from_numpy(np.stack([person(key) for key in range(4)])).float()
    keypoints[2] = 0
    write_footage(Footage(Pose2D(keypoints, (640, 480))), tmp_path / "a.poses.json")
    found = read_keypoint_file(tmp_path / "a.poses.json")
    assert [len(frame) for frame in found.people] == [1, 1, 0, 1] and found.size == (640, 480)
    np.savez(tmp_path / "a.npz", keypoints=keypoints.numpy(), fps=24, size=[640, 480])
    found = read_keypoint_file(tmp_path / "a.npz")
    assert_shows(found, [[keypoints[0].numpy()], [keypoints[1].numpy()], [], [keypoints[3].numpy()]])
    assert (found.fps, found.size) == (24.0, (640, 480))


def test_scores_are_clipped_and_missing_joints_are_zero(tmp_path) -> None:
    joints = person(0)
    joints[0, 2], joints[1, 2], joints[2] = 5.7, -0.3, (1e9, 3, 0)
    (frame,) = read_keypoint_file(written(tmp_path / "a.json", [item("0.jpg", joints)])).people
    assert frame[0, 0, 2] == 1 and (frame[0, 1:3] == 0).all()


def test_without_a_size_the_picture_holds_everyone(tmp_path) -> None:
    found = read_keypoint_file(written(tmp_path / "a.json", [item("0.jpg", person(0))]))
    largest = found.people[0][..., :2].amax((0, 1))
    assert 0 <= found.size[0] - largest[0] < 1 and 0 <= found.size[1] - largest[1] < 1


SHARES = person(0) / [700, 700, 1]
FAR = person(0) * [1e6, 1, 1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([item("0.jpg", SHARES)], "keypoint_scale"),
        ([item("0.jpg", SHARES * 2 - 1)], "keypoint_scale"),
        ([item("0.jpg", FAR)], "pixels away"),
        ([item("a.jpg", person(0))], "no frame number"),
        ([item(-4, person(0))], "no frame number"),
        ([item(1.5, person(0))], "no frame number"),
        ([item(0, person(0)), item(10**9, person(0))], "too many"),
        ([item("0.jpg", person(0, 15))], "45 numbers"),
        ([item("0.jpg", person(0)) | {"keypoints": [[1, 2, 0.5]] * 17}], "flat list"),
        ([item("0.jpg", person(0)) | {"keypoints": ["1"] * 51}], "flat list"),
        ([item("0.jpg", person(0)) | {"keypoints": [None] * 51}], "flat list"),
        ([item("0.jpg", person(0)) | {"keypoints": [10**400] * 51}], "hundreds of digits"),
        ([{"image_id": "0.jpg"}], "without image_id and keypoints"),
        ([1, 2, 3], "without image_id and keypoints"),
        ([], "nobody"),
        ({"version": 1.3, "people": []}, "nobody"),
        ({"version": 1.3, "people": 4}, "list 'people'"),
        ({"0.jpg": {"bodies": None}}, "list 'people'"),
        ({"answer": 42}, "export them as one of these"),
        ({}, "export them as one of these"),
        ("text", "export them as one of these"),
        ({"format": 3}, "poses.json"),
    ],
)
def test_what_is_no_keypoints_ends_in_one_sentence(content: Any, words: str, tmp_path) -> None:
    path = written(tmp_path / "a.json", content)
    with pytest.raises(InputError, match=words) as caught:
        read_keypoint_file(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
    | st.sampled_from(["0.jpg", 3, [0.0], 1e999, [50.0, 60.0, 0.5] * 17, [50.0, 60.0, 2.5] * 25, [0.0] * 54])
)  # fmt: skip
KEYS = st.sampled_from(
    ["image_id", "keypoints", "idx", "people", "bodies", "pose_keypoints_2d", "joints", "person_id", "annotations",
     "format", "fps", "size", "cuts", "source", "7.jpg", "8"]
)  # fmt: skip
CONTENT = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=20
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(CONTENT, st.lists(st.fixed_dictionaries({"image_id": LEAVES, "keypoints": LEAVES, "idx": LEAVES}))))
def test_any_json_is_detections_or_a_sentence(tmp_path_factory, content: Any) -> None:
    path = written(tmp_path_factory.getbasetemp() / "fuzz.json", content)
    try:
        found = read_keypoint_file(path)
    except InputError as error:
        assert str(error).startswith(f"{path}: ")
        return
    for frame in found.people:
        assert torch.isfinite(frame).all() and ((frame[..., 2] >= 0) & (frame[..., 2] <= 1)).all()
    assert min(found.size) > 0
