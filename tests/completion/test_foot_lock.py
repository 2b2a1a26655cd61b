"""Legs reach where they are told to, and a sliding foot stands still."""

from dataclasses import replace

import pytest
import torch

from completion.foot_lock import _NEAR, _STIFF, LEGS, _least_slide, _reached, lock_feet
from core_vimo.motion import Motion
from core_vimo.rotations import axis_angle_to_matrix
from core_vimo.skeleton import FEET, forward_kinematics_full


@pytest.fixture
def sliding():
    """Knees bent, both feet flat on the floor, the whole body drawn along x for a second."""
    angles = torch.zeros(60, 24, 3)
    angles[:, 0, 0] = torch.pi / 2
    for hip, knee, ankle in LEGS:
        angles[:, hip, 0], angles[:, knee, 0], angles[:, ankle, 0] = -0.5, 1.0, -0.5
    path = torch.zeros(60, 3)
    path[:, 2] = 0.85  # well within the legs' reach
    path[20:40, 0] = torch.linspace(0, 0.1, 20)
    path[40:, 0] = 0.1
    return Motion.from_axis_angle(angles, path, contacts=torch.ones(60, 4))


@pytest.mark.parametrize("leg", LEGS)
def test_an_ankle_reaches_its_target_and_the_foot_keeps_its_turn(sliding, leg):
    bent = sliding.rotations @ axis_angle_to_matrix(0.1 * torch.randn(60, 24, 3))
    turns, joints_m = forward_kinematics_full(bent, sliding.root_m)
    target_m = joints_m[:, leg[2]] + 0.04 * torch.randn(60, 3).clamp(-2, 2)
    moved = bent.clone()
    moved[:, leg] = _reached(turns, joints_m, leg, target_m)
    new_turns, new_m = forward_kinematics_full(moved, sliding.root_m)
    torch.testing.assert_close(new_m[:, leg[2]], target_m, atol=1e-3, rtol=0)
    torch.testing.assert_close(new_turns[:, leg[2]], turns[:, leg[2]], atol=1e-4, rtol=0)
    normal = torch.linalg.cross(joints_m[:, leg[2]] - joints_m[:, leg[0]], joints_m[:, leg[1]] - joints_m[:, leg[0]])
    bent_still = torch.linalg.cross(new_m[:, leg[2]] - new_m[:, leg[0]], new_m[:, leg[1]] - new_m[:, leg[0]])
    assert ((normal * bent_still).sum(1) > 0).all()


def test_a_standing_foot_slides_no_more_where_it_is_free(sliding):
    free = torch.zeros(60, 2, dtype=torch.bool)
    free[10:, 0] = True
    locked = lock_feet(sliding, free)
    before, after = (m.joints_m()[:, FEET, :2].diff(dim=0).norm(dim=-1)[20:39] for m in (sliding, locked))
    assert after[:, 0].mean() < 0.2 * before[:, 0].mean()
    torch.testing.assert_close(after[:, 1], before[:, 1])
    assert torch.equal(locked.rotations[:10], sliding.rotations[:10])
    assert torch.equal(locked.root_m, sliding.root_m)


def test_feet_in_the_air_and_feet_that_are_known_stay(sliding):
    everywhere = torch.ones(60, 2, dtype=torch.bool)
    assert lock_feet(sliding, ~everywhere) is sliding
    path = sliding.root_m.clone()
    path[15:45, 2] += 0.3
    jumping = replace(sliding, root_m=path, contacts=(path[:, 2:] < 1).float().expand(-1, 4))
    torch.testing.assert_close(lock_feet(jumping, everywhere).joints_m(), jumping.joints_m(), atol=1e-3, rtol=0)


def test_offsets_are_those_of_least_squares():
    """Beside the dense system that the sum of squares stands for."""
    stands, ankle_m = torch.rand(11), torch.randn(12, 3)
    free = torch.rand(12) < 0.7
    step = torch.eye(12, dtype=torch.float64).diff(dim=0)
    bend = step.diff(dim=0)
    held = step.T * stands.double()
    system = held @ step + _STIFF * bend.T @ bend + _NEAR * torch.eye(12, dtype=torch.float64)
    pull = -held @ ankle_m[:, :2].double().diff(dim=0)
    expected = torch.zeros(12, 2, dtype=torch.float64)
    expected[free] = torch.linalg.solve(system[free][:, free], pull[free])
    torch.testing.assert_close(_least_slide(ankle_m, stands, free), expected.float())
