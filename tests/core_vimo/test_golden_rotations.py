"""Rotations and forward kinematics against pytorch3d, scipy and EDGE's skeleton."""

import numpy as np
import torch

from core_vimo import rotations as rot
from core_vimo.skeleton import PARENTS, REST_OFFSETS_M, forward_kinematics


def test_golden_matrix_and_sixd(golden_dir):
    golden = {k: torch.from_numpy(v) for k, v in np.load(golden_dir / "rotations.npz").items()}
    assert torch.allclose(rot.axis_angle_to_matrix(golden["axis_angle"]), golden["matrix"], atol=1e-12)
    for convention in ("columns", "rows"):
        assert torch.allclose(
            rot.matrix_to_sixd(golden["matrix"], convention), golden[f"sixd_{convention}"], atol=1e-12
        )
        raw = rot.sixd_to_matrix(golden["raw_sixd"], convention)
        assert torch.allclose(raw, golden[f"raw_as_{convention}_matrix"], atol=1e-9)
    back = rot.axis_angle_to_matrix(rot.matrix_to_axis_angle(golden["matrix"]))
    assert torch.allclose(back, golden["matrix"], atol=1e-9)


def test_golden_forward_kinematics(golden_dir):
    golden = {k: torch.from_numpy(v) for k, v in np.load(golden_dir / "edge_motion.npz").items()}
    assert tuple(golden["parents"].tolist()) == PARENTS
    assert torch.equal(REST_OFFSETS_M, golden["offsets"].float())
    joints = forward_kinematics(rot.axis_angle_to_matrix(golden["fk_axis_angle"]), golden["fk_root"])
    assert torch.allclose(joints, golden["fk_joints"], atol=1e-5)
