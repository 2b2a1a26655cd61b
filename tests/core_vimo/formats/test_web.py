import json
import struct

import numpy as np
import torch

from core_vimo.body import mannequin
from core_vimo.formats.web import body_bytes, clip_bytes
from core_vimo.rotations import quaternion_to_matrix
from core_vimo.skeleton import JOINT_NAMES, forward_kinematics


def unpacked(data):
    (size,) = struct.unpack_from("<I", data)
    header, offset, arrays = json.loads(data[4 : 4 + size]), 4 + size, {}
    for listed in header["arrays"]:
        assert offset % 4 == 0
        kind, count = np.dtype(f"<{listed['type']}"), int(np.prod(listed["shape"]))
        arrays[listed["name"]] = np.frombuffer(data, kind, count, offset).reshape(listed["shape"])
        offset += -(-count * kind.itemsize // 4) * 4
    assert offset == len(data)
    return header, arrays


def test_a_clip_holds_the_dance_y_up_to_a_tenth_of_a_millimetre(invented_dance):
    dance = invented_dance(45, 1)
    header, arrays = unpacked(clip_bytes(dance))
    assert (header["frames"], header["fps"]) == (45, 30)
    quaternions = torch.as_tensor(arrays["quaternions"].astype(np.float64)) / 32767
    rotations = quaternion_to_matrix(quaternions / quaternions.norm(dim=-1, keepdim=True))
    joints_m = forward_kinematics(rotations.float(), torch.as_tensor(arrays["root_m"].copy()))
    x, y, z = dance.joints_m().unbind(-1)
    assert (joints_m - torch.stack((x, z, -y), dim=-1)).norm(dim=-1).max() < 1e-4


def test_the_body_is_the_mannequin():
    header, arrays = unpacked(body_bytes())
    body = mannequin()
    assert header["names"] == list(JOINT_NAMES) and header["parents"][0] == -1
    for name in ("vertices_m", "normals", "joints", "weights", "faces"):
        assert (arrays[name] == getattr(body, name)).all(), name
