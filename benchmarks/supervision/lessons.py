"""The target domain as a data set: what one camera saw of each clip of it, with the motion that is learnt from."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.supervision.systems import Lessons
from core_vimo.camera import Camera
from core_vimo.coco_body import coco_joints_m
from core_vimo.errors import InputError
from core_vimo.footage import Footage
from core_vimo.pose2d import Pose2D
from core_vimo.randomness import generator
from core_vimo.rotations import about_z
from core_vimo.video_to_motion.build import load_lifter
from core_vimo.video_to_motion.held_out import CLIP, Clip, clips_of, spread_over
from core_vimo.video_to_motion.motion_set import MotionSet, StoredMotion, Views, write_motion_set
from core_vimo.video_to_motion.teacher import Teacher, lifter_teacher, mended, taught
from core_vimo.virtual_cameras import Filmed, film

MISJUDGED = math.radians(15)
"""A deviation: by how much misjudged cameras are turned about the dancer."""


def write_lessons(data: Path, lessons: Lessons, lifter: Path, folder: Path, seed: int, most: int | None) -> None:
    """Clips of 5 s of the training motions in `data`, at most so many and evenly spread, each filmed once and lifted.

    Those in which nobody is seen are left out.
    """
    clips = [clip for clip in clips_of(MotionSet(data, "train")) if len(clip.motion) == CLIP]
    teacher = lifter_teacher(load_lifter(lifter))
    lessons_of = (lesson for clip in spread_over(clips, most) for lesson in _lesson(clip, lessons, teacher, seed))
    write_motion_set(lessons_of, folder, teacher.name if lessons.taught else "")


def filmed_depths_m(folder: Path) -> torch.Tensor:
    """Depths `[N]` of all joints of a data set of lessons."""
    motions = MotionSet(folder, "train")
    depths = []
    for number in range(len(motions)):
        stored = motions[number]
        assert stored.views is not None
        coco_m = coco_joints_m(stored.motion.rotations, stored.motion.root_m)
        depths.append(stored.views.camera(0).project(coco_m).depth_m.flatten())
    return torch.cat(depths)


def _lesson(clip: Clip, lessons: Lessons, teacher: Teacher, seed: int) -> Iterator[StoredMotion]:
    seen = film(coco_joints_m(clip.motion.rotations, clip.motion.root_m), generator(seed, clip.name, "lesson"))
    footage = _footage(clip, seen, lessons.erring)
    name = clip.name.replace(" ", "_")
    if not lessons.taught:
        yield StoredMotion(name, clip.motion, Views.of(footage, seen.camera), clip.name)
        return
    try:
        known = _known(seen.camera, clip, lessons, seed)
        guessed = taught(footage, teacher, known)
        yield replace(mended(guessed) if lessons.corrected else guessed, name=name)
    except InputError:  # nobody was seen clearly
        return


def _footage(clip: Clip, seen: Filmed, erring: bool) -> Footage:
    keypoints = seen.keypoints
    if not erring:
        keypoints = torch.cat((seen.true_xy, torch.ones_like(seen.true_xy[..., :1])), dim=-1)
    return Footage(Pose2D(keypoints, seen.size), tuple(seen.cuts.nonzero()[:, 0].tolist()), clip.name)


def _known(camera: Camera, clip: Clip, lessons: Lessons, seed: int) -> Camera | None:
    """What is said of the camera: all of it, nothing, or all of it turned about the dancer's first place."""
    if lessons.camera != "misjudged":
        return camera if lessons.camera == "given" else None
    angle = float(MISJUDGED * torch.randn((), generator=generator(seed, clip.name, "misjudged")))
    centre_m = clip.motion.root_m[:1] * torch.tensor([1.0, 1.0, 0.0])
    return camera.carried(angle, centre_m - centre_m @ about_z(angle).T)
