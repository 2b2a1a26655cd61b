import numpy as np
import pytest

from stylize.render import rasteriser
from stylize.render.poses import mannequin_mesh, poses_of

SIDE = 64
LENS = np.array([100.0, SIDE / 2, SIDE / 2], np.float32)
AXES = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float32)  # at -y, looking to +y: right is +x, up is +z
EYE = np.array([0.0, -5.0, 0.0], np.float32)


def see(points, faces):
    points = np.asarray(points, np.float32)
    pixels = np.zeros_like(points)
    rasteriser.project(points, EYE, AXES, LENS, pixels)
    nearness = np.zeros((SIDE, SIDE), np.float32)
    face = np.full((SIDE, SIDE), -1, np.int32)
    corner = np.zeros((SIDE, SIDE, 2), np.float32)
    rasteriser.draw_visible(pixels, np.asarray(faces, np.int32), nearness, face, corner)
    return nearness, face, corner


def test_right_up_and_depth_of_projected_points():
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 1], [0, -6, 0]], np.float32)
    pixels = np.zeros_like(points)
    rasteriser.project(points, EYE, AXES, LENS, pixels)
    np.testing.assert_allclose(pixels[:3], [[32, 32, 0.2], [52, 32, 0.2], [32, 12, 0.2]], rtol=1e-6)
    assert pixels[3, 2] == 0, "what lies behind the camera has no nearness"


def test_place_in_a_slanted_face_is_where_the_ray_meets_it():
    points = np.array([[-1, -1, -1], [1, 3, -1], [0, 1, 1]], np.float64)
    nearness, face, corner = see(points, [[0, 1, 2]])
    rows, columns = np.nonzero(face == 0)
    assert len(rows) > 200
    u, v = corner[rows, columns].T.astype(np.float64)
    hit = (1 - u - v)[:, None] * points[0] + u[:, None] * points[1] + v[:, None] * points[2]
    depth = hit[:, 1] - EYE[1]
    np.testing.assert_allclose(1 / nearness[rows, columns], depth, rtol=1e-4)
    np.testing.assert_allclose(32 + 100 * hit[:, 0] / depth, columns + 0.5, atol=2e-2)
    np.testing.assert_allclose(32 - 100 * hit[:, 2] / depth, rows + 0.5, atol=2e-2)


def test_the_nearer_face_hides_the_farther_in_either_order():
    near = [[-1, 0, -1], [1, 0, -1], [0, 0, 1]]
    far = [[-1, 2, -1], [1, 2, -1], [0, 2, 1]]
    for points, nearer in ((near + far, 0), (far + near, 1)):
        _, face, _ = see(points, [[0, 1, 2], [3, 4, 5]])
        assert face[36, 32] == nearer


def test_neighbouring_faces_leave_no_hole():
    points = [[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]]
    _, face, _ = see(points, [[0, 1, 2], [0, 2, 3]])
    assert (face[12:52, 12:52] >= 0).all()


def test_back_faces_and_faces_reaching_behind_the_camera_are_left_out():
    triangle = [[-1, 0, -1], [1, 0, -1], [0, 0, 1]]
    assert (see(triangle, [[0, 2, 1]])[1] == -1).all()
    assert (see([[-1, 0, -1], [1, 0, -1], [0, -9, 1]], [[0, 1, 2]])[1] == -1).all()


def test_numbers_that_are_not_finite_draw_nothing():
    for bad in (np.nan, np.inf, -np.inf):
        points = [[-1, 0, -1], [bad, 0, -1], [0, 0, 1]]
        assert (see(points, [[0, 1, 2]])[1] == -1).all()


def test_shadow_map_keeps_the_smallest_depth_of_faces_towards_the_light():
    points = np.array([[2, 2, 5], [30, 2, 5], [2, 30, 5], [2, 2, 3], [2, 30, 3], [30, 2, 3]], np.float32)
    depth = np.full((32, 32), rasteriser.FAR)
    rasteriser.draw_depth(points, np.array([[0, 1, 2], [3, 4, 5]], np.int32), depth)
    assert depth[5, 5] == 5, "the second face is nearer but turned away"
    assert depth[31, 31] == rasteriser.FAR


@pytest.mark.parametrize("frame", [0, 37])
def test_skin_follows_the_bones(dance, frame):
    mesh, poses = mannequin_mesh(), poses_of(dance)
    posed, turned = np.zeros_like(mesh.vertices_m), np.zeros_like(mesh.vertices_m)
    rasteriser.skin(*mesh[:2], *mesh[3:], poses.transforms[frame], posed, turned)
    matrix = np.einsum("vk,vkab->vab", mesh.weights, poses.transforms[frame][mesh.joints])
    expected = np.einsum("vab,vb->va", matrix[:, :, :3], mesh.vertices_m) + matrix[:, :, 3]
    np.testing.assert_allclose(posed, expected, atol=2e-6)
    assert np.abs(posed[:, 2].min()) < 0.06, "the soles stand near the floor"
