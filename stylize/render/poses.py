"""Motions and the body as what the rasteriser draws: plain arrays, one transform a joint and frame."""

from dataclasses import dataclass

import numpy as np

from core_vimo.body import mannequin
from core_vimo.motion import Motion
from core_vimo.rotations import heading
from core_vimo.skeleton import forward_kinematics_full, rest_joints_m
from stylize.render.camera import Floats
from stylize.render.scene import Mesh


@dataclass(frozen=True)
class Poses:
    """transforms `[S, 24, 3, 4]` carry the rest mesh into the world; joints_m `[S, 24, 3]`; headings `[S]` radians."""

    transforms: Floats
    joints_m: Floats
    headings: Floats

    def __len__(self) -> int:
        return len(self.transforms)


def poses_of(motion: Motion) -> Poses:
    """Forward kinematics of the whole motion, as arrays."""
    turned, joints = forward_kinematics_full(motion.rotations, motion.root_m)
    shift = joints - (turned @ rest_joints_m()[:, :, None])[..., 0]
    transforms = np.concatenate((turned.numpy(), shift.numpy()[..., None]), axis=-1)
    facing = heading(motion.rotations[:, 0]).numpy()
    return Poses(np.ascontiguousarray(transforms, np.float32), np.ascontiguousarray(joints.numpy(), np.float32), facing)


def mannequin_mesh() -> Mesh:
    """The procedural body, as arrays."""
    body = mannequin()
    return Mesh(body.vertices_m, body.normals, body.faces, body.joints, body.weights)
