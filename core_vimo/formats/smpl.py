"""A user's own SMPL body model file: joints, shape and mesh of a Motion, through smplx (an extra: `smpl`).

The model files are licensed and not shipped. They are read without running them: npz plainly, the old pickles through
`pickles.py`, and the arrays are handed to smplx, which therefore unpickles nothing.
"""

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from core_vimo.errors import InputError, MissingExtraError
from core_vimo.formats.npz import load_arrays
from core_vimo.formats.pickles import BODY_MODELS, load_restricted
from core_vimo.motion import Motion
from core_vimo.skeleton import PARENTS, forward_kinematics

_FRAMES_AT_ONCE = 128  # bounds the memory of blend shapes on SMPL's 6890 vertices
_MAX_BETAS = 300

_Arrays = dict[str, np.ndarray[Any, Any]]


class SmplBody:
    """One SMPL model (its file says which gender) in one shape.

    `betas` are the shape coefficients, at most the file's; missing ones are zero. Motions keep their pelvis where
    `root_m` puts it: smplx's translation, which moves with the shape, never shows. Raises InputError for files that
    are no SMPL model, MissingExtraError without smplx.
    """

    def __init__(self, path: Path | str, betas: ArrayLike | None = None) -> None:
        arrays = _load(path)
        self._model = _smplx_model(arrays)
        self._betas = _padded(path, betas, self._model.num_betas)
        self.faces = torch.as_tensor(arrays["f"].astype(np.int64))
        """`[F, 3]` vertex indices."""
        shaped = self._model.v_template + self._model.shapedirs @ self._betas
        rest = self._model.J_regressor @ shaped
        self.rest_pelvis_m = rest[0]
        """Pelvis at rest `[3]` metres: `pelvis = trans + rest_pelvis_m` in AMASS files (see `amass.py`)."""
        self._offsets_m = rest - torch.where(torch.tensor(PARENTS)[:, None] < 0, rest, rest[list(PARENTS)])

    def joints(self, motion: Motion) -> Tensor:
        """This body's joints `[S, 24, 3]` metres, z-up."""
        return forward_kinematics(motion.rotations, motion.root_m, self._offsets_m)

    def vertices(self, motion: Motion) -> Tensor:
        """This body's skin `[S, V, 3]` metres, z-up, with pose blend shapes."""
        parts = zip(motion.rotations.split(_FRAMES_AT_ONCE), motion.root_m.split(_FRAMES_AT_ONCE), strict=True)
        return torch.cat([self._skin(rotations, root_m) for rotations, root_m in parts])

    @torch.no_grad()
    def _skin(self, rotations: Tensor, root_m: Tensor) -> Tensor:
        return self._model(
            betas=self._betas.expand(len(root_m), -1),
            global_orient=rotations[:, :1],
            body_pose=rotations[:, 1:],
            transl=root_m - self.rest_pelvis_m,
            pose2rot=False,
        ).vertices


def _load(path: Path | str) -> _Arrays:
    """The model's arrays, their shapes checked against each other."""
    suffix = Path(path).suffix.lower()
    if suffix not in (".npz", ".pkl"):
        raise InputError(f"{path}: an SMPL body model is a .npz or .pkl file; give one")
    content: dict[str, Any] = load_arrays(path) if suffix == ".npz" else load_restricted(path, BODY_MODELS)
    vertices = _shape(content, "v_template")[:1]
    coefficients = _shape(content, "shapedirs")[-1:]
    wanted = {
        "v_template": (*vertices, 3),
        "shapedirs": (*vertices, 3, *coefficients),
        "posedirs": (*vertices, 3, 207),
        "J_regressor": (24, *vertices),
        "weights": (*vertices, 24),
        "kintree_table": (2, 24),
        "f": (*_shape(content, "f")[:1], 3),
    }
    for key, shape in wanted.items():
        _check(path, content.get(key), key, shape)
    if coefficients[0] > _MAX_BETAS or tuple(content["kintree_table"][0, 1:].tolist()) != PARENTS[1:]:
        raise InputError(f"{path}: not SMPL's 24-joint body (SMPL+H and SMPL-X are others); give an SMPL model file")
    return {key: content[key] for key in wanted}


def _shape(content: dict[str, Any], key: str) -> tuple[int, ...]:
    return getattr(content.get(key), "shape", ())


def _check(path: Path | str, array: Any, key: str, shape: tuple[int, ...]) -> None:
    if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype.kind not in "fiu" or not array.size:
        found = f"is {array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else "is missing"
        raise InputError(f"{path}: '{key}' {found}, not {list(shape)} as in an SMPL body model; give such a file")


def _smplx_model(arrays: _Arrays) -> Any:
    try:
        from smplx import SMPL
        from smplx.utils import Struct
        from smplx.vertex_ids import vertex_ids
    except ImportError as error:
        raise MissingExtraError("SMPL bodies need smplx; install it with: pip install 'vimo-suite[smpl]'") from error
    plain = {key: array.astype(np.int64 if array.dtype.kind in "iu" else np.float32) for key, array in arrays.items()}
    unused = dict.fromkeys(vertex_ids["smplh"], 0)  # smplx's extra joints need vertices; any mesh has vertex 0
    with contextlib.redirect_stdout(io.StringIO()):  # it warns of 10 shape coefficients, which is harmless
        model = SMPL(
            model_path="", data_struct=Struct(**plain), vertex_ids=unused, num_betas=arrays["shapedirs"].shape[-1],
            create_betas=False, create_global_orient=False, create_body_pose=False, create_transl=False,
        )  # fmt: skip
    return model.eval()


def _padded(path: Path | str, betas: ArrayLike | None, count: int) -> Tensor:
    given = np.zeros(0) if betas is None else np.asarray(betas, np.float32)
    if given.ndim != 1 or len(given) > count or not np.isfinite(given).all():
        raise InputError(f"{path}: betas must be at most {count} finite numbers, not {list(given.shape)}")
    padded = torch.zeros(count)
    padded[: len(given)] = torch.as_tensor(given, dtype=torch.float32)
    return padded
