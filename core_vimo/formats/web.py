"""What a browser is given: the mannequin and motions as plain arrays, for the studio's stage and the HTML export.

Little-endian, y-up, metres, quaternions xyzw. A file is the length of its header (uint32), the header (JSON, padded
with spaces to 4 bytes), and the arrays that it lists under "arrays", each begun on 4 bytes.
"""

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core_vimo.body import floor_m, mannequin
from core_vimo.formats.axes import to_y_up
from core_vimo.motion import Motion
from core_vimo.rotations import matrix_to_quaternion
from core_vimo.skeleton import JOINT_NAMES, PARENTS, REST_OFFSETS_M

_QUATERNION_STEPS = 32767


def clip_bytes(motion: Motion) -> bytes:
    """A motion: `root_m [S, 3]` float32 and `quaternions [S, 24, 4]` as int16 of 32767 (0.1 mm at a hand)."""
    rotations, root_m = to_y_up(motion)
    quaternions = np.round(matrix_to_quaternion(rotations).numpy() * _QUATERNION_STEPS)
    arrays = {"root_m": root_m.numpy().astype("<f4"), "quaternions": quaternions.astype("<i2")}
    return _packed({"fps": motion.fps, "frames": len(motion)}, arrays)


def body_bytes() -> bytes:
    """The mannequin's mesh and skin at rest, with the joints' names, parents, offsets and height over the floor."""
    body = mannequin()
    joints = {"names": list(JOINT_NAMES), "parents": list(PARENTS), "floor_m": floor_m()}
    arrays = {
        "offsets_m": REST_OFFSETS_M.numpy().astype("<f4"),
        "vertices_m": body.vertices_m.astype("<f4"),
        "normals": body.normals.astype("<f4"),
        "joints": body.joints.astype("<u2"),
        "weights": body.weights.astype("<f4"),
        "faces": body.faces.astype("<u4"),
    }
    return _packed(joints, arrays)


def _packed(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> bytes:
    listed = [{"name": name, "type": array.dtype.str[1:], "shape": array.shape} for name, array in arrays.items()]
    text = json.dumps(header | {"arrays": listed}, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    data = b"".join(_padded(array.tobytes()) for array in arrays.values())
    return struct.pack("<I", len(text)) + text + data


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
