import pytest
import torch

from core_vimo.camera import Camera
from core_vimo.errors import InputError
from core_vimo.pose2d import COCO_NAMES, Pose2D
from core_vimo.randomness import normal


def test_projection_of_known_points():
    eye, target = torch.tensor([[0.0, -4.0, 1.0]]), torch.tensor([[0.0, 0.0, 1.0]])
    camera = Camera.look_at(eye, target, focal_px=800, size=(640, 480))
    points = torch.tensor([[[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 0.0, 2.0], [0.0, -8.0, 1.0]]])
    xy, depth = camera.project(points)
    assert torch.allclose(xy[0, :3], torch.tensor([[320.0, 240.0], [520.0, 240.0], [320.0, 40.0]]), atol=1e-3)
    assert depth[0].tolist() == pytest.approx([4, 4, 4, -4], abs=1e-5)


@pytest.fixture
def wandering():
    """A camera that stands, and looks, elsewhere in each of 20 frames."""
    eye_m, target_m = 5 * normal((20, 3), 0, "eye"), normal((20, 3), 0, "target")
    return eye_m, target_m, Camera.look_at(eye_m, target_m, focal_px=900, size=(640, 480))


def test_each_frame_looks_from_its_own_place_at_its_own_target(wandering):
    eye_m, target_m, camera = wandering
    xy, depth_m = camera.project(target_m[:, None])
    assert torch.allclose(xy[:, 0], torch.tensor([320.0, 240.0]).expand(20, 2), atol=0.01)
    assert torch.allclose(depth_m[:, 0], (target_m - eye_m).norm(dim=-1), rtol=1e-4)


def test_the_picture_is_upright_and_not_mirrored(wandering):
    eye_m, target_m, camera = wandering
    R = camera.R_camera_world
    assert torch.allclose(R @ R.mT, torch.eye(3).expand(20, 3, 3), atol=1e-5)
    assert torch.allclose(torch.linalg.det(R), torch.ones(20), atol=1e-5)
    above = target_m + torch.tensor([0.0, 0.0, 0.1])
    forward = target_m - eye_m
    right = target_m + 0.1 * torch.stack((forward[:, 1], -forward[:, 0], torch.zeros(20)), dim=-1)
    xy, _ = camera.project(torch.stack((above, right), dim=1))
    assert torch.allclose(xy[:, 0, 0], torch.full((20,), 320.0), atol=0.01) and (xy[:, 0, 1] < 239.9).all()
    assert torch.allclose(xy[:, 1, 1], torch.full((20,), 240.0), atol=0.01) and (xy[:, 1, 0] > 320.1).all()


def test_pixel_and_depth_lead_back_to_the_point(wandering):
    camera = wandering[2]
    points_m = normal((20, 7, 3), 1, "points")
    xy, depth_m = camera.project(points_m)
    rays = torch.cat((xy, torch.ones(20, 7, 1)), dim=-1) @ torch.linalg.inv(camera.intrinsics).mT
    back = (rays * depth_m[..., None] - camera.t_camera_m[:, None]) @ camera.R_camera_world
    assert torch.allclose(back, points_m, atol=1e-3)


def test_a_longer_lens_enlarges_about_the_centre(wandering):
    eye_m, target_m, _camera = wandering
    points_m = target_m[:, None] + 0.2 * normal((20, 5, 3), 2, "points")
    near, far = (Camera.look_at(eye_m, target_m, f, (640, 480)).project(points_m).xy for f in (900, 1800))
    centre = torch.tensor([320.0, 240.0])
    assert torch.allclose(far - centre, 2 * (near - centre), rtol=1e-4, atol=0.05)


def test_a_camera_of_other_shapes_is_refused():
    eye = torch.eye(3)[None]
    with pytest.raises(InputError, match="a camera needs"):
        Camera(eye, eye, torch.zeros(1, 4))
    with pytest.raises(InputError, match="a camera needs"):
        Camera(eye[0], eye, torch.zeros(1, 3))


def test_poses_refuse_nan_and_odd_shapes():
    assert len(COCO_NAMES) == 17
    keypoints = torch.zeros(5, 17, 3)
    assert len(Pose2D(keypoints, (640, 480))) == 5
    with pytest.raises(InputError, match="17, 3"):
        Pose2D(keypoints[:, :16], (640, 480))
    keypoints[0, 0, 0] = torch.nan
    with pytest.raises(InputError, match="not finite"):
        Pose2D(keypoints, (640, 480))
