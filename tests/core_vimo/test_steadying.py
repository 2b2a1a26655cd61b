"""What trembles is averaged, what is wrong is left out, what moves evenly stays where it is."""

import pytest
import torch

from core_vimo.randomness import normal
from core_vimo.steadying import steadied

FPS, FRAMES = 30.0, 60
NO_CUTS = torch.zeros(1, FRAMES, dtype=torch.bool)


def line(speed: float) -> torch.Tensor:
    """One point, on its way `[1, S, 1, 3]`, metres."""
    return torch.tensor([0.3, -0.1, 0.2]) + speed / FPS * torch.arange(FRAMES)[None, :, None, None] * torch.ones(3)


def seen(confidence: float = 1.0) -> torch.Tensor:
    return torch.full((1, FRAMES, 1), confidence)


@pytest.mark.parametrize("speed", [0.0, 1.5])
def test_what_moves_evenly_is_neither_held_back_nor_cut_short(speed: float) -> None:
    offsets_m, sure = steadied(line(speed), seen(0.8), NO_CUTS, FPS)
    within = line(speed).norm(dim=-1)
    assert ((offsets_m - line(speed)).norm(dim=-1) < 0.05 * within + 1e-4).all()  # of the doubt, the most at the ends
    torch.testing.assert_close(sure, seen(0.8), rtol=1e-3, atol=0)


def test_legs_that_change_places_for_some_frames_count_for_little() -> None:
    wrong = line(0.5).clone()
    wrong[:, 20:23] += 0.6
    offsets_m, sure = steadied(wrong, seen(), NO_CUTS, FPS)
    assert (offsets_m - line(0.5)).norm(dim=-1).max() < 0.05  # of 1.0 that were wrong
    assert sure[0, 21, 0] < 0.75 < sure[0, 40, 0]


def test_trembling_is_averaged() -> None:
    noise = 0.03 * normal((1, FRAMES, 1, 3), "trembling")
    offsets_m, _ = steadied(line(0.0) + noise, seen(), NO_CUTS, FPS)
    assert (offsets_m - line(0.0)).norm(dim=-1).mean() < noise.norm(dim=-1).mean() / 2


def test_shots_know_nothing_of_one_another() -> None:
    cuts = NO_CUTS.clone()
    cuts[0, 25] = True
    both = line(1.0).clone()
    both[:, 25:] -= 2.0
    offsets_m, sure = steadied(both, seen(), cuts, FPS)
    for part in (slice(0, 25), slice(25, None)):
        alone = steadied(both[:, part], seen()[:, part], NO_CUTS[:, part], FPS)
        torch.testing.assert_close(offsets_m[:, part], alone.offsets_m)
        torch.testing.assert_close(sure[:, part], alone.sure)


def test_what_was_not_seen_stays() -> None:
    counts = seen()
    counts[:, 20:50] = 0
    offsets_m, sure = steadied(line(0.0), counts, NO_CUTS, FPS)
    assert offsets_m[:, 32:38].abs().max() < 0.01 and sure[:, 32:38].max() < 1e-3
    assert torch.equal(steadied(line(0.0), 0 * counts, NO_CUTS, FPS).offsets_m, 0 * line(0.0))
    single = torch.zeros_like(counts)
    single[:, 30] = 0.9
    alone, _ = steadied(line(0.0), single, NO_CUTS, FPS)
    assert alone.isfinite().all() and (alone[0, 30, 0] - line(0.0)[0, 30, 0]).norm() < 0.05


def test_what_a_few_frames_say_is_not_carried_on_beyond_them() -> None:
    burst = torch.zeros(50, FRAMES, 1)
    burst[:, 20:23] = 1.0
    noise = 0.03 * normal((50, FRAMES, 1, 3), "burst")
    offsets_m, _ = steadied(noise, burst, NO_CUTS.expand(50, -1), FPS)
    spread = offsets_m[:, :, 0].square().sum(-1).mean(0).sqrt()
    assert spread[:14].max() < 0.09 and spread[29:].max() < 0.09 and spread[33:].max() < 0.02


def test_a_long_film_is_steadied_as_its_parts_are() -> None:
    frames = 700
    noisy = 0.1 * normal((2, frames, 3, 3), "long")
    counts = (normal((2, frames, 3), "seen") > -0.5).float()
    cuts = torch.zeros(2, frames, dtype=torch.bool)
    cuts[1, 333] = True
    whole = steadied(noisy, counts, cuts, FPS)
    part = slice(250, 450)
    alone = steadied(noisy[:, part], counts[:, part], cuts[:, part], FPS)
    inner = slice(60, 140)  # beyond what the rounds carry from the ends
    torch.testing.assert_close(whole.offsets_m[:, part][:, inner], alone.offsets_m[:, inner], rtol=0, atol=1e-4)
    torch.testing.assert_close(whole.sure[:, part][:, inner], alone.sure[:, inner], rtol=0, atol=1e-4)
