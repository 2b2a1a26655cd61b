"""A small clip set of invented dances, and runs in a new process: `python style_clips.py override [override ...]`."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core_vimo.clip_set import ITEMS, WINDOW, Clip, write_clip_index, write_music, write_take
from core_vimo.motion import Motion
from core_vimo.randomness import normal

FRAMES = 30
SMALL = (
    "name=swaying", "trainer.device=cpu", "trainer.batch_size=4", "trainer.log_every=1", "branch.layers=1",
    "prior.share=0", "evaluation.windows=2", "evaluation.steps=2", "trainer.evaluate_every=0", "trainer.warmup_steps=0",
)  # fmt: skip


def write_clips(folder: Path, dance: Callable[[int, int], Motion], *, test: bool = True) -> Path:
    """Three clips of 60 frames, the last of which is held out; windows of 30 that start every 15, one not kept."""
    rows = []
    clips = [
        Clip(f"clip{n}", f"{n:064d}", "motion", "its own", 60, 1, "test" if test and n == 2 else "train")
        for n in range(3)
    ]
    for number, clip in enumerate(clips):
        place = folder / ITEMS / clip.name
        place.mkdir(parents=True)
        write_take(dance(60, number), place, 0)
        write_music(normal((60, 35), number, "music"), torch.arange(0, 2, 0.5), place)
        split = int(clip.split == "test")
        rows += [
            (number, 0, start, (number, start) != (0, 15), int((number, start) == (0, 15)), split, np.zeros(5))
            for start in (0, 15, 30)
        ]
    write_clip_index(folder, clips, np.array(rows, WINDOW), FRAMES, "librosa35")
    return folder


def train(*overrides: Any) -> None:
    from edge_adapter.style_training import train_style
    from stylize.configuration import compose

    train_style(compose("style", [*SMALL, *map(str, overrides)]))


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(*sys.argv[1:])
