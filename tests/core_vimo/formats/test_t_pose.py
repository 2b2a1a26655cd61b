import pytest
import torch

from core_vimo.formats.sources import Source
from core_vimo.formats.t_pose import in_t_pose, without_t_pose
from core_vimo.motion import Motion, concatenate, turn


def _t_pose(frames: int, root_m: torch.Tensor) -> Motion:
    """SMPL's rest pose, upright in a z-up world."""
    angles = torch.zeros(frames, 24, 3)
    angles[:, 0, 0] = torch.pi / 2
    return Motion.from_axis_angle(angles, root_m.expand(frames, 3))


def test_t_poses_at_both_ends_go_and_what_is_between_stays(invented_dance):
    dance = invented_dance(60, 0)
    recording = turn(concatenate([_t_pose(20, dance.root_m[0]), dance, _t_pose(3, dance.root_m[-1])]), 1.0)
    assert in_t_pose(recording).sum() == 23
    assert torch.equal(without_t_pose(recording).root_m, recording.root_m[20:80])


def test_a_t_pose_in_the_middle_is_part_of_the_dance(invented_dance):
    dance = invented_dance(60, 0)
    recording = concatenate([dance, _t_pose(20, dance.root_m[-1]), dance])
    assert len(without_t_pose(recording)) == 140


def test_nothing_but_a_t_pose_leaves_one_frame():
    assert len(without_t_pose(_t_pose(30, torch.tensor([0.0, 0.0, 0.95])))) == 1


@pytest.mark.parametrize(("name", "waits"), [("dab", 44), ("zombie", 37), ("jesse_dance", 0)])
def test_real_recordings_begin_where_the_actor_moves(shared_data, name, waits):
    """The first two stand in a T-pose for 44 and 37 frames before they start."""
    from core_vimo.formats import read_motion

    path = shared_data / "bvh_misc" / f"{name}.bvh"
    assert in_t_pose(read_motion(path)).sum() == waits
    assert not any(in_t_pose(motion)[[0, -1]].any() for motion in Source(path).read())
