"""From a video to motions: finding the 2D poses, and making K = 4 motions of them, against the video's length."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.material import schedule_of, swaying
from benchmarks.measure import Table, Timing, digits, has_bfloat16, in_turns, per_second, ratio, risen_mb, spread
from core_vimo.coco_body import coco_joints_m
from core_vimo.codec import MotionCodec
from core_vimo.evidence import evidence
from core_vimo.footage import Footage
from core_vimo.motion import FPS
from core_vimo.pose2d import Pose2D
from core_vimo.randomness import fold, generator
from core_vimo.training.run import plain
from core_vimo.video.decode import frames, probe
from core_vimo.video.estimators import estimator
from core_vimo.video.watch import LONGEST
from core_vimo.video_to_motion.build import SHIPPED, VideoMotionModel, load_vimo
from core_vimo.video_to_motion.network import ViMo, ViMoConfig
from core_vimo.video_to_motion.video_motion import VideoMotion
from core_vimo.virtual_cameras import film
from stylize.configuration import compose
from stylize.motion_from_video import MotionSettings, motion_takes

TAKES = 4
FULL, HALF = "float32", "bfloat16"
LENGTHS, QUICK_LENGTHS = {5: 3, 30: 3, 120: 1}, {5: 2, 30: 1}
"""Seconds of video -> repeats."""

WATCHED, WATCHED_S = "solo_dance_music.mp4", 6.0

Way = Callable[[], object]


def run(quick: bool) -> list[Table]:
    model, named = shipped_or_random()
    made = motions_table(f"2D poses to {TAKES} motions ({named})", model, QUICK_LENGTHS if quick else LENGTHS)
    return [made, memory_table((30, 120) if quick else (30, 600)), pose_table(film_to_watch(), 1 if quick else 3)]


def shipped_or_random() -> tuple[VideoMotionModel, str]:
    if SHIPPED.is_dir():
        return load_vimo(), "the shipped bundle"
    return random_model(), "random weights"


def random_model(**size: int) -> VideoMotionModel:
    """Of the shipped size but for what `size` says; no time hangs on weights."""
    config: dict[str, Any] = plain(compose("vimo", ["+experiment=vimo_small", "data.folder=none", "out=none"]))
    torch.manual_seed(fold(0, "benchmark"))  # initialisers draw from torch's global generator
    network = ViMo(ViMoConfig(**(config["model"] | size))).eval().requires_grad_(False)
    return VideoMotionModel(network, MotionCodec.fit([swaying(600)], any_heading=True), schedule_of(config), "random")


def footage_of(seconds: float) -> Footage:
    """What a moving, cutting camera sees of a made-up dance."""
    dance = swaying(round(seconds * FPS))
    seen = film(coco_joints_m(dance.rotations, dance.root_m), generator(0, "benchmark film"), "cut", 0.0)
    return Footage(Pose2D(seen.keypoints, seen.size), tuple(seen.cuts.nonzero()[:, 0].tolist()))


def motions_table(title: str, model: VideoMotionModel, lengths: dict[int, int]) -> Table:
    """All that `vimo motion` does between the poses and the files: sampling, reprojecting and measuring every take."""
    rows: list[tuple[str, ...]] = []
    timings: dict[str, Timing] = {}
    for place, (seconds, repeats) in enumerate(lengths.items()):
        ways = {half: making(model, seconds, half == HALF) for half in (FULL, HALF)}
        taken = in_turns(ways, repeats, warm_up=place == 0)
        for name, timing in taken.items():
            cells = spread(timing.wall_s), spread(timing.cpu_s), f"{per_second(seconds, timing)}×"
            rows.append((f"{seconds} s", name, *cells, ratio(taken[FULL], timing)))
        timings |= {f"{seconds} s, {name}": timing for name, timing in taken.items()}
    columns = ("video", "precision", "wall s", "CPU s", "faster than the video plays", "times less (wall / CPU)")
    notes = [f"{TAKES} takes, {MotionSettings.steps} steps, guidance {MotionSettings.guidance:g}, ranked. {_threads()}"]
    if not has_bfloat16():
        notes.append("This processor has no bfloat16 that torch knows of: its rows say nothing of those that do.")
    return Table(title, columns, rows, notes, timings)


def making(model: VideoMotionModel, seconds: float, half: bool) -> Way:
    footage, settings = footage_of(seconds), MotionSettings(takes=TAKES, half=half)
    return lambda: motion_takes(model, footage, settings, lambda what, done, total: None)


def memory_table(lengths: tuple[int, ...]) -> Table:
    """Peak memory over what the model and the poses hold, a fresh process each; a few steps show it."""
    cells = (digits(risen_mb(sampled, seconds)) for seconds in lengths)
    columns = ("", *(f"{seconds} s of video, MB" for seconds in lengths))
    return Table(f"Memory while {TAKES} motions are made", columns, [("sampling, 2 steps", *cells)])


def sampled(seconds: int) -> Way:
    sampling = VideoMotion(shipped_or_random()[0], steps=2)
    seen = evidence(footage_of(seconds))[None]
    return lambda: sampling.sample(seen, 0, TAKES)


def film_to_watch() -> Path | None:
    """A real video of the test data (`VIMO_DATA`), if it is there."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("VIMO_DATA", default)) / "videos" / WATCHED
    return path if path.is_file() else None


def pose_table(path: Path | None, repeats: int) -> Table:
    """Pictures a second that the default estimator looks at, with and without decoding them."""
    title = "Finding 2D poses (MediaPipe)"
    missing = why_not(path)
    if path is None or missing:
        return Table(title, ("pictures",), [("not measured",)], [missing])
    seen = list(frames(path, longest=LONGEST, seconds=WATCHED_S))
    looking = estimator("mediapipe")
    ways: dict[str, Way] = {
        "decoding alone": lambda: sum(1 for _ in frames(path, longest=LONGEST, seconds=WATCHED_S)),
        "poses alone": lambda: [looking(rgb) for rgb in seen],
        "both, as vimo motion does": lambda: [looking(rgb) for rgb in frames(path, longest=LONGEST, seconds=WATCHED_S)],
    }
    taken = in_turns(ways, repeats)
    looking.close()
    rows = [
        (name, spread(timing.wall_s), spread(timing.cpu_s), per_second(len(seen), timing))
        for name, timing in taken.items()
    ]
    width, height = probe(path).shown_size(LONGEST)
    notes = [f"{WATCHED}: {len(seen)} pictures of {width}x{height} at {FPS:g} a second. {_threads()}"]
    return Table(title, ("what", "wall s", "CPU s", "pictures a second, on the wall"), rows, notes, taken)


def why_not(path: Path | None) -> str:
    """Why no pose is looked for; empty where it can be."""
    if importlib.util.find_spec("mediapipe") is None:
        return "MediaPipe isn't installed (`pip install .[pose]`), so pose estimation was not measured."
    if path is None:
        return f"{WATCHED} of the test data (`VIMO_DATA`) isn't there, so pose estimation was not measured."
    return ""


def _threads() -> str:
    return f"{torch.get_num_threads()} threads of torch, {os.cpu_count()} cores."
