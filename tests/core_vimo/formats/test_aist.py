import pickle

import numpy as np
import pytest
import torch

from core_vimo.errors import InputError
from core_vimo.formats.aist import read_pkl, write_pkl
from core_vimo.formats.axes import from_y_up, to_y_up
from core_vimo.motion import resample
from core_vimo.rotations import axis_angle_to_matrix, matrix_to_axis_angle


@pytest.fixture(scope="module")
def y_up(motion):
    """Axis-angles `[S, 24, 3]` and pelvis `[S, 3]` of the motion in y-up axes."""
    rotations, root_m = to_y_up(motion)
    return matrix_to_axis_angle(rotations).numpy(), root_m.numpy()


def _write(tmp_path, content, protocol=4):
    path = tmp_path / "gBR_sBM_cAll_d04_mBR0_ch01.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("shape", [(60, 72), (60, 24, 3)])
def test_aist_is_y_up_sixty_and_divided_by_its_scaling(motion, y_up, tmp_path, protocol, shape):
    poses, root_m = y_up
    content = {
        "smpl_loss": 0.3,
        "smpl_poses": poses.reshape(shape),
        "smpl_scaling": np.array([93.8]),
        "smpl_trans": root_m * 93.8,
    }
    back = read_pkl(_write(tmp_path, content, protocol))
    assert back.fps == 60
    torch.testing.assert_close(back.joints_m(), motion.joints_m(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("scale", [None, 93.8])
def test_edge_repacked_and_its_slices(motion, y_up, tmp_path, scale):
    poses, root_m = y_up
    content = {"pos": root_m * (scale or 1), "q": poses.reshape(60, 72)}
    content |= {"scale": np.array([scale])} if scale else {}
    back = read_pkl(_write(tmp_path, content))
    assert back.fps == 60
    torch.testing.assert_close(back.joints_m(), motion.joints_m(), atol=1e-5, rtol=0)


def test_edge_output_is_z_up_thirty(motion, tmp_path):
    content = {
        "smpl_poses": motion.axis_angle().reshape(60, 72).numpy(),
        "smpl_trans": motion.root_m.numpy(),
        "full_pose": motion.joints_m().numpy(),
    }
    back = read_pkl(_write(tmp_path, content))
    assert back.fps == 30
    torch.testing.assert_close(back.joints_m(), torch.as_tensor(content["full_pose"]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("fps", [30.0, 60.0])
def test_what_is_written_is_what_edge_writes(motion, tmp_path, fps):
    write_pkl(resample(motion, fps), tmp_path / "out.pkl")
    content = pickle.loads((tmp_path / "out.pkl").read_bytes())  # our own file, a moment old
    frames = len(content["smpl_poses"])
    assert {key: value.shape for key, value in content.items()} == {
        "smpl_poses": (frames, 72), "smpl_trans": (frames, 3), "full_pose": (frames, 24, 3)
    }  # fmt: skip
    back = read_pkl(tmp_path / "out.pkl")
    assert back.fps == 30
    torch.testing.assert_close(back.joints_m(), motion.joints_m()[:frames], atol=2e-5, rtol=0)


def test_golden_edge_axis_change(golden_dir):
    """EDGE's own axis change and forward kinematics on the same y-up motion."""
    with np.load(golden_dir / "edge_motion.npz") as data:
        poses, root_m, joints = data["yup_axis_angle"], data["yup_root_pos"], data["zup_joints"]
    for clip in range(len(poses)):
        rotations = axis_angle_to_matrix(torch.as_tensor(poses[clip]))
        back = from_y_up(rotations, torch.as_tensor(root_m[clip]), 30.0)
        np.testing.assert_allclose(back.joints_m()[::5], joints[clip], atol=1e-5)


@pytest.mark.parametrize(
    "content",
    [
        {"keypoints3d": np.zeros((5, 17, 3))},
        {},
        [1, 2],
        {"smpl_poses": np.zeros((5, 72)), "smpl_trans": np.zeros((5, 3))},
        {"smpl_poses": np.zeros((5, 72)), "smpl_trans": np.zeros((4, 3)), "smpl_scaling": np.ones(1)},
        {"smpl_poses": np.zeros((5, 71)), "smpl_trans": np.zeros((5, 3)), "smpl_scaling": np.ones(1)},
        {"smpl_poses": np.zeros((5, 72)), "smpl_trans": np.zeros((5, 3)), "smpl_scaling": np.zeros(1)},
        {"smpl_poses": np.zeros((5, 72)), "smpl_trans": np.zeros((5, 3)), "smpl_scaling": "big"},
        {"smpl_poses": np.zeros((5, 72)), "smpl_trans": None, "smpl_scaling": np.ones(1)},
        {"smpl_poses": np.full((5, 72), np.nan), "smpl_trans": np.zeros((5, 3)), "smpl_scaling": np.ones(1)},
        {"q": np.zeros((0, 72)), "pos": np.zeros((0, 3))},
        {"q": np.zeros((2, 72)), "pos": [[0, 0, 0], [0, 0, 0]]},
    ],
)
def test_bad_files_are_named(tmp_path, content):
    with pytest.raises(InputError, match=r"gBR_sBM_cAll_d04_mBR0_ch01\.pkl: "):
        read_pkl(_write(tmp_path, content))
