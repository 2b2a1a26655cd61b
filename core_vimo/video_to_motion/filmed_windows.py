"""Windows of motion as cameras saw them: what a video-to-motion model trains on.

Mocap is filmed on the fly by virtual cameras, anew each epoch; motions with real views (AIST++) show those. The motion
faces the first view's camera, so that no model need guess where north was.
"""

import torch
from torch import Tensor
from torch.utils.data import Dataset

from core_vimo.coco_body import coco_joints_m
from core_vimo.codec import MotionCodec
from core_vimo.errors import InputError
from core_vimo.evidence import EVIDENCE, evidence_tensor
from core_vimo.losses_2d import Settings2D
from core_vimo.motion import Motion
from core_vimo.randomness import generator
from core_vimo.seen import Seen, azimuth_draws, nobody, seen_with
from core_vimo.video_to_motion.motion_set import MotionSet, StoredMotion, Views
from core_vimo.virtual_cameras import facing_camera, film, radians_to_face
from core_vimo.virtual_detector import detect_worse


class FilmedWindows(Dataset[dict[str, Tensor]]):
    """Training windows: `self[(index, epoch)]` is {"x": [S, 151] normalised, "condition": [V, S, 72] evidence}.

    One index a `stride` frames of every motion; where in its stride a window starts, and its cameras, are drawn anew
    each epoch, as a function of (seed, epoch, index). View 0 is always there, each further one of `views` with
    probability `more_views`; an absent view is evidence of nothing, all zeros. Motions shorter than a window are left
    out. With `in_2d` the views' keypoints, cuts and cameras are in it too, as `losses_2d` takes them.

    What real views saw is told with a detector's errors once more in a share `worse` of the windows: their own errors
    would be learned by heart, and a model that is held in 2D against the very keypoints it is told learns to return
    them. And as a view tells nothing of its own depth, with `in_2d` a share `other_sides` is told what virtual cameras
    saw of the motion, from any side.
    """

    def __init__(
        self,
        motions: MotionSet,
        codec: MotionCodec,
        frames: int,
        stride: int,
        seed: int,
        views: int = 1,
        more_views: float = 0.3,
        worse: float = 1.0,
        other_sides: float = 0.5,
        in_2d: Settings2D | None = None,
    ) -> None:
        if type(views) is not int or views < 1:
            raise InputError(f"data.views={views!s:.20} must be 1 or more")
        for name, share in (("more_views", more_views), ("worse", worse), ("other_sides", other_sides)):
            if type(share) not in (int, float) or not 0 <= share <= 1:
                raise InputError(f"data.{name}={share!s:.20} must be a number from 0 to 1")
        self.motions, self.codec = motions, codec
        self.frames, self.stride, self.seed = frames, stride, seed
        self.views, self.more_views, self.in_2d = views, more_views, in_2d
        self.worse, self.other_sides = worse, other_sides
        self.starts = motions.windows(frames, stride)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        index, epoch = key
        draw = generator(self.seed, epoch, index, "window")
        place = float(torch.rand((), generator=draw))
        there = torch.rand(self.views - 1, generator=draw) < self.more_views
        start = self.motions.jittered(self.starts[index], self.frames, self.stride, place)
        window = self.motions.read(self.starts[index][0], start, self.frames)
        slots = [0, *(there.nonzero()[:, 0] + 1).tolist()]
        seen = _real(window.views, slots, draw) if window.views is not None else []
        told = self._told(window, slots, seen, key)
        condition = torch.zeros(self.views, self.frames, EVIDENCE)
        for slot, view in zip(slots, told, strict=False):
            condition[slot] = evidence_tensor(view.keypoints, view.cuts)
        faced = told[0].camera
        shown = {"x": self.codec.encode(facing_camera(window.motion, faced)), "condition": condition}
        if self.in_2d is not None:
            views = dict(zip(slots, seen or told, strict=False))
            shown |= self._in_2d(shown["x"], window.motion, radians_to_face(faced), views, self.in_2d, key)
        return shown

    def _told(self, window: StoredMotion, slots: list[int], seen: list[Seen], key: tuple[int, int]) -> list[Seen]:
        """What the model is told: what was `seen`, worse; or what virtual cameras see of the motion."""
        index, epoch = key
        draw = generator(self.seed, epoch, index, "told")
        elsewhere, worse = torch.rand(2, generator=draw).tolist()
        if not seen or (self.in_2d is not None and elsewhere < self.other_sides):
            coco_m = coco_joints_m(window.motion.rotations, window.motion.root_m)
            filmed = [film(coco_m, generator(self.seed, epoch, index, slot, "view")) for slot in slots]
            return [Seen(view.keypoints, view.cuts, view.camera) for view in filmed]
        if worse >= self.worse:
            return seen
        return [view._replace(keypoints=detect_worse(view.keypoints, draw)) for view in seen]

    def _in_2d(
        self,
        x: Tensor,
        motion: Motion,
        turned: float,
        seen: dict[int, Seen],
        settings: Settings2D,
        key: tuple[int, int],
    ) -> dict[str, Tensor]:
        index, epoch = key
        azimuths = azimuth_draws(self.views, settings.azimuth_noise_deg, generator(self.seed, epoch, index, "azimuth"))
        views = [seen.get(slot, nobody(self.frames)) for slot in range(self.views)]
        return seen_with(x, self.codec, motion, turned, views, azimuths)


def _real(views: Views, slots: list[int], draw: torch.Generator) -> list[Seen]:
    """As many of the real views, in random order, as slots are wanted and views saw anything."""
    any_seen = views.keypoints[..., 2].amax((1, 2)) > 0
    order = [view for view in torch.randperm(len(views), generator=draw).tolist() if any_seen[view]]
    return [views.seen(view) for view in order[: len(slots)]]
