"""The count sheet: what the dancer does on every count, as rows a choreographer can read and a spreadsheet can open."""

import csv
import math
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core_vimo.motion import Motion
from core_vimo.publish import publish_file
from core_vimo.rotations import heading
from edge_adapter.beats import BeatGrid
from stylize.spans import beats_inside

PARTS = {
    "left arm": (18, 20, 22),
    "right arm": (19, 21, 23),
    "left leg": (4, 7, 10),
    "right leg": (5, 8, 11),
    "torso": (6, 9, 12, 15),
}

HEADINGS = {"accent": "accent (1 = usual speed)"}
"""What stands over a column where that isn't the name of its value."""

# Below these a movement is not worth a word on the sheet.
_STEP_M = 0.10
_TURN_DEGREES = 20.0
_LEVEL_M = 0.08


@dataclass(frozen=True)
class Count:
    """One count: when it falls, in which eight (six in a waltz), and what happens until the next.

    Eight 1 begins with the song's first count 1; what comes before it is eight 0. Sides are the dancer's: leads is the
    part that moves most against the body; travels is in the stage's directions (stage left is the left of a dancer who
    faces the audience, downstage is towards it); turns is to the dancer's left or right in degrees. accent is the
    fastest moment of the count, as the mean speed of all joints over the dance's median of it: 1 is the usual speed,
    2 twice that; a count below 1 stays calmer than the dance mostly is.
    """

    time_s: float
    eight: int
    count: int
    leads: str
    travels: str
    turns: str
    level: str
    accent: float


def count_sheet(motion: Motion, grid: BeatGrid) -> list[Count]:
    """One row a beat that falls inside the dance (`stylize.spans.beats_inside`); empty for a song without beats."""
    times_s = np.asarray(grid.beats_s)
    inside = beats_inside(times_s, motion.seconds)
    times_s = times_s.clip(min=0)
    counts = grid.counts()
    eights = np.cumsum(counts == 1)
    joints_m = motion.joints_m()
    speed = _speeds(joints_m, motion.fps)
    usual = float(speed.mean(-1).median()) or 1.0
    rows = []
    for beat in inside:
        first = min(round(times_s[beat] * motion.fps), len(motion) - 1)
        after = times_s[beat + 1] if beat + 1 < len(times_s) else motion.seconds
        span = slice(first, max(min(round(after * motion.fps), len(motion)), first + 1))
        rows.append(
            Count(
                time_s=round(float(times_s[beat]), 3),
                eight=int(eights[beat]),
                count=int(counts[beat]),
                leads=_leading_part(joints_m[span], motion.fps),
                travels=_travel(motion.root_m[span]),
                turns=_turn(motion.rotations[span, 0]),
                level=_level(motion.root_m[span, 2], motion.root_m[:, 2]),
                accent=round(float(speed[span].mean(-1).max()) / usual, 2),
            )
        )
    return rows


def write_count_sheet(rows: list[Count], path: Path | str) -> None:
    """As CSV with a header."""
    with publish_file(path) as aside, open(aside, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADINGS.get(field.name, field.name) for field in fields(Count))
        writer.writerows(astuple(row) for row in rows)


def _speeds(joints_m: Tensor, fps: float) -> Tensor:
    """Joint speeds `[S, 24]` m/s, the first frame's taken from the second."""
    steps = (joints_m[1:] - joints_m[:-1]).norm(dim=-1) * fps
    return torch.cat((steps[:1], steps)) if len(steps) else joints_m.new_zeros(1, 24)


def _leading_part(joints_m: Tensor, fps: float) -> str:
    """The part with the largest mean speed relative to the pelvis."""
    speed = _speeds(joints_m - joints_m[:, :1], fps).mean(0)
    return max(PARTS, key=lambda part: float(speed[list(PARTS[part])].mean()))


def _travel(root_m: Tensor) -> str:
    """On a stage whose audience is at -y: the left of a dancer who faces it is +x."""
    x, y = (root_m[-1, :2] - root_m[0, :2]).tolist()
    if math.hypot(x, y) < _STEP_M:
        return ""
    if abs(x) > abs(y):
        return "stage left" if x > 0 else "stage right"
    return "upstage" if y > 0 else "downstage"


def _turn(root_rotations: Tensor) -> str:
    facing = np.unwrap(heading(root_rotations).numpy())
    degrees = math.degrees(float(facing[-1] - facing[0]))
    if abs(degrees) < _TURN_DEGREES:
        return ""
    return f"left {degrees:.0f}" if degrees > 0 else f"right {-degrees:.0f}"


def _level(height_m: Tensor, all_heights_m: Tensor) -> str:
    usual = float(all_heights_m.median())
    if float(height_m.min()) < usual - _LEVEL_M:
        return "low"
    return "high" if float(height_m.max()) > usual + _LEVEL_M else ""
