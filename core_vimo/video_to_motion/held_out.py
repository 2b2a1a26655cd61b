"""Held-out motions through casual cameras: what a video-to-motion model is measured on.

Everything is a function of (seed, clip): the conditions film a clip from one key, so that "missing" is the very film of
"static" with more joints dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from core_vimo.coco_body import coco_joints_m
from core_vimo.errors import InputError
from core_vimo.footage import Footage
from core_vimo.motion import FPS, Motion, ground
from core_vimo.pose2d import Pose2D
from core_vimo.randomness import generator
from core_vimo.video_to_motion.motion_set import MotionSet
from core_vimo.virtual_cameras import facing_camera, film

CLIP = 150
"""Frames of a clip, 5 s. What is left of a motion counts from half of that on, a shorter motion from a second on."""

SHORTEST = round(FPS)


@dataclass(frozen=True)
class Condition:
    """kind: of virtual camera; missing: share of joints dropped beyond what the scene hides (None: drawn)."""

    kind: str
    missing: float | None = None
    told: str = ""


CONDITIONS: Mapping[str, Condition] = {
    "static": Condition("static", told="a camera that stands still"),
    "moving": Condition("moving", told="one that follows, orbits, shakes, zooms"),
    "cut": Condition("cut", told="several of both, cut together"),
    "missing": Condition("static", 0.3, told="static, with 30 % of the joints dropped"),
}


@dataclass(frozen=True, eq=False)
class Clip:
    """A stretch of a held-out motion, named after it and the frame it begins at."""

    name: str
    motion: Motion


@dataclass(frozen=True, eq=False)
class FilmedClip:
    """What was seen of a clip, and its true motion as a model should give it: facing the camera, on the floor."""

    name: str
    truth: Motion
    footage: Footage


def clips_of(motions: MotionSet) -> list[Clip]:
    """The motions of a split in clips one after the other. Raises InputError where none lasts a second."""
    clips = [
        Clip(f"{row['name']} from {start}", motions.read(index, start, stop - start).motion)
        for index, row in enumerate(motions.rows)
        for start, stop in _spans(row["frames"])
    ]
    if not clips:
        raise InputError(f"{motions.folder}: no motion of it lasts {SHORTEST / FPS:g} s; add longer ones")
    return clips


def spread_over(clips: list[Clip], most: int | None) -> list[Clip]:
    """At most so many of them, evenly spread."""
    if most is None or len(clips) <= most:
        return clips
    return [clips[place] for place in torch.linspace(0, len(clips) - 1, most).round().long().tolist()]


def filmed(clip: Clip, condition: Condition, seed: int) -> FilmedClip:
    """The clip under a condition."""
    coco_m = coco_joints_m(clip.motion.rotations, clip.motion.root_m)
    seen = film(coco_m, generator(seed, clip.name, "held-out film"), condition.kind, condition.missing)
    cuts = tuple(seen.cuts.nonzero()[:, 0].tolist())
    truth = ground(facing_camera(clip.motion, seen.camera))
    return FilmedClip(clip.name, truth, Footage(Pose2D(seen.keypoints, seen.size), cuts, clip.name))


def _spans(frames: int) -> list[tuple[int, int]]:
    whole = [(start, start + CLIP) for start in range(0, frames - CLIP + 1, CLIP)]
    left = frames - CLIP * len(whole)
    if left >= (CLIP // 2 if whole else SHORTEST):
        whole.append((frames - left, frames))
    return whole
