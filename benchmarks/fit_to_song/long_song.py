"""A song of minutes danced in one go: what it costs, whether the dancer stays, and whether the windows' seams show."""

import time
from dataclasses import dataclass

import psutil
import torch
from torch import Tensor

from benchmarks.fit_to_song.excerpts import Excerpt
from core_vimo.diffusion.sampling import Callback
from core_vimo.diffusion.windows import WINDOW, Windows
from core_vimo.motion import Motion
from edge_adapter.build import DanceModel
from edge_adapter.long_song import SongDancer, dance_windows
from stylize.dance import DanceSettings

_NEAR_FRAMES = 2


@dataclass(frozen=True)
class Seams:
    """Jerk (mean size of the joints' third difference, m/s³) within 2 frames of a seam and elsewhere."""

    seams: int
    at_seams_mean: float
    elsewhere_mean: float
    at_seams_median: float
    elsewhere_median: float
    worst_over_median: float
    """The largest jerk at a seam over the median of all frames."""
    worst_elsewhere_over_median: float


@dataclass(frozen=True)
class LongDance:
    """A long dance: seconds of music, on the clock and of all cores; MB of memory held after a step, at most, beyond
    what was held before; metres from the start, at the end and at most; seams, tied as dances are and untied.
    """

    music_s: float
    wall_s: float
    core_s: float
    held_mb: float
    end_m: float
    farthest_m: float
    tied: Seams
    untied: Seams


def long_dance(model: DanceModel, excerpt: Excerpt, settings: DanceSettings) -> LongDance:
    """One dance to the whole excerpt, and one from windows that share nothing, to see what tying is good for."""
    windows = dance_windows(len(excerpt), excerpt.heard.grid)
    held_mb = [_resident_mb()]
    wall_s, core_s = time.perf_counter(), time.process_time()
    motion = _dance(model, excerpt, windows, settings, lambda step, x: held_mb.append(_resident_mb()))
    wall_s, core_s = time.perf_counter() - wall_s, time.process_time() - core_s
    frames = len(excerpt) // WINDOW * WINDOW
    apart = Windows(tuple(range(0, frames, WINDOW)), WINDOW)
    untied = _dance(model, excerpt.first(frames / motion.fps), apart, settings)
    away_m = (motion.root_m - motion.root_m[0])[:, :2].norm(dim=-1)
    return LongDance(
        excerpt.seconds,
        wall_s,
        core_s,
        max(held_mb) - held_mb[0],
        float(away_m[-1]),
        float(away_m.max()),
        seams(motion, windows),
        seams(untied, apart),
    )


def seams(motion: Motion, windows: Windows) -> Seams:
    """Where a window begins or ends inside the song, against all other frames."""
    jerk = motion.joints_m().double().diff(n=3, dim=0).norm(dim=-1).mean(dim=-1) * motion.fps**3
    near = _near_seams(windows, len(jerk))
    at, elsewhere, median = jerk[near], jerk[~near], jerk.median()
    return Seams(
        len(_seam_frames(windows)),
        float(at.mean()),
        float(elsewhere.mean()),
        float(at.median()),
        float(elsewhere.median()),
        float(at.max() / median),
        float(elsewhere.max() / median),
    )


def _seam_frames(windows: Windows) -> list[int]:
    starts = set(windows.starts)
    ends = {start + windows.length for start in windows.starts}
    return sorted((starts | ends) - {0, windows.frames})


def _near_seams(windows: Windows, jerks: int) -> Tensor:
    """`[jerks]`; the third difference i spans frames i to i + 3, so a jump into frame s shows in s - 3 to s - 1."""
    centre = torch.tensor(_seam_frames(windows)) - 2
    return ((torch.arange(jerks)[:, None] - centre).abs() <= _NEAR_FRAMES).any(dim=1)


def _dance(
    model: DanceModel,
    excerpt: Excerpt,
    windows: Windows,
    settings: DanceSettings,
    callback: Callback | None = None,
) -> Motion:
    dancer = SongDancer(model.backbone, model.codec, model.schedule, weight=settings.guidance, steps=settings.steps)
    return dancer.dance(excerpt.heard.features, windows, settings.seed, callback)


def _resident_mb() -> float:
    return psutil.Process().memory_info().rss / 1e6
