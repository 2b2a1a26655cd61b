"""A video watched: pictures streamed through an estimator, one person followed, 2D poses at 30 fps out."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.footage import FPS, SUFFIX, Footage, at_30_fps, read_footage
from core_vimo.pose2d import Pose2D
from core_vimo.reading import naming
from core_vimo.video.decode import VideoFacts, frames, probe
from core_vimo.video.estimators import PoseEstimator
from core_vimo.video.estimators import estimator as open_estimator
from core_vimo.video.keypoint_files import read_keypoint_file
from core_vimo.video.people import Choice, follow
from core_vimo.video.shots import ShotFinder

LONGEST = 640  # pixels of the longer side that estimators see: their networks see 256 of a person's
BLACK = 24  # a picture without a pixel brighter than this (of 255) shows nothing

Report = Callable[[str, int, int], None]  # what is done, how much of it, out of how much


@dataclass(frozen=True)
class Sight:
    """What was seen in a video, and whom the footage follows: `print(sight.choice)` says it in words."""

    footage: Footage
    choice: Choice


def observe(
    path: Path | str,
    *,
    estimator: str | PoseEstimator = "mediapipe",
    start_s: float = 0,
    seconds: float | None = None,
    person: int | None = None,
    report: Report | None = None,
) -> Sight:
    """2D poses of one person through a video, in pixels of the upright video, and who that is.

    person: None or 1 takes the most prominent of each shot, 2 the second (see `people.follow`). One picture is held at
    a time, so memory doesn't grow with the video but by its keypoints, 0.2 kB a person and frame. Where the person
    isn't seen, confidence is 0. Raises InputError where nobody is or only one picture, MediaError for no video.
    """
    facts = probe(path)
    looking = _Looking()
    opened = _opened(estimator, person) if isinstance(estimator, str) else estimator
    try:
        _look(looking, path, opened, facts, start_s, seconds, report)
    finally:
        if isinstance(estimator, str):
            opened.close()
    return _sight(path, looking, facts, opened.name, person)


def footage_of(
    path: Path | str,
    *,
    estimator: str | PoseEstimator = "mediapipe",
    start_s: float = 0,
    seconds: float | None = None,
    person: int | None = None,
    report: Report | None = None,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
) -> Footage:
    """Footage of a video, of a keypoint file or folder (`core_vimo.video.keypoint_files`), or of a `*.poses.json`.

    fps and size are those of the video behind a keypoint file that doesn't tell them.
    """
    path = Path(path)
    if holds_keypoints(path):
        return footage_of_keypoints(path, start_s=start_s, seconds=seconds, person=person, fps=fps, size=size)[0]
    return observe(path, estimator=estimator, start_s=start_s, seconds=seconds, person=person, report=report).footage


def footage_of_keypoints(
    path: Path,
    *,
    start_s: float = 0,
    seconds: float | None = None,
    person: int | None = None,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
) -> tuple[Footage, str]:
    """The same of a keypoint file or folder alone, and in words whom it follows; a `*.poses.json` is of one person."""
    if not (start_s >= 0 and (seconds is None or seconds > 0)):
        raise InputError(f"{path}: {seconds} s from {start_s} s is no excerpt; give a start >= 0 and a length above 0")
    footage, choice = _of_one(path, person) if path.name.endswith(SUFFIX) else _followed(path, person, fps, size)
    stop = len(footage) if seconds is None else round((start_s + seconds) * FPS)
    excerpt = footage[round(start_s * FPS) : stop]
    if not (excerpt.pose.confidence > 0).any():
        raise InputError(f"{path}: shows nobody in the asked part of its {footage.seconds:.1f} s; ask for another part")
    return excerpt, choice


def holds_keypoints(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() in (".json", ".npz")


def _of_one(path: Path, person: int | None) -> tuple[Footage, str]:
    if (person or 1) > 1:
        raise InputError(f"{path}: holds one person, not {person}; ask the video for another one")
    return read_footage(path), ""


def _followed(path: Path, person: int | None, fps: float | None, size: tuple[int, int] | None) -> tuple[Footage, str]:
    found = read_keypoint_file(path, fps, size)
    with naming(path):
        keypoints, choice = follow(found.people, (), found.size, person)
        return at_30_fps(Pose2D(keypoints, found.size, found.fps), source=path.name), str(choice)


@dataclass
class _Looking:
    """What is kept of the pictures that went by."""

    people: list[Tensor] = field(default_factory=list)  # [P, 17, 3 or 6] a frame
    fresh: list[bool] = field(default_factory=list)  # whether the frame shows another picture than the one before
    cuts: list[int] = field(default_factory=list)
    brightest: int = 0
    size: tuple[int, int] = (1, 1)


def _opened(name: str, person: int | None) -> PoseEstimator:
    """An estimator that looks for as many people as are asked about, and at least for two."""
    return open_estimator(name, people=max(2, person or 1)) if name == "mediapipe" else open_estimator(name)


def _look(
    looking: _Looking,
    path: Path | str,
    opened: PoseEstimator,
    facts: VideoFacts,
    start_s: float,
    seconds: float | None,
    report: Report | None,
) -> None:
    total = _expected_frames(facts, start_s, seconds)
    shots, before = ShotFinder(), None
    for number, rgb in enumerate(frames(path, FPS, LONGEST, start_s, seconds)):
        looking.fresh.append(rgb is not before)
        if rgb is before:
            looking.people.append(looking.people[-1])
        else:
            if shots.see(rgb) and number:
                looking.cuts.append(number)
                opened.new_shot()
            looking.people.append(opened(rgb))
            looking.brightest = max(looking.brightest, int(rgb.max()))
        before = rgb
        if report:
            report("looking", number + 1, max(total, number + 1))
    looking.size = (before.shape[1], before.shape[0]) if before is not None else (1, 1)


def _expected_frames(facts: VideoFacts, start_s: float, seconds: float | None) -> int:
    left_s = max(facts.seconds - start_s, 0)
    return round(FPS * (left_s if seconds is None else min(left_s, seconds)))


def _sight(path: Path | str, looking: _Looking, facts: VideoFacts, name: str, person: int | None) -> Sight:
    if len(looking.people) < 2:
        raise InputError(
            f"{path}: shows {len(looking.people)} picture(s), and a motion needs many; give a longer video"
        )
    if not any(len(found) for found in looking.people):
        raise InputError(_nobody(path, looking, name))
    with naming(path):
        keypoints, choice = follow(looking.people, looking.cuts, looking.size, person)
    if not (keypoints[..., 2] > 0).any():
        raise InputError(_nobody(path, looking, name))
    scale = torch.tensor([facts.width / looking.size[0], facts.height / looking.size[1]])
    keypoints[..., :2] *= scale
    keypoints = _between_pictures(keypoints, looking)
    world_m = keypoints[..., 3:] if keypoints.shape[-1] == 6 else None
    pose = Pose2D(keypoints[..., :3], (facts.width, facts.height), FPS)
    footage = Footage(pose, tuple(looking.cuts), Path(path).name, world_m)
    return Sight(footage, replace(choice, boxes=choice.boxes * scale.repeat(2)))


def _nobody(path: Path | str, looking: _Looking, name: str) -> str:
    if looking.brightest < BLACK:
        return f"{path}: its {len(looking.people) / FPS:.1f} s are black throughout; give a video that shows a person"
    other = "rtmlib" if name == "mediapipe" else "mediapipe"
    return (
        f"{path}: {name} sees nobody in its {len(looking.people) / FPS:.1f} s; give a part in which one person is seen "
        f"from head to foot, larger and brighter, or try the estimator {other}"
    )


def _between_pictures(keypoints: Tensor, looking: _Looking) -> Tensor:
    """A picture that is shown for several frames (24 fps, gifs) would hold the pose: move on to the next instead."""
    fresh = torch.tensor(looking.fresh).nonzero()[:, 0]
    shot = torch.zeros(len(keypoints), dtype=torch.long)
    shot[looking.cuts] = 1
    shot = shot.cumsum(0)
    frame = torch.arange(len(keypoints))
    turn = torch.searchsorted(fresh, frame, right=True) - 1
    before, after = fresh[turn], fresh[(turn + 1).clamp(max=len(fresh) - 1)]
    part = ((frame - before) / (after - before).clamp(min=1)).clamp(0, 1).to(keypoints)[:, None, None]
    seen = (keypoints[before][..., 2:3] > 0) & (keypoints[after][..., 2:3] > 0)
    moves = seen & ((shot[before] == shot[after]) & (after > before))[:, None, None]
    return torch.where(moves, keypoints[before].lerp(keypoints[after], part), keypoints)
