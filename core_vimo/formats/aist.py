"""Motion pickles of AIST++ and EDGE, told apart by their keys; nothing in them is run (see `pickles.py`).

All three take `trans` for the pelvis as EDGE does. For AIST++ strictly it is the SMPL translation, which displaces a
dance by a constant (see `amass.py`); `motion.ground` puts its feet on the floor.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.formats.axes import from_y_up
from core_vimo.formats.pickles import load_restricted
from core_vimo.motion import Motion, resample
from core_vimo.publish import publish_file
from core_vimo.reading import naming
from core_vimo.rotations import axis_angle_to_matrix

AIST_FPS = 60.0
EDGE_FPS = 30.0


def read_pkl(path: Path | str) -> Motion:
    """A Motion at the file's own rate.

    AIST++ (`smpl_poses`, `smpl_trans`, `smpl_scaling`): y-up, 60 fps, the path divided by the scaling. EDGE's repacked
    copy of it (`q`, `pos`, `scale`; slices come without `scale`, already divided): the same. EDGE's output
    (`smpl_poses`, `smpl_trans`, `full_pose`): z-up metres, 30 fps. Raises InputError.
    """
    content = load_restricted(path)
    if "smpl_poses" in content and "smpl_scaling" in content:
        return _y_up(path, content, "smpl_poses", "smpl_trans", "smpl_scaling")
    if "smpl_poses" in content and "full_pose" in content:
        with naming(path):
            return Motion.from_axis_angle(*_poses(path, content, "smpl_poses", "smpl_trans"), EDGE_FPS)
    if "q" in content and "pos" in content:
        return _y_up(path, content, "q", "pos", "scale")
    some = ", ".join(f"'{key[:40]}'" for key in list(content)[:8]) or "nothing"
    raise InputError(f"{path}: holds {some}, which is no motion of AIST++ or EDGE; give one of their motion pickles")


def write_pkl(motion: Motion, path: Path | str) -> None:
    """Write what EDGE writes, for tools that read its dances: z-up metres at 30 fps (resampled where it is not)."""
    motion = resample(motion, EDGE_FPS)
    content = {
        "smpl_poses": motion.axis_angle().reshape(len(motion), 72).numpy(),
        "smpl_trans": motion.root_m.numpy(),
        "full_pose": motion.joints_m().numpy(),
    }
    with publish_file(path) as aside, open(aside, "wb") as file:
        pickle.dump(content, file, protocol=4)


def _y_up(path: Path | str, content: dict[str, Any], poses: str, trans: str, scaling: str) -> Motion:
    axis_angle, root = _poses(path, content, poses, trans)
    scale = np.asarray(content.get(scaling, 1.0))
    if scale.size != 1 or scale.dtype.kind not in "fiu" or not scale > 0:
        raise InputError(f"{path}: '{scaling}' must be one positive number; take a fresh copy")
    with naming(path):
        return from_y_up(axis_angle_to_matrix(axis_angle), root / float(scale.reshape(())), AIST_FPS)


def _poses(path: Path | str, content: dict[str, Any], poses: str, trans: str) -> tuple[Tensor, Tensor]:
    """Axis-angles `[N, 24, 3]` and positions `[N, 3]`, float64."""
    q: Any = content[poses]
    p: Any = content.get(trans)
    if not _is_table(q, ((72,), (24, 3))) or not _is_table(p, ((3,),)) or len(q) != len(p):
        raise InputError(
            f"{path}: '{poses}' and '{trans}' must be as many frames of 72 and of 3 numbers; take a fresh copy"
        )
    axis_angle = torch.as_tensor(np.asarray(q, np.float64)).reshape(-1, 24, 3)
    return axis_angle, torch.as_tensor(np.asarray(p, np.float64))


def _is_table(value: Any, rows: tuple[tuple[int, ...], ...]) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.shape[1:] in rows
