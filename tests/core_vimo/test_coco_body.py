import torch

from core_vimo.coco_body import coco_joints_m
from core_vimo.motion import mirror, turn
from core_vimo.pose2d import COCO_NAMES
from core_vimo.rotations import about_z, axis_angle_to_matrix
from core_vimo.skeleton import JOINT_NAMES, forward_kinematics

AT_REST = coco_joints_m(torch.eye(3).expand(24, 3, 3), torch.zeros(3))


def at(points, name):
    return points[..., COCO_NAMES.index(name), :]


def test_limbs_are_the_skeletons_and_hips_and_shoulders_lie_outside_it():
    joints = forward_kinematics(torch.eye(3).expand(24, 3, 3), torch.zeros(3))
    for side in ("left", "right"):
        for name in ("elbow", "wrist", "knee", "ankle"):
            joint = joints[JOINT_NAMES.index(f"{side}_{name}")]
            assert torch.allclose(at(AT_REST, f"{side}_{name}"), joint, atol=1e-6)
        for name in ("hip", "shoulder"):
            joint, point = joints[JOINT_NAMES.index(f"{side}_{name}")], at(AT_REST, f"{side}_{name}")
            assert point[0].abs() > joint[0].abs() + 0.005 and 0.005 < point[1] - joint[1] < 0.06


def test_a_face_looks_forward_and_the_left_is_the_dancers():
    assert at(AT_REST, "nose")[2] > at(AT_REST, "left_eye")[2] > at(AT_REST, "left_ear")[2]
    for name in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        assert at(AT_REST, f"left_{name}")[0] > 0 > at(AT_REST, f"right_{name}")[0]


def test_the_face_turns_with_the_head_and_nothing_else_does():
    rotations = torch.eye(3).repeat(24, 1, 1)
    rotations[JOINT_NAMES.index("head")] = axis_angle_to_matrix(torch.tensor([0.0, torch.pi / 2, 0.0]))
    turned = coco_joints_m(rotations, torch.zeros(3))
    assert torch.equal(turned[5:], AT_REST[5:])
    assert at(turned, "nose")[0] > at(AT_REST, "nose")[0] + 0.1


def test_points_move_with_the_body_and_mirror_with_it(invented_dance):
    dance = invented_dance(20, 3)
    points = coco_joints_m(dance.rotations, dance.root_m)
    round_the_corner = turn(dance, 0.7)
    turned = coco_joints_m(round_the_corner.rotations, round_the_corner.root_m)
    assert torch.allclose(turned, points @ about_z(0.7).T, atol=1e-5)
    other = mirror(dance)
    opposite = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
    reflected = points[:, opposite] * torch.tensor([-1.0, 1.0, 1.0])
    assert (coco_joints_m(other.rotations, other.root_m) - reflected).norm(dim=-1).max() < 0.04  # SMPL isn't symmetric
    assert coco_joints_m(dance.rotations.view(4, 5, 24, 3, 3), dance.root_m.view(4, 5, 3)).shape == (4, 5, 17, 3)
