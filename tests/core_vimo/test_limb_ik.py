"""Points become rotations whose bones point as the points say; what is unsure stays."""

import pytest
import torch
import torch.nn.functional as F

from core_vimo.coco_body import coco_joints_m
from core_vimo.limb_ik import rotations_from_coco, swung_to
from core_vimo.pose2d import COCO_NAMES
from core_vimo.randomness import generator, normal
from core_vimo.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from core_vimo.skeleton import JOINT_NAMES, forward_kinematics

POINT = {name: number for number, name in enumerate(COCO_NAMES)}
JOINT = {name: number for number, name in enumerate(JOINT_NAMES)}
SIDES = ("left", "right")
EXACT = [(f"{s}_{a}", f"{s}_{b}") for s in SIDES for a, b in (("knee", "ankle"), ("elbow", "wrist"))]
EXACT += [("right_hip", "left_hip"), ("right_shoulder", "left_shoulder"), ("right_ear", "left_ear")]


def random_pose(frames: int, key: int, amount: float = 0.5) -> torch.Tensor:
    """Bodies turned any way, every joint bent by some `amount` radians, knees and elbows much and as hinges."""
    angles = amount * normal((frames, 24, 3), key, "pose")
    angles[:, 0] *= 3 / amount
    bend = 2.0 * torch.rand(frames, 4, generator=generator(key, "bend")) + 0.1
    for column, (name, axis) in enumerate(
        zip(
            ("left_knee", "right_knee", "left_elbow", "right_elbow"),
            ((1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0)),
            strict=True,
        )
    ):
        angles[:, JOINT[name]] = bend[:, column, None] * torch.tensor(axis)
    return axis_angle_to_matrix(angles)


def coco(rotations: torch.Tensor) -> torch.Tensor:
    return coco_joints_m(rotations, torch.zeros(*rotations.shape[:-3], 3))


def between(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Radians between directions."""
    return torch.atan2(torch.linalg.cross(a, b, dim=-1).norm(dim=-1), (a * b).sum(-1))


def turned_by(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return matrix_to_axis_angle(a.transpose(-1, -2) @ b).norm(dim=-1)


def direction(points: torch.Tensor, pair: tuple[str, str]) -> torch.Tensor:
    return points[..., POINT[pair[1]], :] - points[..., POINT[pair[0]], :]


@pytest.mark.parametrize("size", [1.0, 0.6])
def test_what_coco_determines_points_exactly_where_it_should(size):
    points = coco(random_pose(300, 0)) * size + torch.tensor([3.0, -2.0, 1.0])
    again = coco(rotations_from_coco(points))
    for pair in EXACT:
        assert between(direction(points, pair), direction(again, pair)).max() < 1e-3, pair
    for side in SIDES:
        for pair in ((f"{side}_hip", f"{side}_knee"), (f"{side}_shoulder", f"{side}_elbow")):
            assert between(direction(points, pair), direction(again, pair)).mean() < 0.1, pair
    nose = between(direction(points, ("left_ear", "nose")), direction(again, ("left_ear", "nose")))
    assert nose.max() < 1e-3


def test_a_body_whose_trunk_is_at_rest_comes_back_with_its_twists():
    pose = random_pose(300, 1)
    stiff = [JOINT[name] for name in ("spine1", "spine2", "spine3", "left_collar", "right_collar", "neck", "head")]
    pose[:, stiff] = torch.eye(3)
    back = rotations_from_coco(coco(pose))
    assert turned_by(back[:, 0], pose[:, 0]).max() < 1e-3
    for upper, lower in (("hip", "knee"), ("shoulder", "elbow")):
        for side in SIDES:
            joint, hinge = JOINT[f"{side}_{upper}"], JOINT[f"{side}_{lower}"]
            bent = matrix_to_axis_angle(pose[:, hinge]).norm(dim=-1)
            clear = (bent > 1.0) & (bent < 2.1)
            assert clear.sum() > 100
            assert turned_by(back[:, joint], pose[:, joint])[clear].max() < 2e-3
            assert turned_by(back[:, hinge], pose[:, hinge])[clear].max() < 2e-3


def test_the_rest_pose_comes_back():
    back = rotations_from_coco(coco(torch.eye(3).expand(24, 3, 3)))
    torch.testing.assert_close(back, torch.eye(3).expand(24, 3, 3), atol=1e-5, rtol=0)


def test_a_pose_swung_to_its_own_points_stays():
    pose = random_pose(200, 2)
    back = swung_to(pose, coco(pose) + 5.0)
    torch.testing.assert_close(back, pose, atol=2e-5, rtol=0)


def test_a_guess_swung_to_other_points_points_there_and_no_further():
    truth = random_pose(200, 3)
    guess = truth @ axis_angle_to_matrix(0.15 * normal((200, 24, 3), 4, "error"))
    swung = swung_to(guess, coco(truth))
    for pair in EXACT:
        assert between(direction(coco(truth), pair), direction(coco(swung), pair)).max() < 1e-3, pair
    before = (coco(guess) - coco(truth)).norm(dim=-1).mean()
    assert (coco(swung) - coco(truth)).norm(dim=-1).mean() < 0.4 * before
    untold = [JOINT[name] for name in ("left_ankle", "right_ankle", "left_collar", "right_collar", "left_wrist")]
    assert torch.equal(swung[:, untold], guess[:, untold])


def test_what_stays_where_it_is_isnt_turned():
    """Only a forearm and a shin are elsewhere: nothing else moves."""
    pose = random_pose(50, 5)
    points = coco(pose)
    for end in ("left_wrist", "right_ankle"):
        points[:, POINT[end]] += 0.3 * normal((50, 3), 6, end)
    swung = swung_to(pose, points)
    moved = [JOINT["left_elbow"], JOINT["right_knee"]]
    still = [joint for joint in range(24) if joint not in moved]
    torch.testing.assert_close(swung[:, still], pose[:, still], atol=5e-5, rtol=0)
    assert (turned_by(swung[:, moved], pose[:, moved]) > 0.05).float().mean() > 0.9


def test_results_are_rotations_of_any_leading_shape_and_finite_for_points_in_one_place():
    pose = random_pose(12, 7).view(3, 4, 24, 3, 3)
    points = coco(pose)
    points[0, 0] = 0.0
    for made in (rotations_from_coco(points), swung_to(pose, points)):
        assert made.shape == pose.shape and made.isfinite().all()
        clear = made.flatten(0, 1)[1:]
        torch.testing.assert_close(clear @ clear.transpose(-1, -2), torch.eye(3).expand_as(clear), atol=1e-5, rtol=0)
    torch.testing.assert_close(rotations_from_coco(points)[1], rotations_from_coco(points[1]), atol=1e-5, rtol=0)


def test_knees_bend_backwards_and_elbows_forwards():
    """A squat with the hands in front, drawn by hand."""
    pose = torch.eye(3).repeat(24, 1, 1)
    points = coco(pose)
    for side, x in (("left", 0.1), ("right", -0.1)):
        points[POINT[f"{side}_knee"]] = torch.tensor([x, -0.1, 0.4])
        points[POINT[f"{side}_ankle"]] = torch.tensor([x, -0.5, 0.2])
        points[POINT[f"{side}_elbow"]] = torch.tensor([2 * x, -0.1, 0.0])
        points[POINT[f"{side}_wrist"]] = torch.tensor([2 * x, 0.0, 0.25])
    back = rotations_from_coco(points)
    joints = forward_kinematics(back, torch.zeros(3))
    knee = matrix_to_axis_angle(back[JOINT["left_knee"]])
    assert knee[0] > 1 and knee[1:].abs().max() < 0.2
    elbow = matrix_to_axis_angle(back[JOINT["left_elbow"]])
    assert elbow[1] < -1 and elbow[[0, 2]].abs().max() < 0.2
    toe = F.normalize(joints[JOINT["left_foot"]] - joints[JOINT["left_ankle"]], dim=-1)
    assert toe[2] > 0.5  # feet still point to the front
