"""Models and a teacher on what a real pose estimator saw of real dances, beside their truth.

Mocap has no pictures: it is drawn as `vimo render` draws it, by a camera that stands still, and looked at by the
estimator, whose errors are its own. What it saw is kept (`poses/`): `vimo dataset taught` makes lessons of it with
`--teacher landmarks`. Measured are held-out dances in windows of 5 s: trained models, told the estimator's keypoints,
and the estimator's own guess in space.
"""

import argparse
import json
import multiprocessing
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.trained_run import publish_tables
from benchmarks.video_to_motion.summary import tables
from core_vimo.camera import Camera
from core_vimo.errors import InputError
from core_vimo.evidence import CONFIDENT
from core_vimo.footage import SUFFIX, Footage, read_footage, write_footage
from core_vimo.formats import read_motion
from core_vimo.formats.sources import matches
from core_vimo.metrics.measures import measure
from core_vimo.metrics.report import Pool, Report, Row, set_row
from core_vimo.metrics.tables import as_json
from core_vimo.motion import FPS, Motion, ground, resample
from core_vimo.video_to_motion.held_out import CLIP, FilmedClip
from core_vimo.video_to_motion.teacher import Teacher, named_teacher
from core_vimo.virtual_cameras import facing_camera
from stylize.motion_evaluation import TRUTH, VIMO, measure_guess
from stylize.motion_from_video import MotionSettings, finished, look
from stylize.render.video import shot_of, write_video

SIZE = (640, 640)
SEEN = 0.5
"""Of a window's frames, in which somebody must be seen for it to be measured."""
LANDMARKS = "the estimator's own guess"
GUESSED, SHOWN = "as guessed", "as `vimo motion` shows it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dances", type=Path, required=True, help="folder of motion files (.npz)")
    parser.add_argument("--hold-out", nargs="+", required=True, metavar="NAME", help="what is measured, as patterns")
    parser.add_argument("--models", nargs="+", default=["vimo=vimo"], metavar="NAME=BUNDLE", help="a NAME may repeat")
    parser.add_argument("--seconds", type=float, default=100.0, help="of each dance, at most (default 100)")
    parser.add_argument("--only-held-out", action="store_true", help="look at no other dances")
    parser.add_argument("--jobs", type=int, default=2, help="dances looked at at a time, a core each (default 2)")
    parser.add_argument("--out", type=Path, default=Path("build/drawn"), help="folder of keypoints and tables")


def run(arguments: argparse.Namespace) -> int:
    a = arguments
    paths = sorted(a.dances.glob("*.npz"))
    held_out = [path for path in paths if matches(path.stem, a.hold_out)]
    if not held_out:
        raise InputError(f"{a.dances}: no .npz of it is called {' or '.join(a.hold_out)}; give other patterns")
    _look_at(held_out if a.only_held_out else [*held_out, *(path for path in paths if path not in held_out)], a)
    films = [film for path in held_out for film in _windows(path, a)]
    seen = [film for film in films if (film.footage.pose.confidence >= CONFIDENT).any(-1).float().mean() >= SEEN]
    pool = Pool.of([measure(path.stem, part) for path in paths for part in _parts(_dance(path, a.seconds))])
    beside = _rows(LANDMARKS, named_teacher("landmarks"), seen, pool)
    beside += [_row(section, TRUTH, [film.truth for film in seen], seen, pool) for section in (GUESSED, SHOWN)]
    results: dict[str, list[dict[str, Any]]] = {}
    for name, bundle in (model.split("=", 1) for model in a.models):
        report = Report([*_rows(VIMO, named_teacher(bundle), seen, pool), *beside], 0, [], {}, "windows")
        results.setdefault(name, []).append({"report": json.loads(as_json(report))})
        print(f"measured: {name} ({bundle})", flush=True)
    made = tables(results, (GUESSED, SHOWN), {"Models": {name: name for name in results}}, beside=(LANDMARKS, TRUTH))
    told = {"windows": f"{len(seen)} of {len(films)}, the others show nobody", "pool": len(pool.features["k"])}
    publish_tables(a.out / "drawn", "benchmarks.supervision", told, made, results)
    return 0


def _look_at(paths: list[Path], a: argparse.Namespace) -> None:
    """Keeps what the estimator saw of each; what is kept is not looked at again."""
    folder = a.out / "poses"
    folder.mkdir(parents=True, exist_ok=True)
    missing = [path for path in paths if not _poses(path, a.out).is_file()]
    # Spawned: what is forked from a process with torch's threads may hang.
    with ProcessPoolExecutor(a.jobs, multiprocessing.get_context("spawn")) as pool:
        seen = pool.map(partial(_seen, seconds=a.seconds), missing)
        for path, footage in zip(missing, seen, strict=True):
            write_footage(footage, _poses(path, a.out))
            print(f"seen: {path.stem}", flush=True)


def _seen(path: Path, seconds: float) -> Footage:
    with tempfile.TemporaryDirectory() as place:
        film = Path(place) / f"{path.stem}.mp4"
        write_video(_dance(path, seconds), film, size=SIZE, fps=FPS, workers=1)
        return look(film, None, MotionSettings(estimator="mediapipe"), lambda what, done, total: None).footage


def _dance(path: Path, seconds: float) -> Motion:
    return resample(read_motion(path), FPS)[: round(seconds * FPS)]


def _poses(path: Path, out: Path) -> Path:
    return out / "poses" / f"{path.stem}{SUFFIX}"


def _parts(motion: Motion) -> Iterator[Motion]:
    return (motion[start : start + CLIP] for start in range(0, len(motion) - CLIP + 1, CLIP))


def _windows(path: Path, a: argparse.Namespace) -> Iterator[FilmedClip]:
    """What was seen of a dance, window by window, and the truth as a model should give it."""
    dance, footage = _dance(path, a.seconds), read_footage(_poses(path, a.out))
    if len(footage) != len(dance):
        raise InputError(f"{_poses(path, a.out)}: {len(footage)} frames of {len(dance)}; delete it to look again")
    right, up, backwards = torch.from_numpy(shot_of(dance, SIZE, FPS).camera.axes)
    camera = Camera(torch.eye(3)[None], torch.stack((right, -up, -backwards))[None], torch.zeros(1, 3))
    for number, part in enumerate(_parts(dance)):
        start = CLIP * number
        truth = ground(facing_camera(part, camera))
        yield FilmedClip(f"{path.stem} from {start}", truth, footage[start : start + CLIP])


def _rows(name: str, teacher: Teacher, films: list[FilmedClip], pool: Pool) -> list[Row]:
    """What a model, or the estimator itself, makes of the films: as it is and as `vimo motion` would show it."""
    guesses = [teacher(film.footage) for film in films]
    shown = [finished(guess, film.footage, MotionSettings()) for guess, film in zip(guesses, films, strict=True)]
    return [_row(section, name, made, films, pool) for section, made in ((GUESSED, guesses), (SHOWN, shown))]


def _row(section: str, name: str, motions: list[Motion], films: list[FilmedClip], pool: Pool) -> Row:
    measured = [measure_guess(film, motion) for film, motion in zip(films, motions, strict=True)]
    return replace(set_row(name, measured, pool, seed=0), section=section)
