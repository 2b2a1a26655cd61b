import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from core_vimo.errors import InputError
from core_vimo.formats.amass import read_npz, write_npz
from core_vimo.motion import resample
from core_vimo.rotations import y_up_to_z_up


@pytest.fixture
def written(motion, tmp_path):
    write_npz(motion, tmp_path / "dance.npz")
    return tmp_path / "dance.npz"


def _as_the_add_on_reads(path, target_fps=30, joints=52):
    """The key rules of Meshcapade's SMPL add-on for Blender, written anew: what it needs, refuses and cuts."""
    with np.load(path, allow_pickle=False) as data:
        assert {"trans", "gender", "betas", "poses"} <= set(data.files)
        rate = next(data[key] for key in ("mocap_frame_rate", "mocap_framerate", "fps") if key in data.files)
        fps = int(rate)
        assert fps >= target_fps, f"frame rate {fps} under the target {target_fps}"
        assert str(data["gender"]) in ("neutral", "female", "male")
        step = fps // target_fps
        poses = [data["poses"][frame].reshape(-1, 3)[:joints] for frame in range(0, len(data["poses"]), step)]
        assert all(len(pose) == joints for pose in poses)
        return np.stack(poses), data["trans"][::step] * 100, data["betas"]


def test_the_blender_add_on_can_read_it(written, motion):
    poses, centimetres, betas = _as_the_add_on_reads(written)
    assert poses.shape == (len(motion), 52, 3) and betas.shape == (16,)
    body = Rotation.from_rotvec(poses[:, :22].reshape(-1, 3)).as_matrix()
    np.testing.assert_allclose(body, motion.rotations[:, :22].reshape(-1, 3, 3), atol=1e-5)
    assert (poses[:, 22:] == 0).all()
    np.testing.assert_allclose(centimetres / 100, motion.root_m, atol=1e-6)


@pytest.mark.parametrize("fps", [29.97, 30.0, 59.94, 120.0])
def test_rates_are_whole_and_both_spellings_stand(motion, tmp_path, fps):
    write_npz(resample(motion, fps), tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as data:
        assert data["mocap_frame_rate"] == data["mocap_framerate"] == round(fps)
    _as_the_add_on_reads(tmp_path / "x.npz")
    assert read_npz(tmp_path / "x.npz").seconds == pytest.approx(motion.seconds, abs=0.05)


def test_split_keys_say_the_same(written):
    with np.load(written) as data:
        joined = np.concatenate((data["root_orient"], data["pose_body"], data["pose_hand"]), axis=1)
        np.testing.assert_array_equal(joined, data["poses"])
        assert data["pose_jaw"].shape[1:] == (3,) and data["pose_eye"].shape[1:] == (6,)
        assert str(data["surface_model_type"]) == "smplh" and data["num_betas"] == 16


def test_round_trip_is_exact(written, motion):
    back = read_npz(written)
    assert back.fps == motion.fps
    for name in ("rotations", "root_m", "contacts"):
        assert torch.equal(getattr(back, name), getattr(motion, name))


def test_edits_by_other_tools_win(written, motion, tmp_path):
    with np.load(written) as data:
        arrays = dict(data)
    moved = arrays | {"trans": arrays["trans"] + np.array([1, 0, 0])}
    np.savez(tmp_path / "moved.npz", **moved)
    torch.testing.assert_close(read_npz(tmp_path / "moved.npz").root_m, motion.root_m + torch.tensor([1.0, 0, 0]))
    arrays["poses"][:, 3:6] = 0
    np.savez(tmp_path / "posed.npz", **arrays)
    np.testing.assert_allclose(read_npz(tmp_path / "posed.npz").rotations[:, 1], np.tile(np.eye(3), (60, 1, 1)))


def test_the_pelvis_is_not_the_translation(motion, tmp_path):
    """With a body's rest pelvis, `trans` is what smplx adds, and the pelvis comes back to where it was."""
    offset = np.array([-0.002, -0.23, 0.03])
    write_npz(motion, tmp_path / "x.npz", rest_pelvis_m=offset)
    with np.load(tmp_path / "x.npz") as data:
        np.testing.assert_allclose(data["trans"] + offset, motion.root_m, atol=1e-6)
        foreign = {key: data[key] for key in ("poses", "trans", "betas", "gender", "mocap_framerate")}
    assert torch.equal(read_npz(tmp_path / "x.npz").root_m, motion.root_m)
    np.savez(tmp_path / "foreign.npz", **foreign)
    back = read_npz(tmp_path / "foreign.npz", rest_pelvis_m=offset)
    torch.testing.assert_close(back.root_m, motion.root_m)
    displaced = read_npz(tmp_path / "foreign.npz").root_m - motion.root_m
    torch.testing.assert_close(displaced, torch.tensor(-offset, dtype=torch.float32).expand(60, 3))


@pytest.mark.parametrize(("joints", "kept"), [(22, 22), (24, 24), (52, 22), (55, 22)])
@pytest.mark.parametrize("rate", ["mocap_frame_rate", "mocap_framerate", "fps"])
def test_reads_every_smpl_family(motion, tmp_path, joints, kept, rate):
    poses = np.random.default_rng(0).normal(size=(60, joints, 3))
    poses[:, :kept] = motion.axis_angle()[:, :kept]
    arrays = {"poses": poses.reshape(60, -1), "trans": motion.root_m.numpy(), rate: np.array(120.0)}
    np.savez(tmp_path / "x.npz", **arrays)
    back = read_npz(tmp_path / "x.npz")
    assert back.fps == 120
    torch.testing.assert_close(back.rotations[:, :kept], motion.rotations[:, :kept], atol=1e-5, rtol=0)
    assert torch.equal(back.rotations[:, kept:], torch.eye(3).expand(60, 24 - kept, 3, 3))


def test_reads_split_keys_alone(motion, tmp_path):
    aa = motion.axis_angle().numpy()
    np.savez(
        tmp_path / "x.npz", root_orient=aa[:, 0], pose_body=aa[:, 1:22].reshape(60, 63),
        trans=motion.root_m.numpy(), mocap_frame_rate=60,
    )  # fmt: skip
    back = read_npz(tmp_path / "x.npz")
    torch.testing.assert_close(back.rotations[:, :22], motion.rotations[:, :22], atol=1e-5, rtol=0)


def test_dance_with_melody_is_y_up(motion, tmp_path):
    turn = y_up_to_z_up()
    rotations = motion.rotations.clone()
    rotations[:, 0] = turn.T @ rotations[:, 0]
    poses = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_rotvec().reshape(60, 24, 3).astype(np.float32)
    np.savez(tmp_path / "x.npz", poses=poses, trans=(motion.root_m @ turn).numpy())
    back = read_npz(tmp_path / "x.npz")
    assert back.fps == 30
    torch.testing.assert_close(back.joints_m(), motion.joints_m(), atol=1e-5, rtol=0)


def test_real_dances_stand_upright_on_the_floor(shared_data):
    files = sorted((shared_data / "dance_with_melody").glob("*.npz"))[::12]
    assert files
    for path in files:
        joints_m = read_npz(path).joints_m()
        assert (joints_m[:, 15, 2] > joints_m[:, [7, 8], 2].amax(1)).float().mean() > 0.99
        lowest = joints_m[:, [7, 8, 10, 11], 2].amin(1)
        assert -0.05 < lowest.quantile(0.05) < 0.1


def _good(frames=4) -> dict:
    return {"poses": np.zeros((frames, 156)), "trans": np.zeros((frames, 3)), "mocap_framerate": np.array(30.0)}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"poses": np.zeros((4, 157))}, r"'poses' is float64 \[4, 157\]"),
        ({"poses": np.zeros((4, 52, 3))}, "'poses' is"),
        ({"poses": np.zeros((0, 156)), "trans": np.zeros((0, 3))}, "'poses' is"),
        ({"poses": np.zeros(156)}, "'poses' is"),
        ({"poses": np.full((4, 156), "a")}, "'poses' is"),
        ({"poses": np.full((4, 156), np.nan)}, "NaN"),
        ({"poses": None}, "has neither 'poses'"),
        ({"trans": None}, "has no 'trans'"),
        ({"trans": np.zeros((5, 3))}, r"'trans' is float64 \[5, 3\]"),
        ({"mocap_framerate": None}, "names no frame rate"),
        ({"mocap_framerate": np.zeros(3)}, "not one frame rate"),
        ({"mocap_framerate": np.array(0.0)}, "frame rate must lie between"),
        ({"mocap_framerate": np.array("30")}, "not one frame rate"),
        ({"vimo_rotations": np.zeros((4, 24, 3))}, "'vimo_rotations' is"),
        ({"poses": None, "root_orient": np.zeros((4, 3)), "pose_body": np.zeros((3, 63))}, "'pose_body' is"),
    ],
)
def test_bad_files_are_named(tmp_path, change, sentence):
    arrays = {key: value for key, value in (_good() | change).items() if value is not None}
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(InputError, match=rf"bad\.npz.*{sentence}"):
        read_npz(tmp_path / "bad.npz")
