"""What a job can be asked to do, as plain data that pages build and workers run.

Song, excerpt, counts, styles and timeline come from the project's state at the moment a job is submitted. A take or a
medium is named by its id in that project; no path is ever part of a task.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import pydantic

from core_vimo.errors import InputError
from stylize.studio.project import Content

_MOST_LETTERS = 1 << 16
"""Of a task written as JSON."""


class _Told:
    __pydantic_config__: ClassVar[pydantic.ConfigDict] = {"extra": "forbid", "strict": True}


@dataclass(frozen=True)
class Listen(_Told):
    """Beats and a waveform of a song, into the project. `Project.listened(media)` is then

    {"seconds": 61.4, "peaks": [0..1, …],
     "as heard": {"beats_s", "counts", "tempo_bpm", "beats_per_bar", "confidence"}, "half": {…}, "double": {…}},
    counts without a shift; `stylize.studio.counting` shifts them.
    """

    media: str


@dataclass(frozen=True)
class Dance(_Told):
    """`stylize.dance.dance` to the project's song: new takes."""

    takes: int = 4
    seed: int = 0
    steps: int = 15
    guidance: float = 2.0
    smoothing_s: float = 0.033
    plant: bool = True


@dataclass(frozen=True)
class Remake(_Told):
    """The windows around these seconds of a danced take made anew (`stylize.again`)."""

    take: str
    at_s: tuple[float, ...]
    seed: int | None = None


@dataclass(frozen=True)
class Complete(_Told):
    """`stylize.completion.complete_files`; times are text such as 3s, 90f or 8c, spans such as 8c:16c.

    edit             sources                     uses
    regenerate       a take                      span ("": all), keep or only
    in-fill          a take                      gaps, keyframes
    lay in           a take, a take or medium    span
    in-between       two takes or media          length, leave, enter, poses
    blend            two takes or media          length, leave, enter
    continue, loop   a take                      length
    foot lock        a take                      span ("": all)
    like: a video's id whose movement fills in; alone: no song is heeded.
    """

    edit: Literal["regenerate", "in-fill", "lay in", "in-between", "blend", "continue", "loop", "foot lock"]
    sources: tuple[str, ...]
    span: str = ""
    keep: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    keyframes: tuple[str, ...] = ()
    length: str = ""
    leave: str = ""
    enter: str = ""
    poses: bool = False
    like: str = ""
    alone: bool = False
    takes: int = 1
    seed: int = 0
    steps: int = 15
    guidance: float = 2.0
    passes: int = 1


@dataclass(frozen=True)
class Motion(_Told):
    """`stylize.motion_from_video` of a video in the project: new takes, keypoints and their picture beside them."""

    media: str
    start_s: float = 0.0
    seconds: float | None = None
    person: int | None = None
    takes: int = 4
    seed: int = 0


@dataclass(frozen=True)
class Cut(_Told):
    """A span of a take, such as 1.5s:4s, as a motion among the project's media (`stylize.spans.cut`).

    use: what it is cut for, among the medium's facts. The job's result is {"media"}.
    """

    take: str
    span: str
    use: Literal["keyframes", "style"] = "keyframes"


@dataclass(frozen=True)
class StyleAdd(_Told):
    """Clips of the project (videos, motions) join those of a style in the user's library (`stylize.style_clips`).

    samples: motions made of each video; allow: reasons for rejecting windows that are none for this style.
    The job's result is what `collect` sums up: kept, held_out, rejected {reason: windows}, failed {clip: sentence}, …
    """

    name: str
    media: tuple[str, ...]
    samples: int = 1
    allow: tuple[str, ...] = ()
    source: str = ""
    licence: str = ""


@dataclass(frozen=True)
class StyleTrain(_Told):
    """Train a style of the user's library on its clips. steps: 0 is the recipe's own number."""

    name: str
    steps: int = 0


@dataclass(frozen=True)
class StyleInstall(_Told):
    """Take a style's package among the project's media into the user's library; the result is {"name"}."""

    media: str


@dataclass(frozen=True)
class Export(_Told):
    """One file for the person: `Project.export_path(job.id)`. fbx and usd need the user's Blender."""

    take: str
    format: Literal["mp4", "html", "glb", "bvh", "npz", "counts.csv", "fbx", "usd"]
    size: tuple[int, int] = (720, 720)
    follow: bool = False
    counts: bool = True


Task = Listen | Dance | Remake | Complete | Motion | Cut | StyleAdd | StyleTrain | StyleInstall | Export

KINDS: dict[str, type[Task]] = {
    "listen": Listen,
    "dance": Dance,
    "remake": Remake,
    "complete": Complete,
    "motion": Motion,
    "cut": Cut,
    "style add": StyleAdd,
    "style train": StyleTrain,
    "style install": StyleInstall,
    "export": Export,
}

MAKES_TAKES = (Dance, Remake, Complete, Motion)
"""What these make joins the project's takes."""


def kind_of(task: Task) -> str:
    return next(kind for kind, made in KINDS.items() if type(task) is made)


def task_of(kind: str, settings: dict[str, Any]) -> Task:
    """A task from plain values, each of the type that it must have. Raises InputError."""
    try:
        text = json.dumps(settings, allow_nan=False)
        if len(text) > _MOST_LETTERS:
            raise ValueError("too long")
        task: Task = pydantic.TypeAdapter(KINDS[kind]).validate_json(text)
        return task
    except pydantic.ValidationError as error:
        wrong = error.errors()[0]
        place = " ".join(map(str, wrong["loc"])) or "it"
        raise InputError(f"{kind} can't be done: {place} is not right ({wrong['msg']}); choose it anew") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"'{kind!s:.20}' is nothing the studio can be asked for in this way") from error


def checked(task: Task, content: Content) -> Task:
    """The task, every value of it looked at, with what it names in the project. Raises InputError."""
    task = task_of(kind_of(task), asdict(task))
    for id in _takes(task):
        content.take(id)
    for id in _media(task):
        content.medium(id)
    for id in getattr(task, "sources", ()):
        content.take(id) if "-" in id else content.medium(id)
    if isinstance(task, Dance) and content.state.song is None:
        raise InputError("there is no song to dance to; drop one first")
    if isinstance(task, Complete) and task.edit == "lay in" and len(task.sources) == 2:
        _check_fits(task, content)
    return task


def _check_fits(task: Complete, content: Content) -> None:
    """That the clip is short enough for its span, as far as is known before both are read: not for spans in counts."""
    from completion import leads
    from core_vimo.motion import FPS
    from stylize.spans import Clock, Span

    span = Span.of(task.span)
    if "c" in (span.start.unit, span.stop.unit):
        return
    whole_s, clip_s = (_seconds(id, content) for id in task.sources)
    whole = round(whole_s * FPS)
    leads(Clock().gap(span, whole), int(clip_s * FPS), whole)


def _seconds(id: str, content: Content) -> float:
    return content.take(id).seconds if "-" in id else float(content.medium(id).facts.get("seconds", 0.0))


def _takes(task: Task) -> Iterator[str]:
    if isinstance(task, Remake | Cut | Export):
        yield task.take


def _media(task: Task) -> Iterator[str]:
    if isinstance(task, Listen | Motion | StyleInstall):
        yield task.media
    elif isinstance(task, StyleAdd):
        yield from task.media
    elif isinstance(task, Complete) and task.like:
        yield task.like
