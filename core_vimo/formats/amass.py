"""npz files of SMPL poses: AMASS (SMPL, SMPL+H, SMPL-X) and Dance with Melody in, AMASS SMPL+H out for Blender.

`trans` is not the pelvis. smplx adds it to a body whose pelvis rests away from the origin, so the pelvis is at
`trans + rest_pelvis_m` in the file's axes, and that offset stands in the licensed body model
(`SmplBody.rest_pelvis_m`). Without it `trans` is taken for the pelvis: the dance is displaced by one constant vector
(about 0.2 m), nothing else.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from core_vimo.errors import InputError
from core_vimo.formats.axes import from_y_up
from core_vimo.formats.npz import load_arrays
from core_vimo.motion import Motion, resample
from core_vimo.publish import publish_file
from core_vimo.reading import naming
from core_vimo.rotations import axis_angle_to_matrix

_BODY_JOINTS = 22  # SMPL's 22 and 23, the hands, exist in neither SMPL+H nor SMPL-X
_SMPLH_HAND_JOINTS = 30
_JOINT_COUNTS = {22: "SMPL+H body", 24: "SMPL", 52: "SMPL+H", 55: "SMPL-X"}
_RATE_KEYS = ("mocap_frame_rate", "mocap_framerate", "fps")
_EDITED = 1e-4  # radians or metres by which standard keys may differ from our own and still be called untouched

_Arrays = dict[str, np.ndarray[Any, Any]]


def read_npz(path: Path | str, *, rest_pelvis_m: ArrayLike | None = None) -> Motion:
    """A Motion at the file's rate from AMASS-style keys, or from Dance with Melody's.

    `poses` `[N, 3J]` with J of 22, 24, 52 or 55 (or the split keys `root_orient`, `pose_body`) is AMASS, z-up; `poses`
    `[N, 24, 3]` is y-up, 30 fps unless the file says otherwise. Files of `write_npz` come back exactly, contacts
    included, unless their standard keys were edited since. Fingers are dropped. Raises InputError.
    """
    arrays = load_arrays(path)
    axis_angle, z_up = _poses(path, arrays)
    root_m = _numbers(path, arrays, "trans", (len(axis_angle), 3))
    if rest_pelvis_m is not None:
        root_m = root_m + torch.as_tensor(rest_pelvis_m, dtype=torch.float64)
    fps = _rate(path, arrays, default=None if z_up else 30.0)
    with naming(path):
        if not z_up:
            return from_y_up(axis_angle_to_matrix(axis_angle), root_m, fps)
        return _own(path, arrays, axis_angle, root_m, fps) or Motion.from_axis_angle(axis_angle, root_m, fps)


def write_npz(motion: Motion, path: Path | str, *, rest_pelvis_m: ArrayLike | None = None) -> None:
    """Write a Motion as AMASS SMPL+H, for the SMPL Blender add-on ("AMASS (Y-up)") and for AMASS tools.

    Fingers are straight, betas zero. A rate that is no whole number is resampled to the nearest that is: the add-on
    truncates rates, and refuses those under its target of 30. `rest_pelvis_m` `[3]` is subtracted from the pelvis to
    give `trans`; without it `trans` is the pelvis, which the add-on, snapping bodies to the floor, shows displaced
    sideways by the offset.
    """
    motion = resample(motion, float(max(1, round(motion.fps))))
    offset = np.zeros(3) if rest_pelvis_m is None else np.asarray(rest_pelvis_m, np.float64)
    arrays = _standard(motion, offset) | {
        "vimo_rotations": motion.rotations.numpy(),
        "vimo_root_m": motion.root_m.numpy(),
        "vimo_contacts": motion.contacts.numpy(),
        "vimo_rest_pelvis_m": offset,
    }
    with publish_file(path) as aside, open(aside, "wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def _standard(motion: Motion, rest_pelvis_m: NDArray[np.float64]) -> _Arrays:
    """AMASS's keys, both spellings of the rate, joined poses for the add-on and split ones for other tools."""
    frames, rate = len(motion), np.array(float(motion.fps))
    body = motion.axis_angle()[:, :_BODY_JOINTS].reshape(frames, -1).numpy()
    hands = np.zeros((frames, 3 * _SMPLH_HAND_JOINTS), np.float32)
    return {
        "poses": np.concatenate((body, hands), axis=1),
        "root_orient": body[:, :3],
        "pose_body": body[:, 3:],
        "pose_hand": hands,
        "pose_jaw": np.zeros((frames, 3), np.float32),
        "pose_eye": np.zeros((frames, 6), np.float32),
        "trans": motion.root_m.numpy() - rest_pelvis_m,
        "betas": np.zeros(16),
        "num_betas": np.array(16),
        "gender": np.array("neutral"),
        "surface_model_type": np.array("smplh"),
        "mocap_frame_rate": rate,
        "mocap_framerate": rate,
        "mocap_time_length": np.array(motion.seconds),
    }


def _own(
    path: Path | str, arrays: _Arrays, axis_angle: torch.Tensor, root_m: torch.Tensor, fps: float
) -> Motion | None:
    """What `write_npz` kept beside AMASS's keys, where the two still agree; else None."""
    if "vimo_rotations" not in arrays:
        return None
    frames = len(root_m)
    rotations = _numbers(path, arrays, "vimo_rotations", (frames, 24, 3, 3))
    own_root_m = _numbers(path, arrays, "vimo_root_m", (frames, 3))
    offset = _numbers(path, arrays, "vimo_rest_pelvis_m", (3,))
    contacts = _numbers(path, arrays, "vimo_contacts", (frames, 4))
    standard = axis_angle_to_matrix(axis_angle[:, :_BODY_JOINTS])
    agree = torch.allclose(standard, rotations[:, :_BODY_JOINTS], atol=_EDITED, rtol=0)
    trans = torch.as_tensor(arrays["trans"], dtype=torch.float64)
    agree = agree and torch.allclose(trans, own_root_m - offset, atol=_EDITED, rtol=0)
    return Motion(rotations, own_root_m, contacts, fps) if agree else None


def _poses(path: Path | str, arrays: _Arrays) -> tuple[torch.Tensor, bool]:
    """Axis-angles `[N, 24, 3]` with missing joints straight, and whether the file is z-up."""
    if "poses" in arrays:
        poses = arrays["poses"]
    elif "root_orient" in arrays and "pose_body" in arrays:
        frames = len(np.atleast_1d(arrays["root_orient"]))
        halves = [_numbers(path, arrays, key, (frames, n)) for key, n in (("root_orient", 3), ("pose_body", 63))]
        poses = torch.cat(halves, dim=1).numpy()
    else:
        raise InputError(
            f"{path}: has neither 'poses' nor 'root_orient' and 'pose_body' (but {_some(arrays)}); give a motion npz"
        )
    wide = poses.ndim == 2 and poses.shape[1] in {3 * count for count in _JOINT_COUNTS}
    tall = poses.ndim == 3 and poses.shape[1:] == (24, 3)
    if not (wide or tall) or poses.dtype.kind != "f" or not len(poses):
        raise InputError(
            f"{path}: 'poses' is {poses.dtype} {list(poses.shape)}; it must hold frames of 66, 72, 156 or 165 numbers, "
            "or of 24 x 3"
        )
    joints = torch.as_tensor(poses, dtype=torch.float64).reshape(len(poses), -1, 3)
    kept = 24 if joints.shape[1] == 24 else _BODY_JOINTS
    axis_angle = torch.zeros(len(poses), 24, 3, dtype=torch.float64)
    axis_angle[:, :kept] = joints[:, :kept]
    return axis_angle, not tall


def _numbers(path: Path | str, arrays: _Arrays, key: str, shape: tuple[int, ...]) -> torch.Tensor:
    if key not in arrays:
        raise InputError(f"{path}: has no '{key}' (but {_some(arrays)}); give a motion npz")
    array = arrays[key]
    if array.shape != shape or array.dtype.kind not in "fiu":
        raise InputError(f"{path}: '{key}' is {array.dtype} {list(array.shape)}, not numbers {list(shape)}")
    return torch.as_tensor(array.astype(np.float64))


def _rate(path: Path | str, arrays: _Arrays, default: float | None) -> float:
    for key in _RATE_KEYS:
        if key in arrays:
            rate = arrays[key]
            if rate.size != 1 or rate.dtype.kind not in "fiu":
                raise InputError(f"{path}: '{key}' is {rate.dtype} {list(rate.shape)}, not one frame rate")
            return float(rate.reshape(()))
    if default is None:
        raise InputError(f"{path}: names no frame rate; add 'mocap_frame_rate' to it")
    return default


def _some(arrays: _Arrays) -> str:
    return ", ".join(f"'{key[:40]}'" for key in list(arrays)[:8]) or "nothing"
