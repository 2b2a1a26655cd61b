"""Teachers: what was seen of somebody -> a motion that is roughly right, and with its camera something to learn from.

A model that learns from 2D denoises a teacher's motion and is compared with what was seen (`core_vimo.losses_2d`); so a
teacher may be wrong wherever the picture tells.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from core_vimo.bundle import Bundle
from core_vimo.camera import Camera
from core_vimo.correcting import corrected
from core_vimo.errors import InputError
from core_vimo.evidence import evidence
from core_vimo.footage import SUFFIX, Footage
from core_vimo.motion import FPS, Motion, ground
from core_vimo.video_to_motion.build import (
    KIND,
    LIFTER,
    SHIPPED,
    LifterModel,
    VideoMotionModel,
    load_lifter,
    load_vimo,
)
from core_vimo.video_to_motion.camera_fit import fit_camera
from core_vimo.video_to_motion.landmarks import posed_by_landmarks
from core_vimo.video_to_motion.motion_set import StoredMotion, Views
from core_vimo.video_to_motion.rays import told
from core_vimo.video_to_motion.video_motion import VideoMotion

LONGEST_UNSEEN_S = 1.0
SHORTEST_S = 1.0


@dataclass(frozen=True)
class Teacher:
    """Called with footage it answers a motion as long, z-up, as seen by a camera that looks along +y at first.

    `travels` says whether the motion's path is the dancer's own; else it means nothing, and is taken from the picture
    as if the camera stood still. Raises InputError for footage that it can't make anything of.
    """

    name: str
    guess: Callable[[Footage], Motion]
    travels: bool = True

    def __call__(self, footage: Footage) -> Motion:
        return self.guess(footage)


def named_teacher(name: str | Path, device: str = "cpu") -> Teacher:
    """`vimo` (the bundle that ships), `landmarks`, or the bundle in a folder: a lifter's or another ViMo's.

    Raises InputError where it is none of these.
    """
    if name == "landmarks":
        return landmark_teacher()
    folder = SHIPPED if name == "vimo" else Path(name)
    if not folder.is_dir():
        raise InputError(f"there is no teacher '{name}'; take vimo, landmarks or the folder of a trained bundle")
    kind = Bundle.load(folder).config.get("kind")
    if kind not in (KIND, LIFTER):
        raise InputError(f"{folder}: holds a '{kind!s:.20}' model, which makes no motions of videos; take another one")
    return lifter_teacher(load_lifter(folder, device)) if kind == LIFTER else vimo_teacher(load_vimo(folder, device))


def lifter_teacher(model: LifterModel) -> Teacher:
    """The plain lifter: one guess, in one go for a video of any length."""
    return Teacher(f"a lifter ({model.bundle_hash[:8]})", lambda footage: lifted(model, evidence(footage)[None]))


def vimo_teacher(model: VideoMotionModel, seed: int = 0) -> Teacher:
    """One take of ViMo."""
    at = next(model.network.parameters()).device
    return Teacher(
        f"a ViMo ({model.bundle_hash[:8]})",
        lambda footage: VideoMotion(model).sample(evidence(footage)[None].to(at), seed, 1)[0],
    )


def landmark_teacher() -> Teacher:
    """The pose estimator's own guess in space; no model of ours, and no idea of where the dancer goes."""
    return Teacher("a pose estimator's landmarks", posed_by_landmarks, travels=False)


@torch.no_grad()
def lifted(lifter: LifterModel, told: Tensor) -> Motion:
    """The lifter's motion of evidence `[V, S, 72]`, on the floor."""
    at = next(lifter.network.parameters()).device
    return ground(lifter.codec.decode(lifter.network(told[None].to(at))[0].cpu()))


def seen_stretches(footage: Footage) -> list[Footage]:
    """Without what nothing was seen in for longer than `LONGEST_UNSEEN_S`: the stretches of `SHORTEST_S` or more."""
    seen = told(footage.pose.keypoints).nonzero()[:, 0]
    leaves = (seen.diff() > LONGEST_UNSEEN_S * FPS).nonzero()[:, 0]
    begins, ends = (
        seen[torch.cat((leaves.new_zeros(min(len(seen), 1)), leaves + 1))],
        torch.cat((seen[leaves], seen[-1:])),
    )
    spans = zip(begins.tolist(), (ends + 1).tolist(), strict=True)
    return [footage[begin:end] for begin, end in spans if end - begin >= SHORTEST_S * FPS]


def taught(footage: Footage, teacher: Teacher, camera: Camera | None = None) -> StoredMotion:
    """The teacher's motion before the camera, given or estimated (`camera_fit.fit_camera`), with what that saw.

    The motion is called what the footage's source is called. Raises InputError where nobody is seen confidently.
    """
    follows = camera is None and teacher.travels
    motion, camera = fit_camera(teacher(footage), footage, camera, still=not teacher.travels)
    if not teacher.travels:  # contacts of a body on the spot say nothing
        motion = Motion.from_rotations(motion.rotations, motion.root_m, motion.fps)
    name = Path(footage.source.removesuffix(SUFFIX)).stem or "filmed"
    return StoredMotion(name, motion, Views.of(footage, camera, follows), footage.source or name)


def mended(stored: StoredMotion) -> StoredMotion:
    """The same, its motion `corrected` by what its views saw; what has none stays."""
    if stored.views is None:
        return stored
    seen = [stored.views.seen(view) for view in range(len(stored.views))]
    return replace(stored, motion=corrected(stored.motion, seen))


def corrected_by(footage: Footage, motion: Motion) -> Motion:
    """A motion of what was seen, its parts swung to where keypoints say they point, before a camera nobody knows.

    Raises InputError where lengths differ or nobody is seen confidently.
    """
    placed, camera = fit_camera(motion, footage)
    swung = corrected(placed, [Views.of(footage, camera, following=True).seen(0)])
    return replace(motion, rotations=swung.rotations)
