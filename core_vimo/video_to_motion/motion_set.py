"""Motions on disk for training on videos: mocap, or motions with the real views they were filmed in (AIST++).

```
index.json                 {"format": 1, "motions": [{name, split, frames, source}]}, and "teacher" where the motions
                           are but a teacher's guesses at what was seen
motions/NAME.safetensors   the motion, and where it was filmed: keypoints [V,S,17,3], sizes [V,2],
                           intrinsics, R_camera_world and t_camera_m of cameras that stand still ([V,3,3], [V,3,3],
                           [V,3]) or move ([V,S,3,3], [V,S,3,3], [V,S,3]); following [V] bool; cuts [V,S] bool where
                           there are any
```
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from core_vimo.camera import Camera
from core_vimo.errors import InputError
from core_vimo.footage import Footage
from core_vimo.formats.sources import Source
from core_vimo.motion import Motion
from core_vimo.motion import mirror as mirror_motion
from core_vimo.motion_store import Entry, Kind, MotionStore, write_store
from core_vimo.seen import Seen

MOTIONS = Kind("motion", "vimo dataset motions", texts=("source",))

COCO_MIRROR = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
"""Index of each COCO-17 joint's opposite."""

_CAMERA = {"intrinsics": 4, "R_camera_world": 4, "t_camera_m": 3}  # axes, where the camera moves
BY_VIEW = {"keypoints": 4, "cuts": 2, **_CAMERA}
WHOLE = ("sizes", "following")
"""How `motion_store.read_stretch` reads views: cut by frames where they have so many axes, or as a whole."""


@dataclass(frozen=True, eq=False)
class Views:
    """What V cameras saw: keypoints `[V, S, 17, 3]` pixels and confidence (0: unseen).

    sizes `[V, 2]` (width, height); intrinsics `[V, 3, 3]`, R_camera_world `[V, 3, 3]` and t_camera_m `[V, 3]` as in
    `Camera`, in the motion's world, each for cameras that stood still or, with an axis of S frames after that of the
    views, for such as moved. cuts `[V, S]` bool: where a new shot begins; None for no cuts. following `[V]` bool:
    cameras that were put before the dancer's guessed path, so that they tell nothing of it; None for none.
    """

    keypoints: Tensor
    sizes: Tensor
    intrinsics: Tensor
    R_camera_world: Tensor
    t_camera_m: Tensor
    cuts: Tensor | None = None
    following: Tensor | None = None

    @classmethod
    def of(cls, footage: Footage, camera: Camera, following: bool = False) -> "Views":
        """One view: a footage and its camera, `[S or 1]` frames of it."""
        cuts = None
        if footage.cuts:
            cuts = torch.zeros(1, len(footage), dtype=torch.bool)
            cuts[0, list(footage.cuts)] = True
        own = (camera.intrinsics, camera.R_camera_world, camera.t_camera_m)
        intrinsics, turned, moved_m = (part[None] if len(part) > 1 else part for part in own)
        size = torch.tensor([footage.pose.size])
        follows = torch.tensor([True]) if following else None
        return cls(footage.pose.keypoints[None], size, intrinsics, turned, moved_m, cuts, follows)

    def __len__(self) -> int:
        return len(self.keypoints)

    def camera(self, view: int) -> Camera:
        """A view's camera: `[S]` frames where it moved, else `[1]`."""
        own = {name: getattr(self, name)[view] for name in _CAMERA}
        return Camera(*(part if part.ndim == _CAMERA[name] - 1 else part[None] for name, part in own.items()))

    def cuts_of(self, view: int) -> Tensor:
        """`[S]` bool: the frames at which a new shot begins."""
        return torch.zeros(self.keypoints.shape[1], dtype=torch.bool) if self.cuts is None else self.cuts[view]

    def follows(self, view: int) -> bool:
        """Whether a view's camera merely follows the dancer."""
        return self.following is not None and bool(self.following[view])

    def seen(self, view: int) -> Seen:
        return Seen(self.keypoints[view], self.cuts_of(view), self.camera(view), self.follows(view))

    def frames(self, window: slice) -> "Views":
        """A stretch of what was seen; a cut at its first frame stays one, which changes nothing."""
        own = {name: getattr(self, name) for name in BY_VIEW}
        return replace(
            self,
            **{
                name: tensor[:, window]
                for name, tensor in own.items()
                if tensor is not None and tensor.ndim == BY_VIEW[name]
            },
        )


@dataclass(frozen=True, eq=False)
class StoredMotion:
    """A motion at 30 fps and, where it was filmed, its views; `split` is train or test, `source` where it is from."""

    name: str
    motion: Motion
    views: Views | None = None
    source: str = ""
    split: str = "train"


def write_motion_set(motions: Iterable[StoredMotion], folder: Path | str, teacher: str = "") -> None:
    """Write a data set in one stroke; nothing is left behind when one motion fails. teacher: whose guesses they are."""
    write_store(MOTIONS, map(_entry, motions), folder, **({"teacher": teacher} if teacher else {}))


def _entry(stored: StoredMotion) -> Entry:
    tensors = {}
    if stored.views is not None:
        tensors = view_tensors(stored.views)
        seen = stored.views.keypoints.shape[1]
        if seen != len(stored.motion):
            raise InputError(f"{stored.name}: {seen} frames of views, {len(stored.motion)} of motion; cut them alike")
    return Entry(stored.name, stored.split, stored.motion, tensors, {"source": stored.source})


def view_tensors(views: Views) -> dict[str, Tensor]:
    """Views as a motion's file keeps them."""
    tensors = {"keypoints": views.keypoints.float(), "sizes": views.sizes.long()}
    tensors |= {name: getattr(views, name).float() for name in _CAMERA}
    tensors["following"] = torch.tensor([views.follows(view) for view in range(len(views))])
    return tensors if views.cuts is None else tensors | {"cuts": views.cuts.bool()}


class MotionSet(MotionStore):
    """The motions of one split of a data set on disk."""

    def __init__(self, folder: Path | str, split: str = "train") -> None:
        super().__init__(MOTIONS, folder, split)

    @property
    def teacher(self) -> str:
        """Whose guesses the motions are; empty where they are true."""
        return str(self.index.get("teacher", ""))

    def __getitem__(self, index: int) -> StoredMotion:
        return self.read(index, 0, self.rows[index]["frames"])

    def read(self, index: int, start: int, frames: int) -> StoredMotion:
        """`frames` frames of one motion, and of its views, from `start`."""
        row = self.rows[index]
        motion, own = self.cut(index, start, frames, whole=WHOLE, by_view=BY_VIEW)
        views = None
        if own:
            if not views_fit(own, frames):
                raise self.damaged(index, "its views don't fit its motion or are not finite")
            views = Views(**own)
        return StoredMotion(row["name"], motion, views, row["source"], row["split"])


def views_fit(own: dict[str, Tensor], frames: int) -> bool:
    """Whether all tensors of views are there, of one number of views and frames, and finite."""
    if not own.keys() >= {"keypoints", *WHOLE, *_CAMERA}:
        return False
    shapes = {name: tuple(tensor.shape) for name, tensor in own.items()}
    views = len(own["keypoints"])
    still = {"intrinsics": (views, 3, 3), "R_camera_world": (views, 3, 3), "t_camera_m": (views, 3)}
    moving = {name: (views, frames, *shape[1:]) for name, shape in still.items()}
    fixed = {"keypoints": (views, frames, 17, 3), "sizes": (views, 2), "cuts": (views, frames), "following": (views,)}
    return (
        all(shapes[name] == shape for name, shape in fixed.items() if name in own)
        and all(shapes[name] in (still[name], moving[name]) for name in _CAMERA)
        and all(bool(tensor.isfinite().all()) for tensor in own.values())
        and all(own[name].dtype == torch.bool for name in ("cuts", "following") if name in own)
    )


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
    intrinsics[..., 0, 1] *= -1
    intrinsics[..., 0, 2] = width.view(-1, *[1] * (intrinsics.ndim - 3)) - intrinsics[..., 0, 2]
    return replace(
        views,
        keypoints=keypoints,
        intrinsics=intrinsics,
        R_camera_world=views.R_camera_world * reflect[:, None] * reflect[None, :],
        t_camera_m=views.t_camera_m * reflect,
    )
