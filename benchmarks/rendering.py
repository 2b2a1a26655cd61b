"""Frames a second of the suite's shaded dancer, beside a matplotlib stick figure."""

import os
import tempfile
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

from benchmarks.material import swaying
from benchmarks.measure import Table, Timing, in_turns, per_second, ratio, spread
from benchmarks.reference.drawing import stick_figures
from core_vimo.motion import Motion
from stylize.render.frames import draw_frames
from stylize.render.video import shot_of, write_video

PIXELS = 720
REFERENCE = "matplotlib stick figure, pictures"
ONE, ALL, FILM = "ours, pictures, 1 process", "ours, pictures, a process a core", "ours, MP4, a process a core"


def run(quick: bool) -> list[Table]:
    return [compare(frames=120 if quick else 450, stick_frames=60, pixels=PIXELS, repeats=1 if quick else 3)]


def compare(frames: int, stick_frames: int, pixels: int, repeats: int) -> Table:
    """`frames` of ours; matplotlib draws `stick_frames` of the same dance, and rates are compared."""
    motion = swaying(frames)
    with tempfile.TemporaryDirectory() as folder:
        timings = in_turns(ways(motion, stick_frames, pixels, Path(folder)), repeats)
    counts = {name: stick_frames if name == REFERENCE else frames for name in timings}
    each = {name: _a_frame(timing, counts[name]) for name, timing in timings.items()}
    rows = [
        (name, spread(t.wall_s), spread(t.cpu_s), per_second(1000, t), _faster(each, name)) for name, t in each.items()
    ]
    columns = ("way", "wall ms a frame", "CPU ms a frame", "frames/s", "times less (wall / CPU)")
    notes = [
        f"{pixels} x {pixels} pixels, {frames} frames (matplotlib: {stick_frames}), {os.cpu_count()} cores; starting "
        "the processes is counted."
    ]
    if REFERENCE not in timings:
        notes.append("matplotlib is not installed (extra `test`), so there is nothing to compare with.")
    return Table("Drawing a dance", columns, rows, notes, timings)


def ways(motion: Motion, stick_frames: int, pixels: int, folder: Path) -> dict[str, Callable[[], object]]:
    size = (pixels, pixels)
    ours: dict[str, Callable[[], object]] = {
        ONE: lambda: _exhaust(draw_frames(shot_of(motion, size), workers=1)),
        ALL: lambda: _exhaust(draw_frames(shot_of(motion, size), workers=os.cpu_count())),
        FILM: lambda: write_video(motion, folder / "dance.mp4", size=size, workers=os.cpu_count()),
    }
    if find_spec("matplotlib") is None:
        return ours
    joints_m = motion.joints_m()[:stick_frames].numpy()
    return {REFERENCE: lambda: _exhaust(stick_figures(joints_m, pixels)), **ours}


def _exhaust(pictures: Iterable[object]) -> None:
    for _ in pictures:
        pass


def _a_frame(timing: Timing, frames: int) -> Timing:
    """Milliseconds a frame."""
    return Timing(*([1000 * s / frames for s in seconds] for seconds in (timing.wall_s, timing.cpu_s)))


def _faster(each: dict[str, Timing], name: str) -> str:
    return ratio(each[REFERENCE], each[name]) if REFERENCE in each else "–"
