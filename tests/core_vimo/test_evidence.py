import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core_vimo.coco_body import coco_joints_m
from core_vimo.evidence import CONFIDENT, EVIDENCE, MAX_GAP, evidence, evidence_tensor
from core_vimo.footage import Footage
from core_vimo.pose2d import Pose2D
from core_vimo.randomness import generator
from core_vimo.virtual_cameras import film

X, Y, CONFIDENCE, SEEN, TRAVEL, FIRST = (
    slice(0, 34, 2),
    slice(1, 34, 2),
    slice(34, 51),
    slice(51, 68),
    slice(68, 71),
    71,
)


def no_cuts(frames):
    return torch.zeros(frames, dtype=torch.bool)


@pytest.fixture(scope="module")
def keypoints(invented_dance):
    """A sure detector's: every joint seen but one, that comes and goes."""
    dance = invented_dance(60, 5)
    xy = film(coco_joints_m(dance.rotations, dance.root_m), generator(1), "static").true_xy
    confidence = torch.full((60, 17, 1), 0.9)
    confidence[20:40, 9] = 0.1
    return torch.cat((xy, confidence), dim=-1)


def changed(keypoints, change):
    return torch.cat((change(keypoints[..., :2]), keypoints[..., 2:]), dim=-1)


def test_channels_are_where_they_are_said_to_be(keypoints):
    seen = evidence_tensor(keypoints, no_cuts(60))
    assert seen.shape == (60, EVIDENCE) and seen.dtype == torch.float32
    size = (keypoints[7, :, :2].amax(0) - keypoints[7, :, :2].amin(0)).max()
    nose_up = (keypoints[7, 11:13, 1].mean() - keypoints[7, 0, 1]) / size
    assert seen[7, 1] > 0 and seen[7, 1] == pytest.approx(float(nose_up), rel=0.05)
    assert seen[7, [22, 23]] + seen[7, [24, 25]] == pytest.approx([0, 0], abs=1e-5)  # the hips' middle
    assert torch.all(seen[7, CONFIDENCE] == 0.9) and torch.all(seen[7, SEEN] == 1)
    assert seen[:, FIRST].tolist() == [1.0] + [0.0] * 59
    assert torch.all(seen[25, [18, 19, 34 + 9, 51 + 9]] == 0)


def test_picture_size_place_and_scale_do_not_matter(keypoints):
    seen = evidence_tensor(keypoints, no_cuts(60))
    moved = changed(keypoints, lambda xy: 0.31 * xy + torch.tensor([170.0, -40.0]))
    assert torch.allclose(evidence_tensor(moved, no_cuts(60)), seen, atol=1e-4)


def test_pans_and_zooms_change_travel_and_little_else(keypoints):
    seen = evidence_tensor(keypoints, no_cuts(60))
    frame = torch.arange(60)[:, None, None]
    panned = evidence_tensor(changed(keypoints, lambda xy: xy + frame * torch.tensor([9.0, 3.0])), no_cuts(60))
    assert torch.allclose(panned[:, :68], seen[:, :68], atol=1e-4)
    assert (panned[1:, 68] > seen[1:, 68]).all() and (panned[1:, 69] < seen[1:, 69]).all()
    slow = torch.exp(frame / 60)
    sudden = torch.where(frame < 30, 1.0, 2.0)
    for zoom in (slow, sudden):
        zoomed = evidence_tensor(changed(keypoints, lambda xy, zoom=zoom: xy * zoom), no_cuts(60))
        assert (zoomed[:, :34] - seen[:, :34]).abs().max() < 0.1
        assert zoomed[1:, 70].sum() - seen[1:, 70].sum() == pytest.approx(float((zoom[-1] / zoom[0]).log()), abs=0.1)


def test_zooming_a_still_pose_changes_nothing_at_all_but_travel(keypoints):
    still = keypoints[:1].expand(40, 17, 3)
    zoom = torch.where(torch.arange(40) < 17, 1.0, 1.7)[:, None, None]
    zoomed = evidence_tensor(changed(still, lambda xy: xy * zoom), no_cuts(40))
    assert torch.allclose(zoomed[:, :68], evidence_tensor(still, no_cuts(40))[:, :68], atol=1e-4)


def test_unseen_joints_say_nothing(keypoints):
    seen = evidence_tensor(keypoints, no_cuts(60))
    unseen = keypoints[..., 2:] < CONFIDENT
    for value in (0.0, 1e9, torch.nan):
        other = torch.where(unseen, torch.tensor([value, value, 0.25]), keypoints)
        assert torch.equal(evidence_tensor(other, no_cuts(60)), seen)


def test_one_bad_joint_does_not_shrink_the_body(keypoints):
    bad = keypoints.clone()
    bad[30, 10, :2] += 3000
    seen, clean = evidence_tensor(bad, no_cuts(60)), evidence_tensor(keypoints, no_cuts(60))
    others = [j for j in range(34) if j not in (20, 21)]
    assert torch.allclose(seen[:, others], clean[:, others], atol=0.05)
    assert seen.abs().max() <= 4


def test_short_gaps_are_bridged_with_less_confidence_and_long_ones_are_not(keypoints):
    gone = keypoints.clone()
    gone[5 : 5 + MAX_GAP, 7] = 0
    gone[30 : 31 + MAX_GAP, 7] = 0
    seen = evidence_tensor(gone, no_cuts(60))
    assert torch.all(seen[5 : 5 + MAX_GAP, 51 + 7] == 1)
    assert torch.all((seen[5 : 5 + MAX_GAP, 34 + 7] < 0.9) & (seen[5 : 5 + MAX_GAP, 34 + 7] > 0))
    whole = evidence_tensor(keypoints, no_cuts(60))
    assert (seen[5 : 5 + MAX_GAP, 14:16] - whole[5 : 5 + MAX_GAP, 14:16]).abs().max() < 0.1
    assert torch.all(seen[30 : 31 + MAX_GAP, [14, 15, 34 + 7, 51 + 7]] == 0)


def test_a_gap_at_the_edge_or_over_a_cut_is_not_bridged(keypoints):
    gone = keypoints.clone()
    gone[:2, 7], gone[58:, 7], gone[29:32, 7] = 0, 0, 0
    cuts = no_cuts(60)
    cuts[30] = True
    seen = evidence_tensor(gone, cuts)[:, 51 + 7]
    assert seen.nonzero()[:, 0].tolist() == [*range(2, 29), *range(32, 58)]


def test_shots_know_nothing_of_each_other(keypoints):
    cuts = no_cuts(60)
    cuts[25] = True
    joined = torch.cat((keypoints[:25], changed(keypoints[25:], lambda xy: 3 * xy + 500)))
    apart = [evidence_tensor(part, no_cuts(len(part))) for part in (keypoints[:25], keypoints[25:])]
    assert torch.allclose(evidence_tensor(joined, cuts), torch.cat(apart), atol=1e-4)


def test_travel_follows_a_body_that_walks_across_the_picture():
    keypoints = torch.zeros(10, 17, 3)
    keypoints[..., :2] = torch.stack((torch.linspace(0, 50, 17), torch.linspace(0, 100, 17)), dim=-1)
    keypoints[..., 0] += 5.0 * torch.arange(10)[:, None]
    keypoints[..., 2] = 1
    travel = evidence_tensor(keypoints, no_cuts(10))[:, TRAVEL]
    assert torch.allclose(travel[1:], torch.tensor([0.05, 0.0, 0.0]).expand(9, 3), atol=1e-6)
    assert torch.all(travel[0] == 0)


def test_nobody_is_zeros():
    seen = evidence_tensor(torch.full((7, 17, 3), 0.2), no_cuts(7))
    assert torch.all(seen[:, :71] == 0)


@given(st.integers(1, 40), st.integers(0, 17), st.integers(0, 2**31))
def test_always_finite_and_bounded(frames, joints, key):
    draw = generator(key)
    keypoints = torch.rand(frames, 17, 3, generator=draw) * torch.tensor([4000.0, 4000.0, 1.0])
    keypoints[:, joints:] = 0
    seen = evidence_tensor(keypoints, torch.rand(frames, generator=draw) < 0.2)
    assert torch.isfinite(seen).all() and seen.abs().max() <= 4
    unseen = (seen[:, SEEN] == 0).repeat_interleave(2, dim=1)
    assert torch.all(seen[:, :34][unseen] == 0) and torch.all(seen[:, CONFIDENCE][seen[:, SEEN] == 0] == 0)


def test_footage_is_read_as_its_keypoints_and_cuts(keypoints):
    cuts = no_cuts(60)
    cuts[25] = True
    footage = Footage(Pose2D(keypoints, (1920, 1080)), (25,))
    assert torch.equal(evidence(footage), evidence_tensor(keypoints, cuts))


def test_a_few_frames_are_bridged_between_seen_ones_alone():
    keypoints = torch.full((4, 17, 3), 0.9)
    keypoints[..., :2] = torch.rand(4, 17, 2, generator=generator(9)) * 500
    keypoints[:2, 3], keypoints[3, 5], keypoints[1, 7] = 0, 0, 0
    seen = evidence_tensor(keypoints, no_cuts(4))[:, SEEN]
    assert (seen == 0).nonzero().tolist() == [[0, 3], [1, 3], [3, 5]]
