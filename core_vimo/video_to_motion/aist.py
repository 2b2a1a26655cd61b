"""AIST++ as it is published: motions with what nine calibrated cameras saw of them, cut as ViMo trains on them.

```
motions/NAME.pkl       smpl_poses [N,72], smpl_trans [N,3], smpl_scaling [1]: y-up, 60 fps, centimetres
keypoints2d/NAME.pkl   keypoints2d [9,N,17,3], det_scores [9,N]
cameras/mapping.txt    "NAME SETTING" a line;  cameras/SETTING.json: nine cameras in centimetres
splits/*.txt, ignore_list.txt   names, one a line
```

Li et al. 2021, "AI Choreographer". ViMo holds out two genres, break and middle hip-hop, and trains on 5 s at 30 fps.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import numpy as np
import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.formats.aist import AIST_FPS, read_pkl
from core_vimo.formats.pickles import load_restricted
from core_vimo.formats.retarget import impossible_steps
from core_vimo.motion import Motion, ground
from core_vimo.motion_store import FPS
from core_vimo.reading import naming, read_bytes, read_json
from core_vimo.rotations import axis_angle_to_matrix, y_up_to_z_up
from core_vimo.video_to_motion.motion_set import StoredMotion, Views, mirror

CLIP = 150
"""Frames of a clip, 5 s; clips don't overlap, and what is left at a dance's end is dropped."""

HELD_OUT_GENRES = ("gBR", "gMH")
"""Break and middle hip-hop: what a dance's name begins with."""

PUBLISHED = 1365
"""Motion files in the published archive."""

CONFIDENT = 0.3
"""A clip's view that shows less than half of the joints, over all frames, with this confidence is of no use."""

BAD_VIEWS = {("gBR_sBM_cAll_d04_mBR0_ch01", 4), ("gJB_sBM_cAll_d07_mJB3_ch05", 6)}
"""(dance, view): the first not in time with the others, the second of another size; AIST++'s code drops them."""

_EVERY = round(AIST_FPS / FPS)
_SPLITS = {"train": ("train",), "test": ("val", "test")}


class AistFolder:
    """AIST++'s folder: `sequences` are the names of its dances without the ignored ones, `clips` reads one.

    split: "genres" (`HELD_OUT_GENRES` are for tests), or "crossmodal" or "pose", AIST++'s own lists, whose validation
    dances count as tests; dances in no list are left out. Raises InputError where the folder is not laid out so.
    """

    def __init__(self, root: Path | str, split: str = "genres") -> None:
        self.root = Path(root)
        found = sorted(path.stem for path in (self.root / "motions").glob("*.pkl"))
        if not found:
            raise InputError(f"{self.root}: holds no motions/*.pkl; give AIST++'s folder as it was unpacked")
        ignored = _names(self.root / "ignore_list.txt")
        self._settings = _mapping(self.root / "cameras" / "mapping.txt")
        self._split_of = self._splits(split, found)
        self.sequences = [name for name in found if name in self._split_of and name not in ignored]
        if not self.sequences:
            raise InputError(f"{self.root}: every motion is on the ignore list or in no list of the split '{split}'")
        self._found, self._ignored = len(found), len(ignored.intersection(found))

    def _splits(self, split: str, found: list[str]) -> dict[str, str]:
        if split == "genres":
            return {name: "test" if name.startswith(HELD_OUT_GENRES) else "train" for name in found}
        lists = {
            ours: [self.root / "splits" / f"{split}_{one}.txt" for one in theirs] for ours, theirs in _SPLITS.items()
        }
        return {name: ours for ours, paths in lists.items() for path in paths for name in _names(path)}

    def summary(self) -> str:
        """How much of AIST++ is here, in a sentence."""
        return (
            f"AIST++: {self._found} motion files ({PUBLISHED} were published), {self._ignored} on the ignore list, "
            f"{len(self.sequences)} used"
        )

    def clips(self, name: str, *, mirrored: bool = True) -> Iterator[StoredMotion]:
        """One dance's clips of `CLIP` frames with their views; for training each mirrored too. Raises InputError."""
        path = self.root / "motions" / f"{name}.pkl"
        motion, risen_m = _at_30_fps(read_pkl(path))
        views = self._views(name, float(np.asarray(load_restricted(path)["smpl_scaling"]).reshape(())), risen_m)
        for number in range(min(len(motion), views.keypoints.shape[1]) // CLIP):
            window = slice(number * CLIP, (number + 1) * CLIP)
            if bool(impossible_steps(motion[window]).any()):
                continue
            cut = views.frames(window)
            cut = replace(cut, keypoints=_without_useless_views(cut.keypoints))
            stored = StoredMotion(f"{name}.{number + 1}", motion[window], cut, name, self._split_of[name])
            yield stored
            if mirrored and stored.split == "train":
                yield mirror(stored)

    def _views(self, name: str, scaling: float, risen_m: Tensor) -> Views:
        if name not in self._settings:
            raise InputError(f"{self.root / 'cameras' / 'mapping.txt'}: doesn't name '{name}'; take a fresh copy")
        cameras = _read_cameras(self.root / "cameras" / f"{self._settings[name]}.json")
        keypoints = _read_keypoints(self.root / "keypoints2d" / f"{name}.pkl")
        if len(keypoints) != len(cameras.sizes):
            raise InputError(
                f"{self.root / 'keypoints2d' / name}.pkl: {len(keypoints)} views, its setting has {len(cameras.sizes)} "
                "cameras; take a fresh copy"
            )
        for view in range(len(keypoints)):
            if (name, view) in BAD_VIEWS:
                keypoints[view] = 0
        rotation = cameras.rotation @ y_up_to_z_up(torch.float64).T
        translation = cameras.translation_cm / scaling - rotation @ risen_m.double()
        return Views(keypoints, cameras.sizes, cameras.intrinsics.float(), rotation.float(), translation.float())


def _at_30_fps(motion: Motion) -> tuple[Motion, Tensor]:
    """Every second frame, on the floor, and by how much `[3]` it was moved for that."""
    slower = Motion.from_rotations(motion.rotations[::_EVERY], motion.root_m[::_EVERY], FPS)
    grounded = ground(slower)
    return grounded, grounded.root_m[0] - slower.root_m[0]


def _without_useless_views(keypoints: Tensor) -> Tensor:
    shown = (keypoints[..., 2] >= CONFIDENT).float().mean((1, 2))
    return torch.where(shown[:, None, None, None] >= 0.5, keypoints, 0.0)


def _read_keypoints(path: Path) -> Tensor:
    """`[V, N, 17, 3]` at 30 fps: pixels and confidence in [0, 1], all zeros where it is NaN or nobody was detected."""
    content = load_restricted(path, finite=False)
    keypoints, scores = content.get("keypoints2d"), content.get("det_scores")
    if not (_is_floats(keypoints) and keypoints.ndim == 4 and keypoints.shape[2:] == (17, 3)):
        raise InputError(f"{path}: 'keypoints2d' must be [views, frames, 17, 3]; take a fresh copy")
    if not (_is_floats(scores) and scores.shape == keypoints.shape[:2]):
        raise InputError(f"{path}: 'det_scores' must be [views, frames], as 'keypoints2d'; take a fresh copy")
    slower = torch.from_numpy(np.ascontiguousarray(keypoints[:, ::_EVERY], np.float32))
    detected = torch.from_numpy(np.ascontiguousarray(scores[:, ::_EVERY] > 0))  # False for NaN
    seen = slower.isfinite().all(-1) & detected[..., None] & (slower[..., 2] > 0)
    slower[..., 2] = slower[..., 2].clamp(0, 1)
    return torch.where(seen[..., None], slower, 0.0)


def _is_floats(value: Any) -> TypeGuard[np.ndarray[Any, Any]]:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


class _Cameras(NamedTuple):
    """sizes `[V, 2]`; intrinsics and rotation (world to camera, y-up) `[V, 3, 3]`; translation_cm `[V, 3]`; float64."""

    sizes: Tensor
    intrinsics: Tensor
    rotation: Tensor
    translation_cm: Tensor


def _read_cameras(path: Path) -> _Cameras:
    """A setting's cameras in the order of their names, which is that of the views. Lens distortion is not kept."""
    listed = read_json(path)
    try:
        ordered = sorted(listed, key=lambda camera: str(camera["name"]))
        sizes, intrinsics, turned, moved_cm = (
            torch.tensor([camera[key] for camera in ordered], dtype=torch.float64)
            for key in ("size", "matrix", "rotation", "translation")
        )
        views = len(ordered)
        shapes = [tuple(tensor.shape) for tensor in (sizes, intrinsics, turned, moved_cm)]
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: not a setting of AIST++'s cameras ({error}); take a fresh copy") from error
    if shapes != [(views, 2), (views, 3, 3), (views, 3), (views, 3)]:
        raise InputError(f"{path}: its cameras need size [2], matrix [3, 3], rotation [3] and translation [3] each")
    with naming(path):
        return _Cameras(sizes.long(), intrinsics, axis_angle_to_matrix(turned), moved_cm)


def _names(path: Path) -> set[str]:
    """Names of dances, one a line; those of single videos (`_c01_`) stand for their dance (`_cAll_`)."""
    lines = read_bytes(path).decode(errors="replace").split()
    return {re.sub(r"_c\d\d_", "_cAll_", line) for line in lines}


def _mapping(path: Path) -> dict[str, str]:
    pairs = [line.split() for line in read_bytes(path).decode(errors="replace").splitlines() if line.strip()]
    if not all(len(pair) == 2 and not set(pair[1]) & set("/\\\0") for pair in pairs):
        raise InputError(f"{path}: every line must be a dance and its cameras' setting; take a fresh copy")
    return dict(pairs)
