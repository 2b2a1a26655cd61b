"""SmplBody against outputs of smplx itself on a made-up body (see the golden README, section 6)."""

import numpy as np
import pytest
import torch

from core_vimo.formats.amass import read_npz
from core_vimo.formats.smpl import SmplBody
from core_vimo.motion import Motion


@pytest.fixture(scope="module")
def golden(golden_dir) -> dict:
    with np.load(golden_dir / "smplx_fk.npz") as data:
        return dict(data)


@pytest.mark.parametrize("item", range(4))
def test_joints_and_vertices(golden_dir, golden, item):
    body = SmplBody(golden_dir / "smplx_model.npz", betas=golden["betas"][item])
    pose = np.concatenate((golden["global_orient"][item], golden["body_pose"][item])).reshape(1, 24, 3)
    pelvis_m = body.rest_pelvis_m + torch.as_tensor(golden["transl"][item])
    motion = Motion.from_axis_angle(torch.as_tensor(pose, dtype=torch.float32), pelvis_m[None])
    np.testing.assert_allclose(body.joints(motion)[0], golden["joints"][item], atol=1e-5)
    np.testing.assert_allclose(body.vertices(motion)[0], golden["vertices"][item], atol=1e-5)


def test_an_amass_file_and_its_body_model_agree_with_smplx(golden_dir, golden, tmp_path):
    """The root is not the translation: with the body's rest pelvis, joints are smplx's; without it, all displaced."""
    item = 2
    body = SmplBody(golden_dir / "smplx_model.npz", betas=golden["betas"][item])
    poses = np.concatenate((golden["global_orient"], golden["body_pose"]), axis=1)[item : item + 1]
    np.savez(tmp_path / "x.npz", poses=poses, trans=golden["transl"][item : item + 1], mocap_framerate=30.0)
    exact = body.joints(read_npz(tmp_path / "x.npz", rest_pelvis_m=body.rest_pelvis_m))[0]
    np.testing.assert_allclose(exact, golden["joints"][item], atol=1e-5)
    displaced = exact - body.joints(read_npz(tmp_path / "x.npz"))[0]
    np.testing.assert_allclose(displaced, body.rest_pelvis_m.expand(24, 3), atol=1e-5)
    assert displaced.norm(dim=-1).min() > 0.01
