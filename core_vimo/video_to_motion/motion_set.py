"""Motions on disk for training on videos: mocap, or motions with the real views they were filmed in (AIST++).

```
index.json                 {"format": 1, "motions": [{name, split, frames, source}]}
motions/NAME.safetensors   the motion, and where it was filmed: keypoints [V,S,17,3], sizes [V,2],
                           intrinsics [V,3,3], R_camera_world [V,3,3], t_camera_m [V,3]
```
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from core_vimo.camera import Camera
from core_vimo.errors import InputError
from core_vimo.formats.sources import Source
from core_vimo.motion import Motion
from core_vimo.motion import mirror as mirror_motion
from core_vimo.motion_store import Entry, Kind, MotionStore, write_store

MOTIONS = Kind("motion", "vimo dataset motions", texts=("source",))

COCO_MIRROR = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
"""Index of each COCO-17 joint's opposite."""

_VIEW_TENSORS = ("sizes", "intrinsics", "R_camera_world", "t_camera_m")


@dataclass(frozen=True, eq=False)
class Views:
    """What V cameras that stood still saw: keypoints `[V, S, 17, 3]` pixels and confidence (0: unseen).

    sizes `[V, 2]` (width, height); intrinsics `[V, 3, 3]`, R_camera_world `[V, 3, 3]` and t_camera_m `[V, 3]` as in
    `Camera`, in the motion's world.
    """

    keypoints: Tensor
    sizes: Tensor
    intrinsics: Tensor
    R_camera_world: Tensor
    t_camera_m: Tensor

    def __len__(self) -> int:
        return len(self.keypoints)

    def camera(self, view: int) -> Camera:
        one = slice(view, view + 1)
        return Camera(self.intrinsics[one], self.R_camera_world[one], self.t_camera_m[one])


@dataclass(frozen=True, eq=False)
class StoredMotion:
    """A motion at 30 fps and, where it was filmed, its views; `split` is train or test, `source` where it is from."""

    name: str
    motion: Motion
    views: Views | None = None
    source: str = ""
    split: str = "train"


def write_motion_set(motions: Iterable[StoredMotion], folder: Path | str) -> None:
    """Write a data set in one stroke; nothing is left behind when one motion fails."""
    write_store(MOTIONS, map(_entry, motions), folder)


def _entry(stored: StoredMotion) -> Entry:
    tensors = {}
    if stored.views is not None:
        tensors = {"keypoints": stored.views.keypoints.float(), "sizes": stored.views.sizes.long()}
        tensors |= {name: getattr(stored.views, name).float() for name in _VIEW_TENSORS[1:]}
        seen = stored.views.keypoints.shape[1]
        if seen != len(stored.motion):
            raise InputError(f"{stored.name}: {seen} frames of views, {len(stored.motion)} of motion; cut them alike")
    return Entry(stored.name, stored.split, stored.motion, tensors, {"source": stored.source})


class MotionSet(MotionStore):
    """The motions of one split of a data set on disk."""

    def __init__(self, folder: Path | str, split: str = "train") -> None:
        super().__init__(MOTIONS, folder, split)

    def __getitem__(self, index: int) -> StoredMotion:
        return self.read(index, 0, self.rows[index]["frames"])

    def read(self, index: int, start: int, frames: int) -> StoredMotion:
        """`frames` frames of one motion, and of its views, from `start`."""
        row = self.rows[index]
        motion, own = self.cut(index, start, frames, along=("keypoints",), whole=_VIEW_TENSORS)
        views = None
        if own:
            if not _fit(own, frames):
                raise self.damaged(index, "its views don't fit its motion or are not finite")
            views = Views(**own)
        return StoredMotion(row["name"], motion, views, row["source"], row["split"])


def _fit(own: dict[str, Tensor], frames: int) -> bool:
    """Whether all tensors of views are there, of one number of views, and finite."""
    if set(own) != {"keypoints", *_VIEW_TENSORS}:
        return False
    count = len(own["keypoints"])
    wanted = {
        "keypoints": (count, frames, 17, 3), "sizes": (count, 2), "intrinsics": (count, 3, 3),
        "R_camera_world": (count, 3, 3), "t_camera_m": (count, 3),
    }  # fmt: skip
    return all(tuple(own[name].shape) == shape and bool(own[name].isfinite().all()) for name, shape in wanted.items())


def stored_motions(source: Source, *, held_out: bool, mirrored: bool = True) -> Iterator[StoredMotion]:
    """A motion file's sound stretches, and for training each mirrored too (`NAME+mirrored`)."""
    stretches = source.read()
    for number, motion in enumerate(stretches):
        name = source.name if len(stretches) == 1 else f"{source.name}.{number + 1}"
        stored = StoredMotion(name, motion, source=source.name, split="test" if held_out else "train")
        yield stored
        if mirrored and not held_out:
            yield mirror(stored)


def mirror(stored: StoredMotion) -> StoredMotion:
    """Left becomes right, in the motion and in its views: pictures flipped, joints swapped, cameras reflected."""
    views = None if stored.views is None else _mirror_views(stored.views)
    return replace(stored, name=f"{stored.name}+mirrored", motion=mirror_motion(stored.motion), views=views)


def _mirror_views(views: Views) -> Views:
    width = views.sizes[:, 0].to(torch.float32)
    keypoints = views.keypoints[:, :, COCO_MIRROR].clone()
    flipped = width[:, None, None] - keypoints[..., 0]
    keypoints[..., 0] = torch.where(keypoints[..., 2] > 0, flipped, keypoints[..., 0])
    reflect = torch.tensor([-1.0, 1.0, 1.0])
    intrinsics = views.intrinsics.clone()
    intrinsics[:, 0, 1] *= -1
    intrinsics[:, 0, 2] = width - intrinsics[:, 0, 2]
    return Views(
        keypoints,
        views.sizes,
        intrinsics,
        views.R_camera_world * reflect[:, None] * reflect[None, :],
        views.t_camera_m * reflect,
    )
