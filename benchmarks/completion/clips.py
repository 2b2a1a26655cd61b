"""Held-out clips with a gap in the middle, and by how much joints vary in the training clips beside them."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from core_vimo.coco_body import coco_joints_m
from core_vimo.evidence import evidence_tensor
from core_vimo.motion import Motion, move, turn
from core_vimo.motion_store import MotionStore
from core_vimo.randomness import generator
from core_vimo.reading import read_json
from core_vimo.rotations import FRONT, heading
from core_vimo.video_to_motion.motion_set import MotionSet
from core_vimo.virtual_cameras import film
from edge_adapter.beat_phase import WITH_BEATS
from edge_adapter.dance_data import DanceSet

KNOWN = 60
"""Frames that are known on either side of a gap: two seconds."""
STRIDE = 30
CAMERA = "moving"
_TRAINING_WINDOWS = 300
_LEAST_M = 1e-3


@dataclass(frozen=True, eq=False)
class Clip:
    """A motion of `KNOWN` frames, a gap, and as many again; its music `[S, C]`, where the data set has one."""

    name: str
    motion: Motion
    gap: tuple[int, int]
    music: Tensor | None

    def filmed(self, seed: int) -> Tensor:
        """What a model is told `[1, S, 72]` of the whole clip, seen by a virtual camera and a detector."""
        coco_m = coco_joints_m(self.motion.rotations, self.motion.root_m)
        seen = film(coco_m, generator(seed, self.name, "completion film"), CAMERA)
        return evidence_tensor(seen.keypoints, seen.cuts)[None]


def held_out(folder: Path, frames: int, most: int, extractor: str = "") -> list[Clip]:
    """At most `most` clips with a gap of so many frames, spread evenly over the test split.

    Their music is as a model of these `extractor`'s features is told of it; none where the data set has others.
    """
    store, length = _store(folder, "test", beat_phase=extractor.endswith(WITH_BEATS)), frames + 2 * KNOWN
    heard = isinstance(store, DanceSet) and store.extractor == extractor
    starts = [(i, s) for i, row in enumerate(store.rows) for s in range(0, row["frames"] - length + 1, STRIDE)]
    chosen = torch.linspace(0, len(starts) - 1, min(most, len(starts))).round().long().tolist()
    return [_clip(store, starts[n][0], starts[n][1], length, heard) for n in chosen]


def joint_deviation_m(folder: Path) -> Tensor:
    """Of each joint's coordinates `[24, 3]` over training windows, each laid on one place and heading at its gap."""
    store = _store(folder, "train")
    windows = store.windows(2 * KNOWN + STRIDE, STRIDE)
    chosen = torch.linspace(0, len(windows) - 1, min(_TRAINING_WINDOWS, len(windows))).round().long().tolist()
    cut = (store.cut(windows[n][0], windows[n][1], 2 * KNOWN + STRIDE)[0] for n in chosen)
    return torch.cat([laid_on_one_place(motion).joints_m() for motion in cut]).std(0).clamp(min=_LEAST_M)


def laid_on_one_place(motion: Motion) -> Motion:
    """Over the origin and facing the audience in the last frame before the gap."""
    turned = turn(motion, FRONT - float(heading(motion.rotations[KNOWN - 1, 0])))
    return move(turned, -turned.root_m[KNOWN - 1] * torch.tensor([1.0, 1.0, 0.0]))


def _store(folder: Path, split: str, *, beat_phase: bool = False) -> MotionStore:
    dances = "dances" in read_json(folder / "index.json")
    return DanceSet(folder, split, beat_phase=beat_phase) if dances else MotionSet(folder, split)


def _clip(store: MotionStore, entry: int, start: int, length: int, heard: bool) -> Clip:
    music = store.read(entry, start, length).features if heard and isinstance(store, DanceSet) else None
    motion = store.cut(entry, start, length)[0]
    name = f"{store.rows[entry]['name']} from {start}"
    return Clip(name, laid_on_one_place(motion), (KNOWN, length - KNOWN), music)
