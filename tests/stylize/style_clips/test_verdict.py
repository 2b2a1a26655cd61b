"""What no person did is rejected and said in words; what dancers do is kept."""

from dataclasses import replace

import pytest
import torch

from core_vimo.motion import Motion, ground, move, resample
from core_vimo.randomness import normal
from stylize.style_clips.verdict import REASONS, WORDS, Facts, glitches_at_30_fps, judge, measure

GOOD = Facts(0.9, 10.0, 0.5, 0.02, 0, 0.0, 1.0)


def of(motion: Motion, seen: float = 1.0) -> Facts:
    bad = glitches_at_30_fps(motion)
    return measure(motion, torch.full((len(motion),), seen), bad, [0], len(motion))[0]


def word(facts: Facts) -> str:
    return REASONS[judge(facts)].word


def test_a_dance_is_kept_and_nothing_is_said(invented_dance):
    facts = of(ground(invented_dance(150, 0)))
    assert judge(facts) == 0
    assert REASONS[0].says(facts) == ""


@pytest.mark.parametrize(
    ("change", "reason", "said"),
    [
        ({"visibility": 0.3}, "unseen", "only 30% of the person"),
        ({"glitches": 2}, "glitch", "twice"),
        ({"t_pose": 0.5}, "T-pose", "50% of it is a T-pose"),
        ({"moved_m": 0.02}, "still", "farther than 2 cm"),
        ({"jitter": 130.0}, "jitter", "jitter 130"),
        ({"skating_m_s": 2.0}, "skating", "slide at 2.0 m/s"),
        ({"float_m": 0.5}, "float", "50 cm above the floor"),
        ({"copy_m": 0.002, "copy_of": "walk"}, "copy", "the same movement as in walk, 2 mm apart"),
    ],
)
def test_each_fault_has_its_reason_its_words_and_can_be_allowed(change, reason, said):
    facts = replace(GOOD, **change)
    assert word(facts) == reason
    assert said in REASONS[judge(facts)].says(facts)
    assert judge(facts, (reason,)) == 0
    assert reason in WORDS


def test_a_glitch_is_seen_at_the_rate_it_was_recorded_at(invented_dance):
    """It lasts a single frame of 120, which none of the 30 falls on."""
    quick = resample(invented_dance(150, 1), 120)
    root_m = quick.root_m.clone()
    root_m[201] += torch.tensor([0.3, 0.0, 0.0])
    bad = glitches_at_30_fps(replace(quick, root_m=root_m))
    assert bad.nonzero()[:, 0].tolist() == [50]
    assert len(bad) == len(resample(quick, 30))
    assert not glitches_at_30_fps(quick).any()


def test_trembling_standing_hovering_and_unseen_bodies_are_measured_as_such(invented_dance):
    dance = ground(invented_dance(150, 2))
    trembling = replace(dance, root_m=dance.root_m + 0.006 * normal((150, 3), 0, "tremble"))
    still = replace(
        dance, rotations=dance.rotations[:1].expand(150, -1, -1, -1), root_m=dance.root_m[:1].expand(150, 3)
    )
    assert word(of(trembling)) == "jitter"
    assert word(of(still)) == "still"
    assert word(of(move(dance, torch.tensor([0.0, 0.0, 0.5])))) == "float"
    assert word(of(dance, seen=0.2)) == "unseen"


def test_a_calibration_pose_is_no_dance(invented_dance):
    dance = invented_dance(150, 3)
    upright = torch.tensor([torch.pi / 2, 0.0, 0.0])
    angles = torch.zeros(60, 24, 3)
    angles[:, 0] = upright
    rotations = dance.rotations.clone()
    rotations[:60] = Motion.from_axis_angle(angles, dance.root_m[:60]).rotations
    facts = of(ground(replace(dance, rotations=rotations)))
    assert facts.t_pose == pytest.approx(0.4)
    assert judge(replace(facts, glitches=0)) == WORDS.index("T-pose") + 1


def test_windows_are_measured_where_they_lie(invented_dance):
    dance = ground(invented_dance(300, 4))
    bad = torch.zeros(300, dtype=torch.bool)
    bad[160] = True
    seen = torch.cat((torch.ones(150), torch.zeros(150)))
    first, later = measure(dance, seen, bad, [0, 150], 150)
    assert (first.visibility, first.glitches) == (1.0, 0)
    assert (later.visibility, later.glitches) == (0.0, 1)
    assert later.jitter == measure(dance[150:], seen[150:], bad[150:], [0], 150)[0].jitter
