"""The words mean what they say: gaps lie where they should, loops close, blends start where the first motion ends."""

from dataclasses import replace

import pytest
import torch

from completion import (
    CleanUp,
    Filler,
    Manner,
    blend,
    continue_motion,
    in_between,
    in_fill,
    lay_in,
    loop,
    regenerate,
    slerp_between,
)
from completion.borders import REACH, SLOPE_REACH, arrived, followed, met
from core_vimo.codec import joint_channels
from core_vimo.errors import InputError
from core_vimo.evidence import EVIDENCE
from core_vimo.motion import move, turn
from core_vimo.rotations import heading
from core_vimo.skeleton import FEET
from core_vimo.video_to_motion.build import VideoMotionModel
from core_vimo.video_to_motion.network import ViMo, ViMoConfig
from core_vimo.video_to_motion.video_motion import VideoMotion


@pytest.fixture(scope="module")
def a(invented_dance):
    return invented_dance(80, 1)


@pytest.fixture(scope="module")
def b(invented_dance):
    return move(turn(invented_dance(100, 2), 2.5), torch.tensor([4.0, -3.0, 0.2]))


def same(one, other):
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in ("rotations", "root_m", "contacts"))


def test_in_between_keeps_both_clips(a, b, alone):
    for made in in_between(a, b, 40, alone, Manner(takes=2)):
        assert len(made) == 220
        assert same(made[:80], a)
        assert same(made[120:], b)


def test_single_poses_are_clips_too(a, b, alone):
    made = in_between(a[79:], b[:1], 35, alone)[0]
    assert same(made[:1], a[79:])
    assert same(made[36:], b[:1])


def test_in_fill_fills_every_gap_and_nothing_else(b, alone):
    made = in_fill(b, [(60, 70), (20, 40)], alone)[0]
    assert same(made[:20], b[:20])
    assert same(made[40:60], b[40:60])
    assert same(made[70:], b[70:])
    for gap in (slice(20, 40), slice(60, 70)):
        assert not torch.isclose(made.rotations[gap], b.rotations[gap]).all()


@pytest.mark.parametrize("gaps", [[], [(20, 40), (39, 50)], [(40, 20)], [(90, 101)], [(-3, 5)]])
def test_gaps_that_are_none_are_refused(b, alone, gaps):
    with pytest.raises(InputError):
        in_fill(b, gaps, alone)


@pytest.mark.parametrize(("frames", "at"), [((20, 90), 40), ((50, 100), 70)])
def test_a_clip_lies_in_a_span_turned_and_nothing_outside_changes(a, b, alone, frames, at):
    """In the middle of its span; at the end of one that ends with the motion."""
    clip = a[10:40]
    made = lay_in(b, clip, frames, alone)[0]
    assert len(made) == len(b) and same(made[: frames[0]], b[: frames[0]])
    assert frames[1] == len(b) or same(made[frames[1] :], b[frames[1] :])
    laid = made[at : at + 30]
    assert torch.equal(laid.rotations[:, 1:], clip.rotations[:, 1:]) and torch.equal(laid.contacts, clip.contacts)
    assert torch.equal(laid.root_m[:, 2], clip.root_m[:, 2])
    torch.testing.assert_close(heading(laid.rotations[0, 0]), heading(b.rotations[frames[0] - 1, 0]), atol=1e-5, rtol=0)
    if frames[1] < len(b):  # as far there as back
        there, back = laid.root_m[0] - b.root_m[frames[0] - 1], b.root_m[frames[1]] - laid.root_m[-1]
        torch.testing.assert_close(there[:2], back[:2], atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ((0, 80), "0.0 to 2.7 s must begin after"),
        ((20, 58), "the clip lasts 1.0 s and the span 1.3 s.*and back; select at least 1.4 s"),
        ((66, 100), "come there; select at least 1.2 s"),
        ((60, 101), "end inside its 3.3 s"),
        ((50, 50), "1.7 to 1.7 s"),
    ],
)
def test_a_clip_that_does_not_fit_is_refused_in_seconds(a, b, alone, frames, said):
    with pytest.raises(InputError, match=said):
        lay_in(b, a[10:40], frames, alone)


def test_new_arms_over_kept_legs(a, alone):
    made = regenerate(a, (20, 60), alone, keep=["legs", "root", "torso", "head"])[0]
    assert torch.equal(made.joints_m()[:, FEET], a.joints_m()[:, FEET])
    assert torch.equal(made.contacts, a.contacts)
    changed = ~torch.isclose(made.rotations, a.rotations).flatten(2).all(2)
    assert not changed[:20].any() and not changed[60:].any()
    assert set(changed.any(0).nonzero()[:, 0].tolist()) == {13, 14, *range(16, 24)}
    assert joint_channels(13) == slice(85, 91)


def test_continuing_starts_where_the_motion_ends(b, alone):
    made = continue_motion(b, 200, alone)[0]
    assert len(made) == 300
    assert same(made[:100], b)
    assert made.root_m.diff(dim=0)[99:].norm(dim=1).max() < 0.3


def test_a_loop_closes_in_pose_place_and_heading(b, alone):
    made = loop(b, 30, alone, Manner(clean_up=CleanUp.none()))[0]
    assert len(made) == 130
    assert same(made[:100], b)
    round_again = torch.cat((made.joints_m(), made.joints_m()[:3]))
    speed = round_again.diff(dim=0).norm(dim=-1)
    assert speed[127:].max() < 1.5 * speed[97:127].max()
    acceleration = round_again.diff(n=2, dim=0).norm(dim=-1)
    assert acceleration[127:].max() <= 1.5 * acceleration[97:127].max()


def test_b_starts_where_a_ends(a, b, alone):
    made = blend(a, b, 30, alone)[0]
    assert same(made[:80], a)
    rest = made[110:]
    torch.testing.assert_close(heading(rest.rotations[0, 0]), heading(a.rotations[-1, 0]), atol=1e-5, rtol=0)
    assert torch.equal(rest.rotations[:, 1:], b.rotations[:, 1:])
    assert torch.equal(rest.contacts, b.contacts)
    radians = float(heading(a.rotations[-1, 0]) - heading(b.rotations[0, 0]))
    shape = turn(b, radians).root_m
    torch.testing.assert_close(rest.root_m - rest.root_m[0], shape - shape[0], atol=1e-5, rtol=0)
    assert made.root_m[79:112].diff(dim=0).norm(dim=1).max() < 0.3
    assert torch.equal(rest.root_m[:, 2], b.root_m[:, 2])  # the floor is where it was, wherever `a` was left


def test_long_second_motions_are_moved_as_one(a, invented_dance, alone):
    long = invented_dance(400, 4)
    made = blend(a, long, 20, alone)[0]
    torch.testing.assert_close(made.root_m[100:].diff(dim=0).norm(dim=1), long.root_m.diff(dim=0).norm(dim=1),
                               atol=1e-5, rtol=0)  # fmt: skip


def test_rates_must_agree(a, b, alone):
    for edit in (in_between, blend):
        with pytest.raises(InputError, match="resample"):
            edit(a, replace(b, fps=60.0), 10, alone)
    with pytest.raises(InputError, match="1 or more"):
        blend(a, b, 0, alone)


def test_slerp_goes_evenly_from_pose_to_pose(a, b):
    between = slerp_between(a, b, 9)
    assert len(between) == 9
    torch.testing.assert_close(between.root_m[4], (a.root_m[-1] + b.root_m[0]) / 2)


def test_a_videos_part_is_seen_and_the_rest_is_not(a, b, codec, dancer):
    torch.manual_seed(0)
    network = ViMo(ViMoConfig(latent=32, feed_forward=64, blocks=1, heads=4, dropout=0.0)).eval()
    watcher = VideoMotion(VideoMotionModel(network, codec, dancer.schedule, ""), steps=3)
    evidence = torch.rand(1, 40, EVIDENCE)
    made = in_between(a, b, 40, Filler.like_video(watcher, evidence, at=80))[0]
    assert same(made[:80], a)
    assert same(made[120:], b)
    other = in_between(a, b, 40, Filler.like_video(watcher, evidence.flip(1), at=80))[0]
    assert not torch.equal(made.rotations[80:120], other.rotations[80:120])


def test_bending_meets_value_and_slope_and_fades_within_its_reach():
    time = torch.arange(120.0)[:, None]
    known, made = 2 + 0.1 * time, torch.zeros(120, 1)
    mask = (time < 10) | (time >= 100)
    bent = met(made, known, mask)
    assert torch.equal(bent[mask], known[mask])
    assert bent[10 + REACH : 100 - REACH].abs().max() == 0
    assert bent.diff(n=2, dim=0)[8:10].abs().max() < 0.15
    assert torch.equal(met(known, known, mask), known)


def test_a_trembling_border_leads_nothing_astray():
    """Were its speed believed for a second, a millimetre from frame to frame would become centimetres."""
    mask = torch.ones(100, 1, dtype=torch.bool)
    mask[20:80] = False
    known = torch.zeros(100, 1)
    known[19], known[18] = 1.0, 0.0
    assert met(torch.zeros(100, 1), known, mask).abs().max() < 2.3


def test_a_straight_line_is_bent_back_onto_itself_in_a_short_gap():
    time = torch.arange(20.0)[:, None]
    mask = (time < 8) | (time >= 7 + SLOPE_REACH)
    torch.testing.assert_close(met(torch.zeros(20, 1), time, mask), time, atol=1e-5, rtol=0)


def test_walks_arrive_where_feet_let_them():
    known = torch.zeros(10, 2)
    known[8:] = 1.0
    path_known = torch.tensor([True] * 3 + [False] * 5 + [True] * 2)
    contacts = torch.ones(10, 4)
    contacts[4] = 0
    walked = arrived(torch.zeros(10, 2), known, path_known, contacts)
    assert torch.equal(walked[path_known], known[path_known])
    assert walked.diff(dim=0).norm(dim=1).argmax() == 4


def test_a_far_way_begins_and_ends_gently():
    path_known = torch.tensor([True] * 5 + [False] * 60 + [True] * 5)
    known = torch.zeros(70, 2)
    known[65:] = 6.0
    walked = arrived(torch.zeros(70, 2), known, path_known, torch.zeros(70, 4))
    speed = walked.diff(dim=0)
    assert torch.equal(walked[path_known], known[path_known])
    even = 6.0 / 61
    assert speed.diff(dim=0).abs().max() < 0.2 * even and speed.max() < 1.2 * even
    torch.testing.assert_close(speed, speed.flip(0), atol=1e-5, rtol=0)


def test_what_follows_a_free_walk_keeps_its_shape():
    path = torch.arange(10.0)[:, None].expand(10, 2)
    known = torch.rand(10, 2)
    path_known = torch.tensor([True] * 3 + [False] * 4 + [True] * 3)
    followed_m = followed(path, known, path_known)
    assert torch.equal(followed_m[:3], known[:3])
    torch.testing.assert_close(followed_m[7:] - followed_m[7], known[7:] - known[7])
    torch.testing.assert_close(followed_m[2:8].diff(dim=0), torch.ones(5, 2))
