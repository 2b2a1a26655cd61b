"""Planting: standing feet stay, bodies in the air fly on, poses are left alone."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core_vimo.errors import InputError
from core_vimo.formats import read_motion
from core_vimo.metrics.feet import foot_skating
from core_vimo.motion import Motion, move, turn
from core_vimo.planting import plant


def standing(frames: int, contacts: float = 1.0) -> Motion:
    return Motion(torch.eye(3).expand(frames, 24, 3, 3), torch.zeros(frames, 3), torch.full((frames, 4), contacts))


def dragged(motion: Motion, metres: float) -> Motion:
    """The same body pulled along x."""
    path = torch.zeros(len(motion), 3)
    path[:, 0] = torch.linspace(0, metres, len(motion))
    return move(motion, path)


def test_a_body_that_is_dragged_over_the_floor_stays() -> None:
    slid = dragged(standing(60), 2.0)
    assert plant(slid).root_m[:, 0].abs().max() < 0.2  # 1.2 of each of four joints against 0.1 of the drag
    assert torch.equal(plant(slid).rotations, slid.rotations)
    assert torch.equal(plant(slid).root_m[:, 2], slid.root_m[:, 2])


def test_a_body_in_the_air_flies_on() -> None:
    """Of 60 frames in flight, high above where the clip's floor is, each goes as far as before."""
    flight = dragged(standing(60, contacts=0.0), 2.0)
    height = torch.ones(60)
    height[:4] = 0
    flight = move(flight, torch.stack((torch.zeros(60), torch.zeros(60), height), dim=-1))
    before, after = (m.root_m[8:, 0].diff() for m in (flight, plant(flight)))
    torch.testing.assert_close(before, after, rtol=1e-4, atol=1e-6)


def test_turning_the_room_turns_the_path(invented_dance: Callable[[int, int], Motion]) -> None:
    dance = invented_dance(90, 0)
    one, other = turn(plant(dance), 1.0), plant(turn(dance, 1.0))
    torch.testing.assert_close(one.root_m, other.root_m, atol=1e-4, rtol=0)


def test_a_real_dance_slides_less_and_goes_about_as_far(shared_data: Path) -> None:
    real = read_motion(shared_data / "dance_with_melody" / "dance_w_5.npz")[:600]
    planted = plant(real)
    before, after = (float(foot_skating(m.joints_m(), m.fps).foot_skate_speed) for m in (real, planted))
    assert after < before
    # A second of waltz covers half a metre; its gliding steps are what planting takes for slides.
    gone = (planted.root_m - real.root_m).unfold(0, 30, 30)
    assert (gone[..., -1] - gone[..., 0]).norm(dim=-1).median() < 0.25


def test_one_frame_is_refused() -> None:
    with pytest.raises(InputError, match="single frame"):
        plant(standing(1))
