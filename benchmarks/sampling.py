"""From music to a dance: windows tied at every step, the reference's way and ours, for a window, a piece, a song."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.material import fresh_model, music_for, schedule_of, settings, swaying
from benchmarks.measure import Table, Timing, digits, has_bfloat16, in_turns, per_second, ratio, risen_mb, spread
from benchmarks.reference.network import plain_twin
from benchmarks.reference.sampling import OVERLAP, half_overlapping, tied_ddim
from core_vimo.diffusion.constraints import tie_overlaps
from core_vimo.diffusion.guidance import guided
from core_vimo.diffusion.sampling import ddim
from core_vimo.motion import FPS
from core_vimo.randomness import normal
from edge_adapter.build import SHIPPED, DanceModel, load_dance_model
from edge_adapter.dance_data import fit_codec
from edge_adapter.long_song import SongDancer, dance_windows

STEPS, SHORT = 50, 15
REFERENCE, FUSED = "plain, DDIM 50", "plain with fused attention, DDIM 50"
SAME, OURS, HALF = "ours, DDIM 50", "ours, DPM-Solver++ 15", "ours, DPM-Solver++ 15, bfloat16"
FAIR = 1e-4
"""Largest difference, in normalised channels, between both ways with the same sampler, windows and noise."""

Way = Callable[[], object]


ALL = (REFERENCE, FUSED, SAME, OURS, HALF)
LENGTHS = {5: dict.fromkeys(ALL, 5), 30: dict.fromkeys(ALL, 3), 240: {REFERENCE: 2, SAME: 2, OURS: 3, HALF: 3}}
QUICK_LENGTHS = {5: dict.fromkeys(ALL, 3), 30: dict.fromkeys(ALL, 1)}


def run(quick: bool) -> list[Table]:
    model, named = shipped_or_random()
    check_fair(model, steps=10 if quick else STEPS)
    small = compare(f"Dancing, edge_small ({named})", model, QUICK_LENGTHS if quick else LENGTHS)
    memory = memory_table((30, 240))
    published = random_model("edge")
    check_fair(published, seconds=5, steps=2)
    repeats = dict.fromkeys((REFERENCE, SAME, OURS, HALF), 1 if quick else 2)
    large = compare("Dancing, EDGE's published size (random weights)", published, {5: repeats}, warm_up=not quick)
    return [small, memory, large]


def shipped_or_random() -> tuple[DanceModel, str]:
    if SHIPPED.is_dir():
        return load_dance_model(), "the shipped bundle"
    return random_model("edge_small"), "random weights"


def random_model(size: str) -> DanceModel:
    config = settings(size)
    model = fresh_model(config).eval().requires_grad_(False)
    return DanceModel(model, fit_codec([swaying(600)]), schedule_of(config), "random", "random")


def compare(title: str, model: DanceModel, lengths: dict[int, dict[str, int]], warm_up: bool = True) -> Table:
    """`lengths`: seconds of music -> how often each way is taken; only the first length needs warming up."""
    rows: list[tuple[str, ...]] = []
    timings: dict[str, Timing] = {}
    for place, (seconds, repeats) in enumerate(lengths.items()):
        ways = {name: way(name, model, seconds) for name in repeats}
        taken = in_turns(ways, repeats, warm_up=warm_up and place == 0)
        rows += [_row(seconds, name, timing, taken[REFERENCE]) for name, timing in taken.items()]
        timings |= {f"{seconds} s, {name}": timing for name, timing in taken.items()}
    columns = ("music", "way", "wall s", "CPU s", "faster than the music plays", "times less (wall / CPU)")
    notes = [
        f"Guidance 2 everywhere. With the same sampler, windows and noise both ways give the same dance to {FAIR:g} "
        "(checked in this run). Ours ends in a decoded motion, the reference in tied windows."
    ]
    if not has_bfloat16():
        notes.append("This processor has no bfloat16 that torch knows of: its rows say nothing of those that do.")
    return Table(title, columns, rows, notes, timings)


def _row(seconds: int, name: str, timing: Timing, base: Timing) -> tuple[str, ...]:
    faster = f"{per_second(seconds, timing)}×"
    return f"{seconds} s", name, spread(timing.wall_s), spread(timing.cpu_s), faster, ratio(base, timing)


def way(name: str, model: DanceModel, seconds: int, share: float = 1.0) -> Way:
    """One of the ways, ready to be taken; `share` of its steps."""
    music = music_for(model.backbone, round(seconds * FPS))
    if name in (REFERENCE, FUSED):
        network, windows = plain(model, fused=name == FUSED), half_overlapping(music)
        noise = drawn(windows)
        return lambda: tied_ddim(network, windows, model.schedule.alphas_cumprod, noise, round(STEPS * share))
    kind: dict[str, Any] = {"sampler": ddim, "steps": STEPS} if name == SAME else {"steps": SHORT}
    kind["steps"] = round(kind["steps"] * share)
    dancer = SongDancer(model.backbone, model.codec, model.schedule, half=name == HALF, **kind)
    return lambda: dancer.dance(music, dance_windows(len(music)), seed=0)


def plain(model: DanceModel, fused: bool = False) -> nn.Module:
    """The reference's network with the model's weights."""
    return plain_twin(model.backbone, fused=fused).eval().requires_grad_(False)


def drawn(windows: Tensor) -> Callable[[int], Tensor]:
    """A noise source for the windows; step -1 is the start."""
    return lambda step: normal((*windows.shape[:2], 151), 0, step, "benchmark")


def memory_table(lengths: tuple[int, ...]) -> Table:
    """Peak memory over what the model and its music hold, a fresh process each; a few steps show it."""
    rows = []
    for name in (REFERENCE, OURS, HALF):
        risen = [risen_mb(prepared, name, seconds, 0.07) for seconds in lengths]
        rows.append((name, *(digits(mb) for mb in risen)))
    columns = ("way", *(f"{seconds} s of music, MB" for seconds in lengths))
    return Table("Memory while dancing, edge_small", columns, rows)


def prepared(name: str, seconds: int, share: float) -> Way:
    return way(name, shipped_or_random()[0], seconds, share)


def check_fair(model: DanceModel, seconds: int = 10, steps: int = STEPS) -> float:
    """The same sampler on the same windows from the same noise, both ways; raises where the dances differ."""
    windows = half_overlapping(music_for(model.backbone, round(seconds * FPS)))
    noise = drawn(windows)
    theirs = tied_ddim(plain(model), windows, model.schedule.alphas_cumprod, noise, steps)
    with torch.no_grad():
        ours = ddim(
            guided(model.backbone, model.backbone.encode(windows), 2.0),
            noise(-1),
            model.schedule,
            steps=steps,
            eta=1.0,
            noise=noise,
            clip=1.0,
            constrain=tie_overlaps(OVERLAP),
        )
    apart = float((theirs - ours).abs().max())
    if not apart <= FAIR:
        raise RuntimeError(f"the two ways differ by {apart:.2g}: they don't do the same work, so no ratio is fair")
    return apart
