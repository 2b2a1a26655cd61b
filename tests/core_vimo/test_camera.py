import pytest
import torch

from core_vimo.camera import Camera
from core_vimo.errors import InputError
from core_vimo.pose2d import COCO_NAMES, Pose2D


def test_projection_of_known_points():
    eye, target = torch.tensor([[0.0, -4.0, 1.0]]), torch.tensor([[0.0, 0.0, 1.0]])
    camera = Camera.look_at(eye, target, focal_px=800, size=(640, 480))
    points = torch.tensor([[[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 0.0, 2.0], [0.0, -8.0, 1.0]]])
    xy, depth = camera.project(points)
    assert torch.allclose(xy[0, :3], torch.tensor([[320.0, 240.0], [520.0, 240.0], [320.0, 40.0]]), atol=1e-3)
    assert depth[0].tolist() == pytest.approx([4, 4, 4, -4], abs=1e-5)


def test_poses_refuse_nan_and_odd_shapes():
    assert len(COCO_NAMES) == 17
    keypoints = torch.zeros(5, 17, 3)
    assert len(Pose2D(keypoints, (640, 480))) == 5
    with pytest.raises(InputError, match="17, 3"):
        Pose2D(keypoints[:, :16], (640, 480))
    keypoints[0, 0, 0] = torch.nan
    with pytest.raises(InputError, match="not finite"):
        Pose2D(keypoints, (640, 480))
