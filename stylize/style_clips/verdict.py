"""Which windows of a clip are worth learning from: measured, judged, and the reason given in words.

The limits are wide: a style may slide, jump and stand as it likes, and what is rejected is what no person did. Measured
on windows of 5 s: 51 filmed-and-fitted social dances (Dance with Melody), CMU 05, 131, 60, 61 and everyday
subjects, MIT-licensed BVH of hobby rigs, and takes of the shipped video-to-motion model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core_vimo.formats.retarget import impossible_steps
from core_vimo.formats.t_pose import in_t_pose
from core_vimo.metrics.feet import foot_skating, jitter
from core_vimo.motion import FPS, Motion
from core_vimo.skeleton import FEET, TOE_HEIGHT_M

LEAST_VISIBLE = 0.5
"""Of the joints through the window, as the pose estimator is sure of them. Eight casual videos of one person, old film
and moving camera among them, have 0.83 to 1.0."""

MOST_JITTER = 100.0
"""10 m/s³. Dances have 2 to 45, quick salsa up to 75, the noisiest salsa 107; a body all of whose joints tremble by
5 mm has 95 from that alone."""

MOST_SKATING_M_S = 1.5
"""Social dances have 0.5, at most 1.1; salsa at most 1.0. Ice and roller skates pass it: allow `skating` for them."""

MOST_FLOAT_M = 0.3
"""Mean height of the lower foot over the floor. Dances have 0.02 and at most 0.05, glitched modern dance 0.1, a rig
that hops all the time 0.24, a video of a collapse, whose lifted motion came out in the air, 0.43."""

LEAST_MOVED_M = 0.1
"""The farthest any joint comes from where it began. The stillest 5 s of mocap, a pause of somebody standing, have
0.105; 99 in 100 have more than 0.45."""

MOST_T_POSE = 0.1
"""Of the frames. Dances have none at all; rigs' calibration poses at the ends fill up to 0.3 of a window."""

LEAST_APART_M = 0.01
"""Root mean square over joints from a stretch of an earlier clip. A second export comes within 1 mm (at 24 fps), within
2 to 11 mm when cut a quarter of a frame off; files of Dance with Melody that share a recording 0 to 2 mm. Half of the
windows of its rumbas and waltzes stay beyond 7 cm."""

_DIGITS = 4  # sums of many numbers hang on the count of threads in their last bits


@dataclass(frozen=True)
class Facts:
    """What is measured of one window; see the limits for units. glitches: steps from frame to frame no person makes."""

    visibility: float
    jitter: float
    skating_m_s: float
    float_m: float
    glitches: int
    t_pose: float
    moved_m: float
    copy_m: float = float("inf")
    copy_of: str = ""

    def scores(self) -> tuple[float, ...]:
        """In the order of `core_vimo.clip_set.SCORES`."""
        return self.visibility, self.jitter, self.skating_m_s, self.float_m, self.copy_m


@dataclass(frozen=True)
class Reason:
    """Why a window is rejected: a word to call it by, what must hold, and how it is said."""

    word: str
    holds: Callable[[Facts], bool]
    says: Callable[[Facts], str]


REASONS = (
    Reason("", lambda facts: False, lambda facts: ""),
    Reason(
        "unseen",
        lambda facts: facts.visibility < LEAST_VISIBLE,
        lambda facts: f"only {facts.visibility:.0%} of the person is seen clearly, and {LEAST_VISIBLE:.0%} are needed",
    ),
    Reason(
        "glitch",
        lambda facts: facts.glitches > 0,
        lambda facts: f"the body jumps as nobody can, {_times(facts.glitches)}: the recording has a glitch",
    ),
    Reason(
        "T-pose",
        lambda facts: facts.t_pose > MOST_T_POSE,
        lambda facts: f"{facts.t_pose:.0%} of it is a T-pose, which is calibration and no movement",
    ),
    Reason(
        "still",
        lambda facts: facts.moved_m < LEAST_MOVED_M,
        lambda facts: f"nothing moves farther than {100 * facts.moved_m:.0f} cm",
    ),
    Reason(
        "jitter",
        lambda facts: facts.jitter > MOST_JITTER,
        lambda facts: f"it trembles: jitter {facts.jitter:.0f}, where dances have up to 75",
    ),
    Reason(
        "skating",
        lambda facts: facts.skating_m_s > MOST_SKATING_M_S,
        lambda facts: f"feet on the floor slide at {facts.skating_m_s:.1f} m/s, where dances have up to 1.1",
    ),
    Reason(
        "float",
        lambda facts: facts.float_m > MOST_FLOAT_M,
        lambda facts: f"the lower foot is {100 * facts.float_m:.0f} cm above the floor on average",
    ),
    Reason(
        "copy",
        lambda facts: facts.copy_m < LEAST_APART_M,
        lambda facts: f"the same movement as in {facts.copy_of}, {1000 * facts.copy_m:.0f} mm apart",
    ),
)
"""In the order in which they are given; `reason` of a window counts them, and 0 stands for kept."""

WORDS = tuple(reason.word for reason in REASONS[1:])


def judge(facts: Facts, allowed: Sequence[str] = ()) -> int:
    """The first reason that holds, counted in `REASONS`; those `allowed`, by word, don't."""
    return next((k for k, reason in enumerate(REASONS) if reason.holds(facts) and reason.word not in allowed), 0)


def measure(motion: Motion, seen: Tensor, bad: Tensor, starts: Sequence[int], frames: int) -> list[Facts]:
    """The facts of the windows of one grounded motion: `seen [S]` share of joints seen, `bad [S]` glitches."""
    joints_m, t_pose = motion.joints_m(), in_t_pose(motion).float()
    lower = (joints_m[:, FEET, 2].amin(1) - TOE_HEIGHT_M).clamp(min=0)
    found = []
    for start in starts:
        part = slice(start, start + frames)
        there = joints_m[part]
        skating = torch.nan_to_num(foot_skating(there, motion.fps).foot_skate_speed)
        moved = (there - there[:1]).norm(dim=-1).amax()
        shaking = jitter(there, motion.fps)
        numbers = (seen[part].mean(), shaking, skating, lower[part].mean(), t_pose[part].mean(), moved)
        visible, shaken, slid, floated, calibrated, gone = (round(float(number), _DIGITS) for number in numbers)
        found.append(Facts(visible, shaken, slid, floated, int(bad[part].sum()), calibrated, gone))
    return found


def glitches_at_30_fps(motion: Motion) -> Tensor:
    """Which frames `[S]` at 30 fps lie at a step that no person makes, as it is seen at the motion's own rate.

    Between samples of 30 fps a marker may jump and come back.
    """
    steps = impossible_steps(motion).nonzero()[:, 0].double() * (FPS / motion.fps)
    bad = torch.zeros(int((len(motion) - 1) * FPS / motion.fps + 1e-6) + 1, dtype=torch.bool)
    bad[steps.round().long().clamp(max=len(bad) - 1)] = True
    return bad


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
