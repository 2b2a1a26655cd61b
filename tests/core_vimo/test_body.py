import numpy as np
import pytest

from core_vimo import skeleton
from core_vimo.body import Body, floor_m, mannequin


@pytest.fixture(scope="module")
def body() -> Body:
    return mannequin()


@pytest.fixture(scope="module")
def rest() -> np.ndarray:
    return skeleton.rest_joints_m().numpy()


def test_shapes_and_types(body):
    count = len(body.vertices_m)
    assert 5000 < count < 12_000
    assert body.normals.shape == body.vertices_m.shape == (count, 3)
    assert body.joints.shape == body.weights.shape == (count, 4)
    assert body.vertices_m.dtype == body.normals.dtype == body.weights.dtype == np.float32
    assert body.faces.min() == 0 and body.faces.max() == count - 1


def test_is_one_closed_surface(body):
    edges = np.concatenate([body.faces[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    forward = {(a, b) for a, b in edges.tolist()}
    assert len(forward) == len(edges)
    assert {(b, a) for a, b in forward} == forward
    assert len(body.vertices_m) - len(edges) // 2 + len(body.faces) == 2  # Euler: a sphere, no handles, no crumbs


def test_faces_and_normals_point_outwards(body):
    corners = body.vertices_m[body.faces].astype(np.float64)
    areas = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    litres = np.einsum("fx,fx->", corners[:, 0], areas) / 6 * 1000
    assert 45 < litres < 90
    np.testing.assert_allclose(np.linalg.norm(body.normals, axis=1), 1, atol=1e-5)
    agree = np.einsum("fx,fx->f", body.normals[body.faces].mean(1), areas) > 0
    assert agree[np.linalg.norm(areas, axis=1) > 1e-9].mean() > 0.999


def test_weights_sum_to_one_and_descend(body):
    np.testing.assert_allclose(body.weights.sum(1), 1, atol=1e-6)
    assert (np.diff(body.weights, axis=1) <= 0).all() and (body.weights >= 0).all()
    assert set(body.joints[body.weights > 0]) == set(range(24))


def test_stands_on_flat_soles_one_toe_height_under_the_toes(body, rest):
    assert floor_m() == pytest.approx(rest[[10, 11], 1].min() - skeleton.TOE_HEIGHT_M, abs=1e-6)
    height = body.vertices_m[:, 1] - floor_m()
    assert height.min() == pytest.approx(0, abs=1e-3)
    for side in (body.vertices_m[:, 0] > 0, body.vertices_m[:, 0] < 0):
        sole = body.vertices_m[side & (height < 1e-3)]
        assert np.ptp(sole[:, 2]) > 0.18  # heel to toe
    assert 1.65 < height.max() < 1.9


def test_left_is_left_and_the_face_looks_forward(body, rest):
    strongest = body.joints[:, 0]
    for joint, name in enumerate(skeleton.JOINT_NAMES):
        if name.startswith(("left_", "right_")):
            mean_x = body.vertices_m[strongest == joint, 0].mean()
            assert np.sign(mean_x) == (1 if name.startswith("left_") else -1)
    head = body.vertices_m[strongest == 15]
    nose = head[head[:, 2].argmax()]
    assert abs(nose[0] - rest[15, 0]) < 0.01
    assert nose[2] - rest[15, 2] > 0.12 > rest[15, 2] - head[:, 2].min()


def test_each_leg_follows_only_its_own_side(body):
    shin = (body.vertices_m[:, 1] < -0.45) & (body.vertices_m[:, 0] > 0)
    right = [j for j, name in enumerate(skeleton.JOINT_NAMES) if name.startswith("right_")]
    assert body.weights[shin][np.isin(body.joints[shin], right)].max() == 0


def test_is_built_once(body):
    assert mannequin() is body
