"""Nobody hangs in the air, and jumps stay jumps."""

import pytest
import torch

from core_vimo.motion import Motion, ground, move
from core_vimo.skeleton import FEET, TOE_HEIGHT_M
from core_vimo.video_to_motion.floor import stand_on_floor


@pytest.fixture
def still() -> Motion:
    """Six seconds of standing still."""
    rotations = torch.eye(3).repeat(180, 24, 1, 1)
    rotations[:, 0] = torch.tensor([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    return ground(Motion.from_rotations(rotations, torch.zeros(180, 3)))


def lifted(motion: Motion, height_m: torch.Tensor) -> Motion:
    return move(motion, height_m[:, None] * torch.tensor([0.0, 0.0, 1.0]))


def lowest_m(motion: Motion) -> torch.Tensor:
    return motion.joints_m()[:, FEET, 2].amin(1)


def test_who_hangs_in_the_air_after_a_cut_comes_down(still: Motion) -> None:
    height_m = torch.zeros(180)
    height_m[60:] = torch.linspace(0.3, 0.6, 120)
    found = lowest_m(stand_on_floor(lifted(still, height_m))) - TOE_HEIGHT_M
    away = torch.cat((found[:52], found[68:]))
    assert away.abs().max() < 0.1 and away.mean() < 0.05 and found.max() < 0.35


def test_a_jump_stays_as_high_as_it_is(still: Motion) -> None:
    time_s = (torch.arange(180) - 60).clamp(0, 21) / 30
    jump_m = 9.81 / 2 * time_s * (0.7 - time_s).clamp(min=0)
    found = stand_on_floor(lifted(still, jump_m))
    assert jump_m.max() > 0.55 and torch.allclose(lowest_m(found) - TOE_HEIGHT_M, jump_m, atol=1e-4)


@pytest.mark.parametrize("at", ["begins", "ends"])
def test_who_never_took_off_or_never_lands_did_not_jump(still: Motion, at: str) -> None:
    height_m = torch.zeros(180)
    height_m[-20:] = 0.3
    motion = lifted(still, height_m if at == "ends" else height_m.flip(0))
    found = lowest_m(stand_on_floor(motion)) - TOE_HEIGHT_M
    assert found.max() < 0.16 and found[[0, -1]].abs().max() < 0.01


def test_who_stands_is_left_there_and_so_are_hands_and_head_of_who_stands_on_them(still: Motion) -> None:
    found = stand_on_floor(still)
    assert torch.allclose(found.root_m, still.root_m, atol=1e-4) and torch.equal(found.rotations, still.rotations)
    rotations = still.rotations.clone()
    rotations[90:, 0] *= -torch.tensor([-1.0, 1.0, 1.0])[:, None]
    upside_down = Motion.from_rotations(rotations, still.root_m)
    sunk_m = upside_down.joints_m()[..., 2].amin(1) - TOE_HEIGHT_M
    upside_down = lifted(upside_down, -sunk_m)
    assert torch.allclose(stand_on_floor(upside_down).root_m, upside_down.root_m, atol=1e-3)


def test_a_second_or_less_is_put_on_the_floor(still: Motion) -> None:
    found = stand_on_floor(lifted(still[:20], torch.full((20,), 0.5)))
    assert torch.allclose(lowest_m(found), torch.tensor(TOE_HEIGHT_M), atol=1e-4)
