"""A style learned from what cameras saw of it, in 2D, beside the same clips lifted to 3D, and their true motions.

A few dances of a style are filmed in pieces of 5 s, each by a virtual camera of its own that moves and is known, and
lifted by a teacher that never saw their like. Branches beside one backbone learn from the true motions, from the
teacher's as if they were true, and from the keypoints in 2D; their dances to held-out songs of the style are measured
against its held-out dances. A run that is done is not made again.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch

from benchmarks.fit_to_song.dances import generate
from benchmarks.fit_to_song.excerpts import Excerpt
from benchmarks.fit_to_song.quality import table
from benchmarks.measure import machine
from benchmarks.styles.domains import WINDOW_FRAMES, Style, measured, songs, windows_of, write_clips
from benchmarks.styles.systems import BASE, BRANCH, load, told, trained
from core_vimo.bundle import bundle_hash
from core_vimo.coco_body import coco_joints_m
from core_vimo.footage import Footage
from core_vimo.metrics.measures import Measured
from core_vimo.metrics.style import StyleDistance, style_features
from core_vimo.metrics.tables import as_json, as_markdown
from core_vimo.motion import Motion, concatenate
from core_vimo.motion_store import data_hash
from core_vimo.pose2d import Pose2D
from core_vimo.publish import publish_file
from core_vimo.randomness import generator
from core_vimo.video_to_motion.motion_set import StoredMotion, Views
from core_vimo.video_to_motion.teacher import named_teacher, taught
from core_vimo.virtual_cameras import film
from edge_adapter.build import DanceModel, load_dance_model
from edge_adapter.dance_data import PairedDance
from stylize.dance import DanceSettings

TRUE, LIFTED, IN_2D = "true 3D", "lifted 3D", "2D"
SYSTEMS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    TRUE: ("true", ()),
    LIFTED: ("taught", ()),
    IN_2D: ("taught", ("supervision=2d",)),
}
"""Name -> the clips it learns from, and its settings."""

RESULT = "style.json"


@dataclass(frozen=True)
class Plan:
    """bundle: a backbone that never saw the style; dances: a data set with its dances; teacher: a lifter's or a ViMo's
    bundle."""

    bundle: Path
    dances: Path
    pattern: str
    learned: tuple[str, ...]
    teacher: Path
    out: Path
    systems: tuple[str, ...]
    seeds: int
    takes: int
    overrides: tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bundle", type=Path, required=True, help="the backbone, trained without the style")
    parser.add_argument("--dances", type=Path, required=True, help="a dance set that holds the style's dances")
    parser.add_argument("--pattern", required=True, help="what the names of the style's dances look like")
    parser.add_argument("--learn", nargs="+", required=True, metavar="NAME", help="the few dances to learn from")
    parser.add_argument(
        "--teacher", type=Path, required=True, help="bundle of a lifter or a ViMo that learned from other motion"
    )
    parser.add_argument("--systems", nargs="+", choices=tuple(SYSTEMS), default=list(SYSTEMS), metavar="SYSTEM")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each way (default 3)")
    parser.add_argument("--takes", type=int, default=1, help="dances a song and seed (default 1)")
    parser.add_argument("--overrides", nargs="*", default=[], help="settings of `vimo style train`")
    parser.add_argument("--out", type=Path, default=Path("build/supervision/style"))


def run(arguments: argparse.Namespace) -> int:
    a = arguments
    learned, overrides = tuple(a.learn), tuple(a.overrides)
    plan = Plan(a.bundle, a.dances, a.pattern, learned, a.teacher, a.out, tuple(a.systems), a.seeds, a.takes, overrides)
    style = Style.of(plan.dances, plan.pattern, plan.learned)
    _write_clips(plan, style)
    base = load_dance_model(plan.bundle)
    models = {BASE: [base] * plan.seeds} | {name: _trained(plan, name, base) for name in plan.systems}
    names = [dance.name for dance in style.held_out]
    excerpts = songs(plan.dances, names, base.extractor, seconds=20.0, seed=0)
    danced = {name: _danced(plan, name, of_seeds, excerpts) for name, of_seeds in models.items()}
    _publish(plan, style, danced)
    return 0


def _write_clips(plan: Plan, style: Style) -> None:
    teacher = named_teacher(plan.teacher)

    def piece(dance: PairedDance, start: int, stop: int) -> StoredMotion:
        motion = dance.motion[start:stop]
        coco_m = coco_joints_m(motion.rotations, motion.root_m)
        seen = film(coco_m, generator(0, dance.name, start, "style lesson"), "moving")
        return taught(Footage(Pose2D(seen.keypoints, seen.size), (), dance.name), teacher, seen.camera)

    def lesson(dance: PairedDance) -> StoredMotion:
        starts = range(0, len(dance.motion) - WINDOW_FRAMES + 1, WINDOW_FRAMES)
        borders = [*starts, len(dance.motion)]  # the last piece takes along the rest
        return _joined(dance.name, [piece(dance, start, stop) for start, stop in pairwise(borders)])

    for name, seen in (("true", None), ("taught", lesson)):
        if not (_clips(plan, name) / "clips.json").is_file():
            write_clips(style.learned, _clips(plan, name), plan.dances, seen)


def _joined(name: str, pieces: Sequence[StoredMotion]) -> StoredMotion:
    """One after the other, each before its own camera."""
    views = [piece.views for piece in pieces if piece.views is not None]
    cameras = [view.camera(0) for view in views]
    parts = (
        torch.cat([getattr(camera, part) for camera in cameras])[None]
        for part in ("intrinsics", "R_camera_world", "t_camera_m")
    )
    seen = Views(torch.cat([view.keypoints for view in views], dim=1), views[0].sizes, *parts)
    return StoredMotion(name, concatenate([piece.motion for piece in pieces]), seen)


def _clips(plan: Plan, name: str) -> Path:
    """Where the clips of a name lie; those of other dances, or what another teacher made of them, lie elsewhere."""
    teacher = bundle_hash(plan.teacher) if name == "taught" else ""
    made = json.dumps([plan.pattern, plan.learned, data_hash(plan.dances), teacher])
    return plan.out / "clips" / f"{name}-{hashlib.sha256(made.encode()).hexdigest()[:8]}"


def _trained(plan: Plan, system: str, base: DanceModel) -> list[DanceModel]:
    clips, settings = SYSTEMS[system]
    folder, of_seeds = _clips(plan, clips), range(plan.seeds)
    out = plan.out / f"{system.replace(' ', '-')}-{folder.name}"
    overrides = [*settings, *plan.overrides]
    return [load(BRANCH, trained(BRANCH, s, plan.bundle, folder, out, overrides), base) for s in of_seeds]


@dataclass(frozen=True, eq=False)
class _Danced:
    """The windows of the dances of all seeds' models, and the motions of each seed's."""

    clips: list[Measured]
    motions: list[list[Motion]]


def _danced(plan: Plan, name: str, models: Sequence[DanceModel], excerpts: list[Excerpt]) -> _Danced:
    heard = excerpts if name == BASE else told(excerpts, 1.0)
    clips, motions = [], []
    for seed, model in enumerate(models):
        dances = generate(model, heard, DanceSettings(seed=100 * seed), plan.takes, f"{name}, seed {seed}")
        made = [(e, motion) for e, takes in zip(excerpts, dances, strict=True) for motion in takes]
        clips += [window for e, motion in made for window in windows_of(f"{e.name} {seed}", motion, e.beats_s)]
        motions.append([window for _, motion in made for window in _windows(motion)])
    return _Danced(clips, motions)


def _windows(motion: Motion) -> list[Motion]:
    starts = range(0, len(motion) - WINDOW_FRAMES + 1, WINDOW_FRAMES)
    return [motion[start : start + WINDOW_FRAMES] for start in starts]


def _publish(plan: Plan, style: Style, danced: Mapping[str, _Danced]) -> None:
    report = table({name: found.clips for name, found in danced.items()}, measured(style.held_out), 0)
    distances = _distances(style, danced)
    facts = machine() | {"command": " ".join(["python -m benchmarks.supervision", *sys.argv[1:]])}
    lines = [f"- {name}: {value}" for name, value in facts.items()]
    lines += ["", "| learned from | style distance, a seed each |", "|---|---|"]
    lines += [f"| {name} | {', '.join(f'{value:.3f}' for value in values)} |" for name, values in distances.items()]
    text = "\n".join(lines) + "\n\n" + as_markdown(report)
    print(text)
    content = {"facts": facts, "style_distance": distances, "report": json.loads(as_json(report))}
    for path, words in ((RESULT, json.dumps(content, indent=1) + "\n"), ("style.md", text)):
        with publish_file(plan.out / path) as aside:
            aside.write_text(words, encoding="utf-8")
        print(plan.out / path)


def _distances(style: Style, danced: Mapping[str, _Danced]) -> dict[str, list[float]]:
    """Of each seed's dances to the style's held-out ones."""
    held_out, learned = (
        style_features([window for dance in dances for window in _windows(dance.motion)])
        for dances in (style.held_out, style.learned)
    )
    distance = StyleDistance(held_out, torch.cat((held_out, learned)))
    found = {name: [distance(style_features(m)) for m in one.motions] for name, one in danced.items()}
    return {"its own clips": [distance(learned)], **found}
