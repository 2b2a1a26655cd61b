"""A small clip set of invented dances, and runs in a new process: `python style_clips.py override [override ...]`."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core_vimo.clip_set import ITEMS, WINDOW, Clip, write_clip_index, write_music, write_take
from core_vimo.coco_body import coco_joints_m
from core_vimo.footage import Footage
from core_vimo.motion import Motion
from core_vimo.pose2d import Pose2D
from core_vimo.randomness import generator, normal
from core_vimo.video_to_motion.motion_set import Views
from core_vimo.virtual_cameras import film

FRAMES = 30
SMALL = (
    "name=swaying", "trainer.device=cpu", "trainer.batch_size=4", "trainer.log_every=1", "branch.layers=1",
    "prior.share=0", "evaluation.windows=2", "evaluation.steps=2", "trainer.evaluate_every=0", "trainer.warmup_steps=0",
)  # fmt: skip


def write_clips(
    folder: Path, dance: Callable[[int, int], Motion], *, test: bool = True, filmed: Sequence[int] = ()
) -> Path:
    """Three clips of 60 frames, the last of which is held out; windows of 30 that start every 15, one not kept. Those
    `filmed` have what a moving camera saw, without any error."""
    rows = []
    clips = [
        Clip(f"clip{n}", f"{n:064d}", "motion", "its own", 60, 1, "test" if test and n == 2 else "train")
        for n in range(3)
    ]
    for number, clip in enumerate(clips):
        place = folder / ITEMS / clip.name
        place.mkdir(parents=True)
        write_take(dance(60, number), place, 0, _views(dance(60, number), number) if number in filmed else None)
        write_music(normal((60, 35), number, "music"), torch.arange(0, 2, 0.5), place)
        split = int(clip.split == "test")
        rows += [
            (number, 0, start, (number, start) != (0, 15), int((number, start) == (0, 15)), split, np.zeros(5))
            for start in (0, 15, 30)
        ]
    write_clip_index(folder, clips, np.array(rows, WINDOW), FRAMES, "librosa35")
    return folder


def _views(motion: Motion, key: int) -> Views:
    seen = film(coco_joints_m(motion.rotations, motion.root_m), generator(key, "clip"), "cut")
    keypoints = torch.cat((seen.true_xy, torch.ones_like(seen.true_xy[..., :1])), dim=-1)
    cuts = tuple(seen.cuts.nonzero()[:, 0].tolist())
    return Views.of(Footage(Pose2D(keypoints, seen.size), cuts), seen.camera)


def train(*overrides: Any) -> None:
    from edge_adapter.style_training import train_style
    from stylize.configuration import compose

    train_style(compose("style", [*SMALL, *map(str, overrides)]))


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(*sys.argv[1:])
