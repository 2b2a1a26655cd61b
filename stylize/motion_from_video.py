"""The recipe from video to motion: look, make some takes, hold them against what was seen, write the files."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from core_vimo import __version__
from core_vimo.bundle import bundle_hash
from core_vimo.errors import InputError
from core_vimo.evidence import CONFIDENT, evidence
from core_vimo.footage import FPS, Footage, at_30_fps, write_footage
from core_vimo.formats import write_motion
from core_vimo.formats.gltf import write_glb
from core_vimo.motion import Motion, ground
from core_vimo.pose2d import Pose2D
from core_vimo.publish import publish_into, sha256_file, verify_manifest
from core_vimo.reading import naming, read_json
from core_vimo.video.decode import VideoFacts, frames, probe
from core_vimo.video.estimators import ESTIMATORS
from core_vimo.video.keypoint_files import Detections, read_keypoint_file
from core_vimo.video.people import follow
from core_vimo.video.shots import find_cuts
from core_vimo.video.watch import footage_of_keypoints, holds_keypoints, observe
from core_vimo.video_to_motion.build import SHIPPED, VideoMotionModel, load_vimo
from core_vimo.video_to_motion.reprojection import Reprojection, reproject
from core_vimo.video_to_motion.teacher import corrected_by
from core_vimo.video_to_motion.video_motion import GUIDANCE, STEPS, VideoMotion
from stylize.paths import require_others
from stylize.polish import Polish
from stylize.progress import Report
from stylize.render.keypoint_sheet import keypoint_picture
from stylize.render.side_by_side import write_side_by_side
from stylize.takes import FILMED_RANKED_BY, FilmedTakeNumbers, measure_filmed, rank

MANIFEST = "manifest.json"
POSES = "motion.poses.json"
SHEET = "motion.poses.png"
"""The keypoints on moments of the video."""
_CUTS_SEEN_AT_PX = 160


@dataclass(frozen=True)
class MotionSettings:
    """What decides a video's motions, beside the video and the model; kept in the manifest.

    start_s, seconds: the excerpt (None: to the video's end). person: 1 is the most prominent of each shot, None too.
    take k of `takes` has the seed `seed + k`. steps of the sampler; guidance 1 takes the video as learned, more
    heeds it more. correct swings limbs to the keypoints (`core_vimo.correcting`); then smoothing_s and plant, see
    `stylize.polish`. half takes bfloat16.
    """

    start_s: float = 0.0
    seconds: float | None = None
    estimator: str = "mediapipe"
    person: int | None = None
    seed: int = 0
    takes: int = 4
    steps: int = STEPS
    guidance: float = GUIDANCE
    correct: bool = True
    smoothing_s: float = 0.067  # two frames
    plant: bool = True
    half: bool = False

    def __post_init__(self) -> None:
        numbers = (self.start_s, self.guidance, 1.0 if self.seconds is None else self.seconds)
        whole = (self.seed, self.takes, self.steps, 1 if self.person is None else self.person)
        finite = all(isinstance(number, int | float) and math.isfinite(number) for number in numbers)
        if not (finite and all(type(number) is int for number in whole)):
            raise InputError(
                "a motion's start, length and guidance must be finite numbers, its other settings whole ones"
            )
        if self.estimator not in ESTIMATORS:
            raise InputError(
                f"there is no pose estimator '{self.estimator!s:.20}'; take one of: {', '.join(ESTIMATORS)}"
            )
        if self.start_s < 0 or (self.seconds is not None and self.seconds < 1):
            raise InputError("the excerpt must start at 0 s or later and last at least 1 s")
        if not (1 <= self.takes <= 100 and 1 <= self.steps <= 1000 and abs(self.guidance) <= 100):
            raise InputError("takes must lie in 1 to 100, steps in 1 to 1000 and guidance in -100 to 100")
        if self.person is not None and self.person < 1:
            raise InputError(f"people are numbered from 1, the most prominent; {self.person} is nobody")
        if type(self.correct) is not bool:
            raise InputError("whether a motion is corrected must be true or false")
        self.polish()

    def polish(self) -> Polish:
        return Polish(self.smoothing_s, self.plant)


@dataclass(frozen=True, eq=False)
class Seen:
    """What was seen, and in words whom the footage follows."""

    footage: Footage
    choice: str


@dataclass(frozen=True, eq=False)
class Take:
    """One motion of the video, its seed, how it would be seen there, and its numbers."""

    motion: Motion
    seed: int
    seen: Reprojection
    numbers: FilmedTakeNumbers


def motion_from_video(
    video: Path | str,
    out: Path | str,
    settings: MotionSettings | None = None,
    *,
    keypoints: Path | str | None = None,
    film: bool = True,
    bundle: Path | str = SHIPPED,
    report: Report = lambda what, done, total: None,
) -> dict[str, Any]:
    """Motions of the person in a video: NPZ, BVH, GLB and a film a take, the 2D poses and `manifest.json`, into `out`.

    video may also be a file or folder of keypoints (`core_vimo.video.keypoint_files`); `keypoints` are such a file made
    elsewhere for this very video, in place of an estimator's. Returns the manifest. Everything appears at once when all
    is done; other files in `out` stay. Raises InputError.
    """
    video, out, settings = Path(video), Path(out), settings or MotionSettings()
    source = None if keypoints is None else Path(keypoints)
    require_others((out / name for name in _names(settings.takes)), (video, source))
    model = load_vimo(bundle, "cuda" if torch.cuda.is_available() else "cpu")
    if settings.steps > model.schedule.steps:
        raise InputError(f"{settings.steps} sampling steps asked of a model with {model.schedule.steps}; ask for fewer")
    with publish_into(out) as aside:  # first of all: a folder that can't be written is told before minutes of looking
        seen = look(video, source, settings, report)
        with naming(video):
            takes = motion_takes(model, seen.footage, settings, report)
        write_footage(seen.footage, aside / POSES)
        pictured = None if holds_keypoints(video) else video
        keypoint_picture(seen.footage, pictured, aside / SHEET, start_s=settings.start_s)
        filmed = pictured if film else None
        rows = []
        for stem, index in zip(_stems(settings.takes), rank([t.numbers for t in takes], FILMED_RANKED_BY), strict=True):
            files = _write(takes[index], stem, aside, video, seen.footage, settings, filmed, report)
            rows.append(_row(takes[index], files))
        manifest = _manifest(video, source, model, seen, settings, rows)
        (aside / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def look(video: Path, keypoints: Path | None, settings: MotionSettings, report: Report) -> Seen:
    """2D poses of the excerpt: estimated, or as a file says. Raises InputError where nobody is seen confidently."""
    excerpt: dict[str, Any] = {"start_s": settings.start_s, "seconds": settings.seconds, "person": settings.person}
    if keypoints is not None:
        seen = _from_elsewhere(video, keypoints, settings)
    elif holds_keypoints(video):
        seen = Seen(*footage_of_keypoints(video, **excerpt))
    else:
        sight = observe(
            video,
            estimator=settings.estimator,
            report=lambda _what, done, total: report("Looking", done, total),
            **excerpt,
        )
        seen = Seen(sight.footage, str(sight.choice))
    if not (seen.footage.pose.confidence >= CONFIDENT).any():
        raise InputError(f"{keypoints or video}: nobody is seen clearly; give a part in which one person is")
    _check_inside(seen.footage.pose, keypoints or video)
    return seen


def _check_inside(pose: Pose2D, path: Path) -> None:
    width, height = pose.size
    inside = ((pose.xy >= 0) & (pose.xy <= torch.tensor([width, height]))).all(-1)
    if not (inside & (pose.confidence >= CONFIDENT)).any():
        raise InputError(
            f"{path}: all keypoints lie outside its picture of {width} x {height} pixels; give those of this video, or "
            "mend the size"
        )


def _from_elsewhere(video: Path, keypoints: Path, settings: MotionSettings) -> Seen:
    """Keypoints that another program found in this video, with the video's own cuts, rate and size."""
    facts = probe(video)
    found = _from_the_beginning(read_keypoint_file(keypoints, facts.fps, (facts.width, facts.height)), facts)
    cuts = find_cuts(frames(video, found.fps, _CUTS_SEEN_AT_PX))
    cuts = tuple(cut for cut in cuts if cut < len(found))
    with naming(keypoints):
        followed, choice = follow(found.people, cuts, found.size, settings.person)
        footage = at_30_fps(Pose2D(followed, found.size, found.fps), cuts, video.name)
    first = round(settings.start_s * FPS)
    stop = len(footage) if settings.seconds is None else first + round(settings.seconds * FPS)
    if first >= len(footage):
        raise InputError(f"{keypoints}: ends after {footage.seconds:.1f} s; start earlier")
    return Seen(footage[first:stop], str(choice))


def _from_the_beginning(found: Detections, facts: VideoFacts) -> Detections:
    """With the frames before the first in which somebody was seen, where frames seem to be numbered as in the video.

    Numbers from 0 or 1 on begin with it. So do those that lead past its end: they are another count, as COCO's ids.
    """
    fits = found.first + len(found) <= round(facts.seconds * facts.fps) + 1
    if found.first <= 1 or not fits:
        return found
    return replace(found, people=[torch.zeros(0, 17, 3)] * found.first + found.people, first=0)


def motion_takes(model: VideoMotionModel, footage: Footage, settings: MotionSettings, report: Report) -> list[Take]:
    """`settings.takes` motions of what was seen, in the order of their seeds."""
    sampling = VideoMotion(model, weight=settings.guidance, steps=settings.steps, half=settings.half)
    told = evidence(footage)[None].to(next(model.network.parameters()).device)
    motions = sampling.sample(told, settings.seed, settings.takes, lambda done, total: report("Moving", done, total))
    takes = []
    for number, made in enumerate(motions):
        motion = finished(made, footage, settings)
        seen = reproject(motion, footage)
        takes.append(Take(motion, settings.seed + number, seen, measure_filmed(motion, seen)))
        report("Comparing", number + 1, len(motions))
    return takes


def finished(made: Motion, footage: Footage, settings: MotionSettings) -> Motion:
    """A model's motion of the footage as it is shown: corrected by the keypoints, polished, on the floor."""
    corrected = corrected_by(footage, made) if settings.correct else made
    return ground(settings.polish()(corrected))


def settings_of(
    manifest: Path, video: Path, keypoints: Path | None = None, bundle: Path | str = SHIPPED
) -> MotionSettings:
    """The settings of a manifest, to make its motions again; InputError where it is none, or of other things."""
    if not manifest.is_file():
        raise InputError(f"{manifest}: there is no such file; give the manifest.json beside a motion")
    try:
        content = read_json(manifest)
        settings = MotionSettings(**{"correct": False} | content["settings"])  # before it was asked, nothing was
        hashes = content["video_sha256"], content["keypoints_sha256"]
        model_hash = content["bundle_sha256"]
    except (InputError, KeyError, TypeError) as error:
        raise InputError(f"{manifest}: not a manifest of `vimo motion`; give the one beside a motion") from error
    for path, wanted in zip((video, keypoints), hashes, strict=True):
        if (path and _sha256(path)) != wanted:
            raise InputError(
                f"{path or manifest}: the motion of {manifest} was made from something else (the sha256 differs); "
                "give the same video and, where there were any, the same --keypoints"
            )
    verify_manifest(Path(bundle))
    if bundle_hash(bundle) != model_hash:
        raise InputError(f"{bundle}: not the model of {manifest} (its sha256 differs); give that one with --bundle")
    return settings


def _stems(takes: int) -> list[str]:
    return ["motion"] if takes == 1 else [f"take{place}" for place in range(1, takes + 1)]


def _names(takes: int) -> list[str]:
    """Everything that may be written."""
    return [
        MANIFEST,
        POSES,
        SHEET,
        *(f"{s}.{suffix}" for s in _stems(takes) for suffix in ("npz", "bvh", "glb", "mp4")),
    ]


def _write(
    take: Take,
    stem: str,
    folder: Path,
    video: Path,
    footage: Footage,
    settings: MotionSettings,
    filmed: Path | None,
    report: Report,
) -> list[str]:
    write_motion(take.motion, folder / f"{stem}.npz")
    write_motion(take.motion, folder / f"{stem}.bvh")
    write_glb(take.motion, folder / f"{stem}.glb", video=_facts(video, take, settings))
    names = [f"{stem}.{suffix}" for suffix in ("npz", "bvh", "glb")]
    if filmed is not None:
        write_side_by_side(
            take.motion,
            footage,
            filmed,
            folder / f"{stem}.mp4",
            start_s=settings.start_s,
            progress=lambda done, total: report(f"Filming {stem}", done, total),
        )
        names.insert(0, f"{stem}.mp4")
    return names


def _facts(video: Path, take: Take, settings: MotionSettings) -> dict[str, Any]:
    return {"video": video.name, "video_offset_s": settings.start_s, "seed": take.seed}


def _row(take: Take, files: list[str]) -> dict[str, Any]:
    cameras = [
        {"yaw_degrees": round(math.degrees(yaw), 1), "pitch_degrees": round(math.degrees(pitch), 1)}
        for yaw, pitch in zip(take.seen.yaw.tolist(), take.seen.pitch.tolist(), strict=True)
    ]
    return {"files": files, "seed": take.seed, "numbers": asdict(take.numbers), "cameras": cameras}


def _manifest(
    video: Path,
    keypoints: Path | None,
    model: VideoMotionModel,
    seen: Seen,
    settings: MotionSettings,
    takes: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "vimo": __version__,
        "torch": torch.__version__,
        "video": str(video.resolve()),
        "video_sha256": _sha256(video),
        "keypoints": keypoints and str(keypoints.resolve()),
        "keypoints_sha256": keypoints and _sha256(keypoints),
        "video_offset_s": settings.start_s,
        "bundle_sha256": model.bundle_hash,
        "settings": asdict(settings),
        "seconds": round(seen.footage.seconds, 3),
        "cuts_s": [round(cut / FPS, 3) for cut in seen.footage.cuts],
        "person": seen.choice.splitlines(),
        "poses": POSES,
        "picture": SHEET,
        "fps": model.codec.fps,
        "unit": "metre (BVH: centimetre)",
        "up": "z (BVH, GLB: y)",
        "skeleton": "SMPL-24",
        "takes": takes,
    }


def _sha256(path: Path) -> str:
    """Of a file; of a folder, that of its files' names and hashes."""
    if not path.is_dir():
        return sha256_file(path)
    listed = "".join(f"{sha256_file(file)}  {file.name}\n" for file in sorted(path.iterdir()) if file.is_file())
    return hashlib.sha256(listed.encode("utf-8", "surrogateescape")).hexdigest()
