"""A teacher's motion, corrected by what was seen: its parts swung to where keypoints, steadied, say they point.

What learns from 2D is shown this one, noised: a teacher's own errors, where a picture tells of them, need no learning.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch

from core_vimo.coco_body import coco_joints_m
from core_vimo.limb_ik import swung_to
from core_vimo.motion import Motion
from core_vimo.seen import Seen, stacked
from core_vimo.sighting import NEAR_M, Sighting, cast_back


@torch.no_grad()
def corrected(motion: Motion, seen: Sequence[Seen], near_m: float = NEAR_M) -> Motion:
    """The motion swung to what its views saw; path and contacts stay.

    What is nearer to a camera than `near_m` is unseen. Points keep how far they are from the camera, of which a single
    view tells nothing, and unseen ones move along with those seen beside them; where none are, they stay.
    """
    views = {name: part[None] for name, part in stacked(seen, [view.camera for view in seen], len(motion)).items()}
    coco_m = coco_joints_m(motion.rotations, motion.root_m)
    off_m = cast_back(coco_m[None], Sighting.of(coco_m[None], views, near_m), views, motion.fps)[0]
    return replace(motion, rotations=swung_to(motion.rotations, coco_m + off_m))
