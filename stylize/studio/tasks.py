"""What a job can be asked to do, as plain data that pages build and workers run.

Song, excerpt, counts, styles and timeline come from the project's state at the moment a job is submitted. A take or a
medium is named by its id in that project; no path is ever part of a task.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Listen:
    """Beats and a waveform of a song, into the project: `Project.listened(media)` is then

    {"seconds", "beats_s", "downbeats_s", "counts", "tempo_bpm", "beats_per_bar", "confidence", "peaks": [0..1, …]}
    under each of the tempi: {"as heard": {…}, "half": {…}, "double": {…}, "peaks", "seconds"}.
    """

    media: str


@dataclass(frozen=True)
class Dance:
    """`stylize.dance.dance` to the project's song: new takes."""

    takes: int = 4
    seed: int = 0
    steps: int = 15
    guidance: float = 2.0
    smoothing_s: float = 0.033
    plant: bool = True


@dataclass(frozen=True)
class Remake:
    """The windows around these seconds of a danced take made anew (`stylize.again`)."""

    take: str
    at_s: tuple[float, ...]
    seed: int | None = None


@dataclass(frozen=True)
class Complete:
    """`stylize.completion.complete_files`; times are text such as 3s, 90f or 8c, spans such as 8c:16c.

    edit             sources                     uses
    regenerate       a take                      span ("": all), keep or only
    in-fill          a take                      gaps, keyframes
    in-between       two takes or media          length, leave, enter, poses
    blend            two takes or media          length, leave, enter
    continue, loop   a take                      length
    foot lock        a take                      span ("": all)
    like: a video's id whose movement fills in; alone: no song is heeded.
    """

    edit: Literal["regenerate", "in-fill", "in-between", "blend", "continue", "loop", "foot lock"]
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
class Motion:
    """`stylize.motion_from_video` of a video in the project: new takes, keypoints and their picture beside them."""

    media: str
    start_s: float = 0.0
    seconds: float | None = None
    person: int | None = None
    takes: int = 4
    seed: int = 0


@dataclass(frozen=True)
class StyleAdd:
    """Clips of the project (videos, motions) join the clip set of a style in the user's library."""

    name: str
    media: tuple[str, ...]


@dataclass(frozen=True)
class StyleTrain:
    """Train a style of the user's library on its clips. steps: 0 is the recipe's own number."""

    name: str
    steps: int = 0


@dataclass(frozen=True)
class Export:
    """One file for the person: `Project.export_path(job.id)`. fbx and usd need the user's Blender."""

    take: str
    format: Literal["mp4", "html", "glb", "bvh", "npz", "counts.csv", "fbx", "usd"]
    size: tuple[int, int] = (720, 720)
    follow: bool = False
    counts: bool = True


Task = Listen | Dance | Remake | Complete | Motion | StyleAdd | StyleTrain | Export

KINDS: dict[str, type[Task]] = {
    "listen": Listen,
    "dance": Dance,
    "remake": Remake,
    "complete": Complete,
    "motion": Motion,
    "style add": StyleAdd,
    "style train": StyleTrain,
    "export": Export,
}
