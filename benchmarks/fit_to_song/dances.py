"""The sets of dances that are compared: the model's, copied ones, real ones."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from rich.progress import track

from benchmarks.fit_to_song.excerpts import Excerpt
from core_vimo.errors import InputError
from core_vimo.motion import FPS, Motion
from core_vimo.randomness import generator
from edge_adapter.build import DanceModel
from edge_adapter.dance_data import DanceSet
from stylize.dance import DanceSettings, dance_takes

_SEEDS_APART = 1000

Dances = list[list[Motion]]
"""For each excerpt its dances."""


def generate(model: DanceModel, excerpts: Sequence[Excerpt], settings: DanceSettings, takes: int, what: str) -> Dances:
    """`takes` dances an excerpt, as `vimo dance` makes them; no two start from the same noise.

    Called again with other settings, each dance starts from the noise it had before.
    """
    found = []
    for number, excerpt in enumerate(track(excerpts, what)):
        chosen = replace(settings, takes=takes, seed=settings.seed + _SEEDS_APART * number)
        found.append([take.motion for take in dance_takes(model, excerpt.heard, chosen, lambda *_: None)])
    return found


def copied(folder: Path, excerpts: Sequence[Excerpt], takes: int, seed: int) -> Dances:
    """Training clips cut at random and laid under the songs: what a model without ears and ideas would do."""
    dances = DanceSet(folder, "train")
    found = []
    for excerpt in excerpts:
        long_enough = [row for row, about in enumerate(dances.rows) if about["frames"] >= len(excerpt)]
        if not long_enough:
            raise InputError(f"{folder}: no training dance lasts {len(excerpt) / FPS:g} s; ask for fewer --seconds")
        found.append([_cut(dances, long_enough, len(excerpt), seed, excerpt.name, take) for take in range(takes)])
    return found


def _cut(dances: DanceSet, rows: list[int], frames: int, seed: int, song: str, take: int) -> Motion:
    row, start = torch.rand(2, generator=generator(seed, song, take, "copy")).tolist()
    index = rows[int(row * len(rows))]
    room = dances.rows[index]["frames"] - frames + 1
    return dances.read(index, int(start * room), frames).motion
