"""Video-to-motion models measured on held-out motions that casual cameras filmed.

Each method turns what was seen of a clip into motions; no method sees the truth, nor does the choice of the best take.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from core_vimo.errors import InputError
from core_vimo.evidence import evidence
from core_vimo.metrics.bootstrap import RESAMPLES
from core_vimo.metrics.measures import Measured, measure
from core_vimo.metrics.paired import difference_row
from core_vimo.metrics.reconstruction import accel_error, mpjpe, pa_mpjpe
from core_vimo.metrics.report import PROTOCOL, Pool, Report, Row, left_out_columns, set_row
from core_vimo.motion import FPS, Motion
from core_vimo.video_to_motion.build import LifterModel, VideoMotionModel
from core_vimo.video_to_motion.held_out import CLIP, CONDITIONS, FilmedClip, clips_of, filmed, spread_over
from core_vimo.video_to_motion.motion_set import MotionSet
from core_vimo.video_to_motion.reprojection import reproject
from core_vimo.video_to_motion.standing import mean_pose, standing
from core_vimo.video_to_motion.teacher import lifted
from core_vimo.video_to_motion.video_motion import GUIDANCE, STEPS, VideoMotion
from stylize.motion_from_video import MotionSettings, finished
from stylize.takes import FILMED_RANKED_BY, measure_filmed, rank

VIMO, BEST, LIFTER, STANDING, TRUTH = "vimo", "vimo, best of {}", "lifter", "standing still", "ground truth"
FINISHED = "{}, finished"
OWN = ("jitter", "foot_skate_ratio", "foot_skate_speed", "float_m")
"""Of the numbers of a motion alone, those that are reported."""

Methods = dict[str, Motion]
Results = dict[str, dict[str, list[Measured]]]
"""Condition -> method -> its clips."""

Told = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class EvaluationSettings:
    """What decides the numbers, beside models and data; windows: at most so many, spread over the test split."""

    conditions: tuple[str, ...] = tuple(CONDITIONS)
    takes: int = 1
    steps: int = STEPS
    guidance: float = GUIDANCE
    windows: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = [name for name in self.conditions if name not in CONDITIONS]
        if unknown or not self.conditions or len(set(self.conditions)) < len(self.conditions):
            raise InputError(f"conditions are one or more of {', '.join(CONDITIONS)}, each once")
        if not (1 <= self.takes <= 100 and 1 <= self.steps <= 1000 and abs(self.guidance) <= 100):
            raise InputError("takes must lie in 1 to 100, steps in 1 to 1000 and guidance in -100 to 100")
        if self.windows is not None and self.windows < 2:
            raise InputError("an evaluation needs at least 2 windows")


def evaluate_motion(
    data: Path | str,
    vimo: VideoMotionModel,
    lifter: LifterModel | None = None,
    settings: EvaluationSettings | None = None,
    told: Told = lambda what, done, total: None,
    *,
    as_shown: bool = False,
) -> Report:
    """A section a condition, with a row a method and the truth's; then one of what each condition costs each method.

    data: a motion set with both splits. as_shown: with rows of what `vimo motion` makes of the guesses. Raises
    InputError, for what can't be measured.
    """
    settings = settings or EvaluationSettings()
    train, test = MotionSet(data, "train"), MotionSet(data, "test")
    if settings.steps > vimo.schedule.steps:
        raise InputError(f"{settings.steps} sampling steps asked of a model with {vimo.schedule.steps}; ask for fewer")
    clips = clips_of(test)
    chosen = spread_over(clips, settings.windows)
    pose = mean_pose(train.motions())
    results: Results = {}
    for condition in settings.conditions:
        films = [filmed(clip, CONDITIONS[condition], settings.seed) for clip in chosen]
        results[condition] = {}
        for number, film in enumerate(films):
            guesses = _guesses(film, vimo, lifter, settings)
            guesses |= _as_shown(guesses, film) if as_shown else {}
            guesses |= {STANDING: standing(pose, len(film.truth))}
            for method, motion in (guesses | {TRUTH: film.truth}).items():
                results[condition].setdefault(method, []).append(measure_guess(film, motion))
            told(f"Seen: {condition}", number + 1, len(films))
    real = [clip for clip in (*clips_of(train), *clips) if "+mirrored" not in clip.name]
    pool = Pool.of([measure(clip.name, clip.motion) for clip in real])
    rows = [*_rows(results, pool, settings.seed), *_costs(results, pool, settings.seed)]
    notes = _notes(results, pool)
    return Report(rows, settings.seed, notes, _protocol(settings), "windows")


def _guesses(
    film: FilmedClip, vimo: VideoMotionModel, lifter: LifterModel | None, settings: EvaluationSettings
) -> Methods:
    seen = evidence(film.footage)[None]
    sampling = VideoMotion(vimo, weight=settings.guidance, steps=settings.steps)
    takes = sampling.sample(seen.to(_device(vimo)), settings.seed, settings.takes)
    guesses = {VIMO: takes[0]}
    if len(takes) > 1:
        guesses[BEST.format(len(takes))] = takes[best_take(takes, film)]
    if lifter is not None:
        guesses[LIFTER] = lifted(lifter, seen)
    return guesses


def _as_shown(guesses: Methods, film: FilmedClip) -> Methods:
    shown = {name: guesses[name] for name in (VIMO, LIFTER) if name in guesses}
    return {FINISHED.format(name): finished(m, film.footage, MotionSettings()) for name, m in shown.items()}


def best_take(takes: Sequence[Motion], film: FilmedClip) -> int:
    """As `vimo motion` ranks them: by the keypoints and by what looks wrong."""
    return rank([measure_filmed(take, reproject(take, film.footage)) for take in takes], FILMED_RANKED_BY)[0]


def measure_guess(film: FilmedClip, motion: Motion) -> Measured:
    """A motion beside the true one: errors are means over frames, one number a clip."""
    ours, theirs = motion.joints_m(), film.truth.joints_m()
    per_frame = {
        "mpjpe": mpjpe(ours, theirs),
        "pa_mpjpe": pa_mpjpe(ours, theirs),
        "accel_error": accel_error(ours, theirs, FPS),
    }
    errors = {name: round(float(values.mean()), 6) for name, values in per_frame.items()}  # the truth's own is 0
    measured = measure(film.name, motion)
    return replace(measured, numbers=errors | {name: measured.numbers[name] for name in OWN})


def _rows(results: Results, pool: Pool, seed: int) -> list[Row]:
    """A section a condition; where ViMo and the lifter are both there, their difference beside them."""
    rows = []
    for condition, methods in results.items():
        found = [set_row(method, clips, pool, seed) for method, clips in methods.items()]
        if LIFTER in methods:
            found.append(difference_row(f"{VIMO} - {LIFTER}", methods[VIMO], methods[LIFTER], pool, seed))
        rows += [replace(row, section=condition) for row in found]
    return rows


def _costs(results: Results, pool: Pool, seed: int) -> list[Row]:
    """How each method degrades from the first condition to each of the others, which show the same clips."""
    first, *others = results
    return [
        replace(
            difference_row(f"{method}, {other}", results[other][method], results[first][method], pool, seed),
            section=f"Difference from {first}",
        )
        for method in results[first]
        if method not in (STANDING, TRUTH)
        for other in others
    ]


def _notes(results: Results, pool: Pool) -> list[str]:
    clips = next(iter(results.values()))[TRUTH]
    short = sum(clip.seconds < CLIP / FPS for clip in clips)
    return [
        f"{len(clips)} held-out windows, {short} of them shorter than {CLIP / FPS:g} s and taken whole, against a pool "
        f"of {len(pool.features['k'])}; Fréchet distances of other numbers of windows can't be compared with these",
        "windows of one motion resemble each other, so the intervals, which take them for independent, are narrow",
        "standing still has no jitter and never skates: read those two beside the errors",
        "static, moving and missing begin with one camera, cut with another; where standing still's mpjpe differs, "
        "clips happen to be seen from more or less telling sides",
        *left_out_columns(pool.scales),
    ]


def _protocol(settings: EvaluationSettings) -> Mapping[str, str]:
    told = "; ".join(f"{name}: {CONDITIONS[name].told}" for name in settings.conditions)
    return {
        "windows": (
            f"{CLIP} frames at {FPS:g} fps, one after the other; what is left of a motion from half of that on"
        ),
        "cameras": f"virtual ones with a casual detector's errors, the same ones for every method; {told}",
        "frame": "motions face the camera as it stands at the first frame; the truth is turned so",
        "vimo": (
            f"take 1 has the seed {settings.seed}; {settings.steps} steps, guidance {settings.guidance:g}; the best of "
            "several is chosen by reprojection, skating, jitter and leaps, never by the truth"
        ),
        "finished": "corrected by the keypoints, smoothed and planted, as `vimo motion` does it unless asked otherwise",
        "standing still": "the mean pose of the training motions, facing the camera",
        "mpjpe": "24 joints, mid-hips aligned in each frame, mm; pa_mpjpe: each frame similarity-aligned, with scale",
        "accel_error": "mean length of the difference of joint accelerations, m/s²",
        "fid, div": (
            "the features below; the pool is all windows of the data set, both splits, without mirrored ones; z-scored "
            "with it; the truth's row is the same held-out windows against that pool"
        ),
        "features": PROTOCOL["features"],
        "feet, float, jitter": PROTOCOL["feet, float, jitter"],
        "intervals": f"95 %; {RESAMPLES} bootstrap resamples of the windows; of differences: of pairs",
    }


def _device(model: VideoMotionModel | LifterModel) -> torch.device:
    return next(model.network.parameters()).device
