"""How many steps are enough: how far dances of few steps lie from those of many, from the same noise."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from rich.progress import track

from benchmarks.fit_to_song.excerpts import Excerpt
from core_vimo.diffusion.sampling import Sampler, ddim, dpmpp_2m, even_timesteps, quadratic_timesteps
from core_vimo.metrics.feet import jitter
from core_vimo.motion import Motion
from edge_adapter.build import DanceModel
from edge_adapter.long_song import SongDancer, dance_windows

STEPS = (5, 10, 15, 25, 50)
EXACT_STEPS = 200
SAMPLERS: dict[str, Sampler] = {
    "dpmpp_2m, quadratic": partial(dpmpp_2m, spacing=quadratic_timesteps),
    "dpmpp_2m, even": partial(dpmpp_2m, spacing=even_timesteps),
    "ddim, even": partial(ddim, spacing=even_timesteps),
}
_EXACT = "dpmpp_2m, quadratic"
_CHECK = "ddim, even"


@dataclass(frozen=True)
class Knee:
    """A sampler with so many steps: mean distance of a joint, root-aligned, to the exact solution; jitter in 10 m/s³;
    seconds of all cores a second of dance."""

    sampler: str
    steps: int
    distance_cm: float
    jitter: float
    core_s_per_s: float


def knee(model: DanceModel, excerpts: Sequence[Excerpt], guidance: float, seed: int) -> list[Knee]:
    """The samplers with rising steps against `EXACT_STEPS` of the first; DDIM with as many tells how exact that is."""
    exact, _ = _solve(model, excerpts, _EXACT, EXACT_STEPS, guidance, seed)
    tried = [(name, steps) for name in SAMPLERS for steps in STEPS] + [(_CHECK, EXACT_STEPS)]
    found = []
    for name, steps in track(tried, "Counting steps"):
        dances, seconds = _solve(model, excerpts, name, steps, guidance, seed)
        distance = torch.stack([distance_cm(a, b) for a, b in zip(dances, exact, strict=True)]).mean()
        found.append(Knee(name, steps, float(distance), _jitter(dances), seconds))
    return found


def distance_cm(first: Motion, second: Motion) -> torch.Tensor:
    """Mean over frames and joints, roots laid on one another: a path over the floor adds up small differences."""
    ours, theirs = first.joints_m(), second.joints_m()
    return 100 * ((ours - ours[:, :1]) - (theirs - theirs[:, :1])).norm(dim=-1).mean()


def _solve(
    model: DanceModel, excerpts: Sequence[Excerpt], name: str, steps: int, guidance: float, seed: int
) -> tuple[list[Motion], float]:
    dancer = SongDancer(
        model.backbone, model.codec, model.schedule, weight=guidance, sampler=SAMPLERS[name], steps=steps
    )
    started = time.process_time()
    dances = [
        dancer.dance(excerpt.heard.features, dance_windows(len(excerpt), excerpt.heard.grid), seed + number)
        for number, excerpt in enumerate(excerpts)
    ]
    took_s = time.process_time() - started
    return dances, took_s / sum(excerpt.seconds for excerpt in excerpts)


def _jitter(dances: Sequence[Motion]) -> float:
    return float(torch.stack([jitter(dance.joints_m(), dance.fps) for dance in dances]).mean())
