"""EDGE's 151-vector, contacts and axes against its own data code."""

import numpy as np
import torch

from core_vimo import rotations as rot
from core_vimo.codec import CHANNELS, CONTACTS, MotionCodec
from core_vimo.motion import Motion


def test_golden_vector(golden_dir):
    golden = {k: torch.from_numpy(v) for k, v in np.load(golden_dir / "edge_motion.npz").items()}
    codec = MotionCodec(torch.ones(CHANNELS), torch.zeros(CHANNELS), sixd="rows", root="position")
    scaled = MotionCodec(golden["scaler_scale"].float(), golden["scaler_min"].float(), sixd="rows", root="position")
    z_up = rot.y_up_to_z_up()
    for i in range(len(golden["vector_151"])):
        rotations = rot.axis_angle_to_matrix(golden["yup_axis_angle"][i].float())
        rotations[:, 0] = z_up @ rotations[:, 0]
        motion = Motion.from_rotations(rotations, golden["yup_root_pos"][i].float() @ z_up.T)
        vector = codec.vector(motion)
        assert torch.equal(vector[:, CONTACTS], golden["vector_151"][i][:, CONTACTS].float())
        assert torch.allclose(vector, golden["vector_151"][i].float(), atol=1e-5)
        assert torch.allclose(scaled.encode(motion), golden["vector_151_normalised"][i].float(), atol=1e-5)
        assert torch.allclose(motion.joints_m()[::5], golden["zup_joints"][i].float(), atol=1e-5)
