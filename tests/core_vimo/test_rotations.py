import math

import pytest
import torch

from core_vimo import rotations as rot
from core_vimo.randomness import normal


@pytest.fixture
def some() -> torch.Tensor:
    return rot.axis_angle_to_matrix(normal((200, 3), 0, "rotations").double())


@pytest.mark.parametrize("convention", ["columns", "rows"])
def test_sixd_round_trip(some, convention):
    assert torch.allclose(rot.sixd_to_matrix(rot.matrix_to_sixd(some, convention), convention), some, atol=1e-12)


def test_confusing_the_conventions_gives_the_inverse(some):
    confused = rot.sixd_to_matrix(rot.matrix_to_sixd(some, "rows"), "columns")
    assert torch.allclose(confused, some.transpose(-1, -2), atol=1e-12)


@pytest.mark.parametrize("convention", ["columns", "rows"])
@pytest.mark.parametrize("sixd", [[0.0] * 6, [1, 0, 0, 1, 0, 0], [0, 0, 0, 1, 0, 0]])
def test_degenerate_sixd_stays_finite_with_its_gradient(sixd, convention):
    sixd = torch.tensor(sixd, dtype=torch.float32, requires_grad=True)
    matrix = rot.sixd_to_matrix(sixd, convention)
    matrix.sum().backward()
    assert torch.isfinite(matrix).all() and torch.isfinite(sixd.grad).all()


def test_slerp_halves_the_angle_and_is_exact_at_its_ends(some):
    start, end = some[:100], some[100:]
    middle = rot.slerp(start, end, torch.full((100,), 0.5).double())
    whole = rot.matrix_to_axis_angle(start.mT @ end).norm(dim=-1)
    half = rot.matrix_to_axis_angle(start.mT @ middle).norm(dim=-1)
    assert torch.allclose(half, whole / 2, atol=1e-9)
    assert torch.equal(rot.slerp(start, end, torch.zeros(100).double()), start)
    assert torch.equal(rot.slerp(start, end, torch.ones(100).double()), end)


def test_a_body_facing_plus_z_faces_minus_y_after_y_up_to_z_up():
    assert float(rot.heading(rot.y_up_to_z_up())) == pytest.approx(rot.FRONT)


def test_turning_about_z_adds_to_the_heading():
    turned = rot.about_z(0.7) @ rot.y_up_to_z_up()
    assert float(rot.heading(turned)) == pytest.approx(rot.FRONT + 0.7, abs=1e-6)
    assert math.isclose(float(torch.linalg.det(turned)), 1, abs_tol=1e-6)


def test_a_swing_is_the_shortest_way_also_where_there_is_none():
    start, end = normal((200, 3), 1, "start").double(), normal((200, 3), 2, "end").double()
    start[0], end[1], end[2], end[3] = torch.zeros(3), torch.zeros(3), -2 * start[2], 3 * start[3]
    turned = rot.swing(start, end)
    there = (turned[2:] @ start[2:, :, None])[..., 0]
    unit = torch.nn.functional.normalize
    assert torch.allclose(unit(there, dim=-1), unit(end[2:], dim=-1), atol=1e-9)
    assert torch.allclose(turned @ turned.mT, torch.eye(3).double().expand(200, 3, 3), atol=1e-12)
    apart = torch.acos((unit(start, dim=-1) * unit(end, dim=-1)).sum(-1).clamp(-1, 1))
    angle = rot.matrix_to_axis_angle(turned).norm(dim=-1)
    assert torch.allclose(angle[4:], apart[4:], atol=1e-9) and float(angle[2]) == pytest.approx(math.pi)
    assert torch.allclose(turned[[0, 1, 3]], torch.eye(3).double(), atol=1e-9)
    assert torch.allclose(rot.swing(start, end, 0.5) @ rot.swing(start, end, 0.5), turned, atol=1e-9)
