import math

import pytest
import torch

from core_vimo import rotations as rot
from core_vimo.errors import InputError
from core_vimo.motion import (
    Motion,
    concatenate,
    detect_contacts,
    face_audience,
    ground,
    mirror,
    resample,
    smooth,
    turn,
)
from core_vimo.randomness import normal
from core_vimo.skeleton import FEET, MIRROR, TOE_HEIGHT_M


def test_a_motion_refuses_misfits_and_nan(wobble):
    with pytest.raises(InputError, match=r"contacts must be \[40, 4\]"):
        Motion(wobble.rotations[:40], wobble.root_m[:40], wobble.contacts)
    broken = wobble.root_m.clone()
    broken[3, 1] = math.nan
    with pytest.raises(InputError, match="root_m holds numbers that are not finite"):
        Motion(wobble.rotations, broken, wobble.contacts)
    with pytest.raises(InputError, match="at least one frame"):
        wobble[:0]


def test_slicing_and_concatenating_are_inverse(wobble):
    joined = concatenate([wobble[:17], wobble[17:]])
    assert torch.equal(joined.rotations, wobble.rotations) and torch.equal(joined.root_m, wobble.root_m)
    with pytest.raises(InputError, match="resample"):
        concatenate([wobble, resample(wobble, 60)])


def test_resampling_there_and_back_keeps_the_movement(wobble):
    there = resample(wobble, 60)
    assert there.fps == 60 and len(there) == 2 * len(wobble) - 1
    back = resample(there, 30)
    assert torch.allclose(back.joints_m(), wobble.joints_m(), atol=1e-5)


def test_resampling_keeps_duration_and_speed():
    root = torch.stack((torch.arange(61) / 30, torch.zeros(61), torch.ones(61)), dim=-1)
    walk = Motion.from_axis_angle(torch.zeros(61, 24, 3), root)
    for fps in (24, 25, 60, 120):
        other = resample(walk, fps)
        speed = other.root_m.diff(dim=0)[:, 0] * fps
        assert torch.allclose(speed, torch.ones_like(speed), atol=1e-3)
        assert (len(other) - 1) / fps == pytest.approx(2.0, abs=1 / fps)


def test_smoothing_takes_trembling_and_leaves_the_movement(wobble):
    trembling = Motion.from_rotations(
        rot.axis_angle_to_matrix(wobble.axis_angle() + 0.05 * normal((91, 24, 3), 5)), wobble.root_m
    )
    calmed = smooth(trembling, 0.05)

    def third(motion: Motion) -> float:
        return float(motion.joints_m().diff(n=3, dim=0).norm(dim=-1).mean())

    def off(motion: Motion) -> float:
        return float((motion.joints_m() - wobble.joints_m())[10:-10].norm(dim=-1).mean())

    assert third(calmed) < 0.1 * third(trembling)
    assert off(calmed) < 0.7 * off(trembling)
    identity = torch.eye(3).expand(91, 24, 3, 3)
    assert torch.allclose(calmed.rotations @ calmed.rotations.mT, identity, atol=1e-5)


def test_smoothing_leaves_a_steady_pose_and_nothing_means_nothing(wobble):
    still = Motion.from_rotations(wobble.rotations[:1].expand(50, -1, -1, -1), wobble.root_m[:1].expand(50, -1))
    assert torch.allclose(smooth(still, 0.1).rotations, still.rotations, atol=1e-5)
    assert smooth(wobble, 0.0) is wobble


def test_mirroring_swaps_the_sides(wobble):
    mirrored = mirror(wobble)
    expected = wobble.joints_m()[:, MIRROR] * torch.tensor([-1.0, 1.0, 1.0])
    # The rest offsets of the two sides differ by millimetres.
    assert (mirrored.joints_m() - expected).norm(dim=-1).max() < 0.06
    twice = mirror(mirrored)
    assert torch.equal(twice.rotations, wobble.rotations) and torch.equal(twice.contacts, wobble.contacts)


def test_turning_keeps_heights_and_distances(wobble):
    turned = turn(wobble, 1.1)
    before, after = wobble.joints_m(), turned.joints_m()
    assert torch.allclose(before[..., 2], after[..., 2], atol=1e-5)
    assert torch.allclose(before.norm(dim=-1), after.norm(dim=-1), atol=1e-5)


def test_facing_the_audience_is_on_average_and_centred(wobble):
    facing = face_audience(turn(wobble, 2.0))
    headings = rot.heading(facing.rotations[:, 0])
    assert float(torch.atan2(headings.sin().mean(), headings.cos().mean())) == pytest.approx(rot.FRONT, abs=1e-4)
    path = facing.root_m[:, :2]
    assert torch.allclose(path.amin(0), -path.amax(0), atol=1e-5)


def test_grounding_puts_the_lowest_foot_on_the_floor(wobble):
    lowest = ground(wobble).joints_m()[:, FEET, 2].amin(dim=1)
    assert float(torch.quantile(lowest, 0.05)) == pytest.approx(TOE_HEIGHT_M, abs=1e-5)


def test_contacts_mean_slower_than_a_centimetre_a_frame():
    joints = torch.zeros(3, 24, 3)
    joints[1:, 7, 0], joints[1:, 8, 0] = 0.0099, 0.0101
    assert detect_contacts(joints, 30).tolist() == [[1, 0, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]


@pytest.fixture
def wobble() -> Motion:
    """A smooth random movement that walks about, upright."""
    frames = torch.linspace(0, 6, 91)[:, None, None]
    angles = 0.5 * torch.sin(frames * (1 + normal((24, 3), 1).abs()) + normal((24, 3), 2))
    angles[:, 0] = torch.tensor([math.pi / 2, 0.0, 0.0])
    root = torch.stack((torch.sin(frames[:, 0, 0]), 0.2 * frames[:, 0, 0], torch.ones(91)), dim=-1)
    return Motion.from_axis_angle(angles, root)
