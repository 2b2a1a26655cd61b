"""Metrics of filled gaps: zero for the truth, closed forms elsewhere."""

import math

import pytest
import torch

from core_vimo.errors import InputError
from core_vimo.metrics.feet import foot_skating
from core_vimo.metrics.in_betweening import (
    border_jerk,
    global_quaternions,
    l2p,
    l2q,
    npss,
    spectral_error,
    spread_m,
    with_signs_of,
)
from core_vimo.rotations import about_z, quaternion_to_matrix
from core_vimo.skeleton import FEET, forward_kinematics_full


def test_global_quaternions_are_those_of_the_joints_and_never_flip(invented_dance):
    motion = invented_dance(60, 2)
    spun = motion.rotations.clone()
    spun[:, 0] = about_z(torch.linspace(0, 6 * math.pi, 60)) @ spun[:, 0]
    quaternions = global_quaternions(spun)
    turned, _ = forward_kinematics_full(spun, motion.root_m)
    torch.testing.assert_close(quaternion_to_matrix(quaternions), turned, atol=1e-5, rtol=0)
    assert ((quaternions[1:] * quaternions[:-1]).sum(-1) > 0).all()


def test_the_truth_has_no_error(invented_dance):
    motion = invented_dance(30, 1)
    q, joints_m = global_quaternions(motion.rotations), motion.joints_m()
    assert l2q(q, -q) == 0
    assert l2p(joints_m, joints_m, torch.ones(24, 3)) == 0
    assert npss(q[None], q[None]) == 0
    torch.testing.assert_close(with_signs_of(-q, q), q)


def test_l2p_is_the_length_of_the_whole_bodys_miss():
    true = torch.zeros(7, 24, 3)
    off = true + torch.tensor([0.3, 0.0, 0.4])
    assert float(l2p(off, true, torch.full((24, 3), 0.1))) == pytest.approx(5 * math.sqrt(24), rel=1e-5)


def test_l2q_of_one_joint_half_a_turn_off():
    true = torch.tensor([0.0, 0.0, 0.0, 1.0]).expand(5, 24, 4)
    off = true.clone()
    off[:, 3] = torch.tensor([1.0, 0.0, 0.0, 0.0])
    assert float(l2q(off, true)) == pytest.approx(math.sqrt(2))


def test_npss_counts_the_distance_between_frequencies():
    time = torch.arange(64) / 64

    def wave(cycles):
        return torch.exp(2j * math.pi * cycles * time).real[None, :, None] + 0.0

    assert float(npss(wave(4), wave(4))) == pytest.approx(0, abs=1e-9)
    near, far = float(npss(wave(5), wave(4))), float(npss(wave(9), wave(4)))
    assert near == pytest.approx(1.0, rel=1e-5)  # half the power lies at +f and half at -f, each moved by one bin
    assert far == pytest.approx(5.0, rel=1e-5)


def test_npss_weighs_clips_by_their_power():
    true, predicted = torch.randn(3, 32, 4, 4), torch.randn(3, 32, 4, 4)
    error = spectral_error(predicted, true)
    alone = torch.stack([npss(p[None], t[None]) for p, t in zip(predicted, true, strict=True)])
    torch.testing.assert_close(npss(predicted, true), (alone * error.power).sum() / error.power.sum())


def test_a_jump_at_a_border_shows_and_one_elsewhere_does_not(invented_dance):
    smooth = invented_dance(100, 3).joints_m()
    at_border, elsewhere = smooth.clone(), smooth.clone()
    at_border[40:] += 0.1
    elsewhere[50:] += 0.1
    usual = float(border_jerk(smooth, smooth, (40, 60)))
    assert 0.3 < usual < 3
    assert float(border_jerk(at_border, smooth, (40, 60))) > 10 * usual
    assert float(border_jerk(elsewhere, smooth, (40, 60))) == pytest.approx(usual)


def test_spread_of_two_takes_is_their_distance():
    takes = torch.zeros(2, 5, 24, 3)
    takes[1, ..., 0] = 0.25
    assert float(spread_m(takes)) == pytest.approx(0.25)
    with pytest.raises(InputError):
        spread_m(takes[:1])


def test_skating_can_be_asked_of_some_steps():
    joints_m = torch.zeros(20, 24, 3)
    joints_m[10:, FEET, 0] = torch.arange(10.0)[:, None] / 30
    assert float(foot_skating(joints_m, 30, slice(0, 9)).foot_skate_speed) == 0
    assert float(foot_skating(joints_m, 30, slice(10, 19)).foot_skate_speed) == pytest.approx(1.0, rel=1e-4)
