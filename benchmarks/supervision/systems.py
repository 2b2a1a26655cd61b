"""What is compared: the truth in 3D, keypoints in 2D, a teacher taken for the truth; and what the second is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Camera = Literal["given", "estimated", "misjudged"]


@dataclass(frozen=True)
class Lessons:
    """What is learnt from. taught: the motions are the teacher's, else the true ones; corrected: by the keypoints;
    camera: how it is known; erring: keypoints are as a detector reports them, else exact."""

    taught: bool = True
    corrected: bool = True
    camera: Camera = "given"
    erring: bool = True


TRUTH, TAUGHT = Lessons(taught=False), Lessons()

LESSONS: Mapping[str, Lessons] = {
    "truth": TRUTH,
    "corrected": TAUGHT,
    "guessed": Lessons(corrected=False),
    "exact": Lessons(erring=False),
    "estimated": Lessons(camera="estimated"),
    "misjudged": Lessons(camera="misjudged"),
}
"""Data sets by name."""


@dataclass(frozen=True)
class System:
    """A model to train: on which lessons, with which settings; `power` says in what unit its 2D errors are."""

    told: str
    lessons: str
    overrides: tuple[str, ...]
    power: int = 2


def _in_2d(told: str, *overrides: str, lessons: str = "corrected", power: int = 2) -> System:
    return System(told, lessons, ("supervision=2d", *overrides), power)


IN_3D, IN_2D, AS_TRUTH = "3d", "2d", "teacher-as-truth"

SYSTEMS: Mapping[str, System] = {
    IN_3D: System("(a) true 3D", "truth", ()),
    IN_2D: _in_2d("(b) 2D keypoints"),
    AS_TRUTH: System("(c) the lifter's output as truth", "guessed", ()),
}

ABLATIONS: Mapping[str, System] = {
    "no-other-sides": _in_2d("told its own side alone", "data.other_sides=0"),
    "uncorrected": _in_2d("the lifter's motions as they are", lessons="guessed"),
    "no-worse": _in_2d("told the very keypoints", "data.worse=0"),
    "no-alignment": _in_2d("without alignment", "loss.alignment=0"),
    "power-0": _in_2d("depth to the power 0", "supervision.depth_power=0", power=0),
    "power-1": _in_2d("depth to the power 1", "supervision.depth_power=1", power=1),
    "estimated": _in_2d("cameras estimated", lessons="estimated"),
    "no-velocity": _in_2d("without velocity in 2D", "loss.velocity_2d=0"),
    "per-clip": _in_2d("mean depth of the clip", "supervision.per_joint=false"),
    "exact": _in_2d("held against exact keypoints", lessons="exact"),
    "misjudged": _in_2d("cameras 15° off", lessons="misjudged"),
}
"""Variations of (b), one at a time."""
