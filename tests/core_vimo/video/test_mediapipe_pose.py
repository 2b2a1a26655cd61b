"""BlazePose on real pictures; wherever mediapipe is installed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from core_vimo.motion import Motion
from core_vimo.video.decode import frames
from core_vimo.video.estimators import PoseEstimator, estimator
from core_vimo.video.watch import observe
from stylize.render.frames import Painter
from stylize.render.scene import Scene
from stylize.render.video import shot_of

pytest.importorskip("mediapipe", reason="the extra `pose` is not installed")


@pytest.fixture(scope="module")
def pose() -> Iterator[PoseEstimator]:
    opened = estimator("mediapipe")
    yield opened
    opened.close()


@pytest.fixture
def dancer(shared_data: Path, pose: PoseEstimator) -> np.ndarray:
    """A picture with one person, in front of an estimator that has seen nothing yet."""
    pose.new_shot()
    return next(frames(shared_data / "videos" / "solo_dance_music.mp4"))


def test_a_dancer_is_found_head_up_and_left_is_left(pose: PoseEstimator, dancer: np.ndarray) -> None:
    people = pose(dancer)
    assert people.shape == (1, 17, 6) and people.dtype == torch.float32
    (body,) = people
    assert (body[:, 2] > 0.5).all() and (body[:, 2] <= 1).all()
    heights = [body[joints, 1].mean() for joints in ([0], [5, 6], [11, 12], [13, 14], [15, 16])]
    assert heights == sorted(heights)
    assert (body[[5, 7, 9, 11], 0] > body[[6, 8, 10, 12], 0]).all()  # she faces us: her left is our right
    x, down, away = body[:, 3:].T
    assert (x[[5, 7, 9, 11]] > x[[6, 8, 10, 12]]).all() and away[0] < away[[3, 4]].mean()  # her nose is nearer to us
    assert [down[joints].mean() for joints in ([0], [5, 6], [11, 12], [13, 14], [15, 16])] == sorted(
        down[joints].mean() for joints in ([0], [5, 6], [11, 12], [13, 14], [15, 16])
    )
    assert 1.2 < down.max() - down.min() < 2.0  # metres


def test_pixels_are_of_the_picture_that_was_given(pose: PoseEstimator, dancer: np.ndarray) -> None:
    whole = pose(dancer)[0]
    pose.new_shot()
    wider = np.pad(dancer, ((0, 0), (100, 60), (0, 0)), constant_values=200)
    shifted = pose(wider)[0]
    apart = (shifted[:, :2] - whole[:, :2] - torch.tensor([100.0, 0.0])).norm(dim=-1)
    assert apart.median() < 8


def test_a_picture_does_not_change_what_is_said_of_one_after_a_cut(pose: PoseEstimator, dancer: np.ndarray) -> None:
    alone = pose(dancer)
    pose(np.flip(dancer, 1))
    pose.new_shot()
    assert torch.equal(pose(dancer), alone)


def test_half_a_body_is_not_a_second_person(pose: PoseEstimator, shared_data: Path) -> None:
    pose.new_shot()
    pictures = frames(shared_data / "videos" / "solo_dance_music.mp4", start_s=4, seconds=1)
    assert {len(pose(picture)) for picture in pictures} == {1}


def test_two_men_are_two(pose: PoseEstimator, shared_data: Path) -> None:
    pose.new_shot()
    pictures = frames(shared_data / "videos" / "chaplin.mp4", start_s=4, seconds=0.5)
    last = [pose(picture) for picture in pictures][-1]
    assert len(last) == 2
    left, right = sorted(last[:, 11, 0].tolist())
    assert right - left > 100


def test_our_own_mannequin_is_marked_where_its_joints_are(
    pose: PoseEstimator, invented_dance: Callable[[int, int], Motion]
) -> None:
    pose.new_shot()
    shot = shot_of(invented_dance(2, 3), (640, 640))
    (body,) = pose(Painter(shot).image(0))
    scene = Scene(shot.mesh, shot.camera, shot.size, shot.look)
    joints = torch.from_numpy(scene.pixels_of(np.ascontiguousarray(shot.joints_m[0, 0])))[:, :2]
    limbs = [16, 17, 18, 19, 20, 21, 4, 5, 7, 8]  # shoulders, elbows, wrists, knees, ankles of SMPL
    marked, turned = body[[5, 6, 7, 8, 9, 10, 13, 14, 15, 16]], body[[6, 5, 8, 7, 10, 9, 14, 13, 16, 15]]
    assert (marked[:, 2] > 0.5).all()
    height = float(joints[:, 1].max() - joints[:, 1].min())
    # It has no face: its front may be taken for its back, left for right, but nothing else.
    errors = [(seen[:, :2] - joints[limbs]).norm(dim=-1).max() for seen in (marked, turned)]
    assert min(errors) < 0.06 * height


@pytest.mark.parametrize("shape", [(64, 64), (37, 201), (1, 1), (640, 3)])
def test_nobody_in_any_shape(pose: PoseEstimator, shape: tuple[int, int]) -> None:
    pose.new_shot()
    assert pose(np.full((*shape, 3), 90, np.uint8)).shape == (0, 17, 6)


def test_no_library_speaks_to_the_terminal(capfd: pytest.CaptureFixture[str], shared_data: Path) -> None:
    opened = estimator("mediapipe")
    for picture in frames(shared_data / "videos" / "chaplin.mp4", seconds=0.2):
        opened(picture)
    opened.close()
    assert capfd.readouterr() == ("", "")


def test_a_real_video_becomes_footage_in_its_own_pixels(pose: PoseEstimator, shared_data: Path) -> None:
    sight = observe(shared_data / "videos" / "basketball.mp4", estimator=pose, seconds=1)
    assert sight.footage.pose.size == (1080, 1920) and len(sight.footage) == 30
    assert (sight.footage.pose.confidence > 0.3).float().mean() > 0.8
    assert 1200 < sight.footage.pose.xy[:, 15:, 1].mean() < 1700  # feet stand on the floor of the picture
