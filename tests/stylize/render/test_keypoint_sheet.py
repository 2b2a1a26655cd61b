import numpy as np
import pytest
import torch
from PIL import Image

from core_vimo.errors import InputError
from core_vimo.footage import Footage
from core_vimo.pose2d import Pose2D
from stylize.render.keypoint_sheet import _times, keypoint_picture


def seen(frames, cuts=(), size=(320, 240)):
    keypoints = torch.zeros(frames, 17, 3)
    keypoints[..., 0], keypoints[..., 1], keypoints[..., 2] = size[0] / 2, torch.linspace(20, 200, 17), 0.9
    return Footage(Pose2D(keypoints, size), cuts)


@pytest.mark.parametrize(("frames", "moments"), [(1, 8), (3, 8), (90, 1), (90, 5), (90, 8)])
def test_sheets_of_any_length_have_their_moments(tmp_path, frames, moments):
    keypoint_picture(seen(frames), None, tmp_path / "s.png", moments=moments)
    image = np.asarray(Image.open(tmp_path / "s.png"))
    assert image.shape[2] == 3 and image.std() > 5
    assert len(_times(seen(frames), min(frames, moments))) == min(frames, moments)


@pytest.mark.parametrize("cuts", [(5,), (1, 2, 3), (40, 41, 42, 43, 44, 45, 46), (88, 89)])
def test_every_shot_has_a_moment(cuts):
    footage = seen(90, cuts)
    times = _times(footage, 8)
    assert len(set(times)) == 8 and times == sorted(times)
    assert all(any(shot.start <= time < shot.stop for time in times) for shot in footage.shots())


def test_real_videos(shared_data, tmp_path):
    footage = Footage(Pose2D(seen(90).pose.keypoints, (1000, 350)))
    video = shared_data / "videos" / "skating_left_half.gif"
    keypoint_picture(footage, video, tmp_path / "s.png", moments=4)
    keypoint_picture(footage, None, tmp_path / "plain.png", moments=4)
    with Image.open(tmp_path / "s.png") as one, Image.open(tmp_path / "plain.png") as other:
        assert one.size == other.size
        assert np.asarray(one).std() > np.asarray(other).std() + 10


@pytest.mark.parametrize("moments", [0, 25])
def test_too_many_moments_are_refused(tmp_path, moments):
    with pytest.raises(InputError, match="1 to 24"):
        keypoint_picture(seen(9), None, tmp_path / "s.png", moments=moments)
