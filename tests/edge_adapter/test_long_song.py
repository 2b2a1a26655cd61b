"""Long songs: windows cover them, share one timeline, stay small in memory; one can be made again alone."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from core_vimo.codec import CHANNELS, ROOT, MotionCodec
from core_vimo.diffusion.guidance import Condition
from core_vimo.diffusion.sampling import SAMPLERS
from core_vimo.diffusion.schedule import cosine_schedule
from core_vimo.diffusion.windows import Windows, in_turns, tied, window_noise
from core_vimo.errors import InputError
from core_vimo.motion import Motion
from edge_adapter.backbone import Backbone, BackboneConfig
from edge_adapter.long_song import SongDancer, dance_windows, staying

CODEC = MotionCodec(torch.full((CHANNELS,), 0.5), torch.zeros(CHANNELS), sixd="columns", root="velocity")
WINDOWS = Windows((0, 20, 38, 60), 40)


def grid(*downbeats_s: float) -> Any:
    return SimpleNamespace(downbeats_s=downbeats_s)


@dataclass
class Walker:
    """A model that always guesses a walk along x, and counts what it is asked."""

    speed_m_s: float = 1.0
    encoded: int = 0
    batches: list[int] = field(default_factory=list)

    def encode(self, cond: Tensor) -> Condition:
        self.encoded += len(cond)
        return Condition(cond, cond.mean(1))

    def null(self, batch: int, frames: int) -> Condition:
        return Condition(torch.zeros(batch, frames, 35), torch.zeros(batch, 35))

    def __call__(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        self.batches.append(len(x))
        guess = torch.zeros_like(x)
        guess[..., ROOT.start] = self.speed_m_s * CODEC.scale[ROOT.start]
        return guess


@pytest.fixture(scope="module")
def dancer() -> SongDancer:
    torch.manual_seed(0)
    config = BackboneConfig(condition_dim=35, latent=32, feed_forward=64, layers=1, heads=4, trained_frames=40)
    return SongDancer(Backbone(config).eval(), CODEC, cosine_schedule(50), steps=4, at_once=3)


@pytest.fixture(scope="module")
def music() -> Tensor:
    return torch.randn(WINDOWS.frames, 35)


@pytest.fixture(scope="module")
def motion(dancer: SongDancer, music: Tensor) -> Motion:
    return dancer.dance(music, WINDOWS, seed=1)


@given(
    st.integers(30, 3000),
    st.lists(st.floats(0, 100), max_size=60),
    st.sampled_from([30, 60, 150]),
)
def test_windows_cover_every_frame_and_share_a_third(frames: int, downbeats_s: list[float], window: int) -> None:
    windows = dance_windows(frames, grid(*downbeats_s), window)
    gaps = torch.tensor(windows.starts).diff()
    assert windows.starts[0] == 0
    assert windows.frames == frames
    assert windows.length == min(window, frames)
    assert (gaps > 0).all()
    assert (gaps <= window * 2 // 3).all()


@pytest.mark.parametrize("bar_s", [1.6, 2.0, 2.4, 3.0])
def test_windows_start_on_downbeats(bar_s: float) -> None:
    downbeats_s = [0.3 + bar_s * bar for bar in range(60)]
    windows = dance_windows(2000, grid(*downbeats_s))
    on_bars = {round(30 * s) for s in downbeats_s}
    assert set(windows.starts[1:-1]) <= on_bars
    shared = 150 - torch.tensor(windows.starts[1:-1]).diff()
    assert (shared >= min(30 * bar_s, 50) - 1).all()


def test_without_downbeats_windows_are_half_apart() -> None:
    assert dance_windows(600).starts == (0, 75, 150, 225, 300, 375, 450)


def test_a_short_song_is_one_window_and_less_than_a_second_is_refused() -> None:
    assert dance_windows(31) == Windows((0,), 31)
    with pytest.raises(InputError, match="at least 1 s"):
        dance_windows(29)


def test_joining_what_was_cut_gives_the_timeline() -> None:
    timeline = torch.randn(WINDOWS.frames, CHANNELS)
    torch.testing.assert_close(WINDOWS.join(WINDOWS.cut(timeline)), timeline)


def test_where_windows_disagree_the_join_moves_smoothly_from_one_to_the_next() -> None:
    said = torch.arange(4.0)[:, None, None].expand(4, 40, 1)
    joined = WINDOWS.join(said)[:, 0]
    assert (joined[:18] < 0.6).all()
    assert joined[0] == 0
    assert joined[-1] == 3
    assert (joined.diff() > -1e-6).all()
    assert joined.diff().max() < 0.2


@pytest.mark.parametrize("per_frame", [False, True])
def test_a_tied_denoiser_gives_each_frame_its_timestep(per_frame: bool) -> None:
    x, t = torch.randn(1, WINDOWS.frames, CHANNELS), torch.tensor([7])
    if per_frame:
        t = torch.randint(0, 50, (1, WINDOWS.frames))

    def scaled(part: Tensor, times: Tensor) -> Tensor:
        return part * times.reshape(len(part), -1, 1)

    torch.testing.assert_close(tied(scaled, WINDOWS)(x, t), scaled(x, t))


def test_taking_turns_changes_nothing() -> None:
    x, t = torch.randn(7, 5, 2), torch.arange(7)
    whole = x * t[:, None, None]
    turns = in_turns([lambda part, times: part * times[:, None, None]] * 3, at_once=3)
    assert torch.equal(turns(x, t), whole)


def test_music_is_encoded_once_and_few_windows_are_in_memory_at_once() -> None:
    walker = Walker()
    dancer = SongDancer(walker, CODEC, cosine_schedule(50), steps=5, at_once=2)
    windows = dance_windows(2000)
    dancer.dance(torch.zeros(2000, 35), windows, seed=0)
    assert walker.encoded == len(windows)
    assert max(walker.batches) == 2 * dancer.at_once


@pytest.mark.parametrize("frames", [30, 149, 150, 151, 400])
def test_a_dance_is_as_long_as_its_music(dancer: SongDancer, frames: int) -> None:
    windows = dance_windows(frames)
    assert len(dancer.dance(torch.randn(frames, 35), windows, seed=3)) == frames


def test_the_same_seed_gives_the_same_dance(dancer: SongDancer, music: Tensor, motion: Motion) -> None:
    again, other = dancer.dance(music, WINDOWS, seed=1), dancer.dance(music, WINDOWS, seed=2)
    assert torch.equal(again.rotations, motion.rotations)
    assert torch.equal(again.root_m, motion.root_m)
    assert not torch.allclose(other.rotations, motion.rotations)


def test_windows_at_once_do_not_change_the_dance(dancer: SongDancer, music: Tensor, motion: Motion) -> None:
    alone = replace(dancer, at_once=1).dance(music, WINDOWS, seed=1)
    torch.testing.assert_close(alone.root_m, motion.root_m, rtol=0, atol=1e-4)


def test_bfloat16_gives_nearly_the_same_guess(dancer: SongDancer, music: Tensor) -> None:
    x, t = torch.randn(1, WINDOWS.frames, CHANNELS), torch.tensor([20])
    with torch.no_grad():
        exact, rough = (replace(dancer, half=half).denoiser(music, WINDOWS)(x, t) for half in (False, True))
    assert rough.dtype == exact.dtype
    assert 0 < float((rough - exact).abs().max() / exact.abs().max()) < 0.05


def test_a_step_walks_on_through_all_windows() -> None:
    walk = SongDancer(Walker(speed_m_s=1.0), CODEC, cosine_schedule(50), steps=3)
    root_m = walk.dance(torch.zeros(300, 35), dance_windows(300), seed=0).root_m
    torch.testing.assert_close(root_m[:, 0], torch.arange(300) / 30, rtol=0, atol=1e-4)


def test_noise_of_a_window_does_not_hang_on_the_rest_of_the_song() -> None:
    short, long = Windows((0, 20, 40), 40), Windows((0, 20, 40, 60, 80), 40)
    assert torch.equal(window_noise(short, 5, 0, "start")[:, :40], window_noise(long, 5, 0, "start")[:, :40])
    noise = window_noise(long, 5, 0, "start")
    assert not torch.equal(noise[:, :20], noise[:, 20:40])
    assert abs(float(noise.std()) - 1) < 0.02


@pytest.mark.parametrize("window", range(4))
@pytest.mark.parametrize("sampler", ["dpmpp_2m", "ddpm"])
def test_a_window_made_again_leaves_all_else_bit_equal(
    dancer: SongDancer, music: Tensor, motion: Motion, window: int, sampler: str
) -> None:
    again = replace(dancer, sampler=SAMPLERS[sampler]).remake(motion, music, WINDOWS, window, seed=9)
    span = WINDOWS.span(window)
    outside = torch.ones(len(motion), dtype=torch.bool)
    outside[span] = False
    for name in ("rotations", "root_m", "contacts"):
        assert torch.equal(getattr(again, name)[outside], getattr(motion, name)[outside]), name
    assert not torch.allclose(again.rotations[span], motion.rotations[span], atol=1e-3)


def test_a_window_made_again_is_a_function_of_its_seed(dancer: SongDancer, music: Tensor, motion: Motion) -> None:
    once, twice = (dancer.remake(motion, music, WINDOWS, 1, seed=4) for _ in range(2))
    assert torch.equal(once.root_m, twice.root_m)


def test_a_window_made_again_ends_where_the_rest_goes_on() -> None:
    """A walk put into a dance on the spot: what it walked too far is taken back evenly, so here it stands."""
    music = torch.zeros(WINDOWS.frames, 35)
    still = SongDancer(Walker(0.0), CODEC, cosine_schedule(50), steps=3).dance(music, WINDOWS, seed=0)
    walk = SongDancer(Walker(1.5), CODEC, cosine_schedule(50), steps=3)
    middle = walk.remake(still, music, WINDOWS, 1, seed=0)
    assert middle.root_m[:, :2].diff(dim=0).norm(dim=-1).max() < 1.5 / 30
    torch.testing.assert_close(middle.root_m[60:], still.root_m[60:], rtol=0, atol=0)
    first, last = walk.remake(still, music, WINDOWS, 0, seed=0), walk.remake(still, music, WINDOWS, 3, seed=0)
    step = torch.tensor(1.5 / 30)
    torch.testing.assert_close(first.root_m[:41, 0].diff(), step.expand(40), rtol=0, atol=1e-4)
    torch.testing.assert_close(last.root_m[60:, 0].diff(), step.expand(39), rtol=0, atol=1e-4)


def test_another_songs_dance_is_refused(dancer: SongDancer, music: Tensor, motion: Motion) -> None:
    with pytest.raises(InputError, match="give the song"):
        dancer.remake(motion[:-1], music, WINDOWS, 1, seed=0)


def test_a_dancer_does_not_wander_off_over_a_long_song() -> None:
    """A model that would walk 60 m in a minute stays; a few steps of a short dance are its own."""
    for frames, least_m, most_m in ((1800, 0.0, 2.0), (300, 8.0, 11.0)):
        walker = SongDancer(Walker(), CODEC, cosine_schedule(50), weight=1.0, steps=2)
        walked = walker.dance(torch.zeros(frames, 35), dance_windows(frames), seed=0)
        assert least_m <= walked.root_m[-1, :2].norm() <= most_m


def test_a_walk_there_and_back_is_a_dancers_own() -> None:
    """What comes back within a few seconds is left as it is: the mean over the stage's time is about nothing."""
    sway = torch.zeros(1, 1200, CHANNELS)
    sway[..., ROOT.start] = torch.sin(torch.arange(1200) * 2 * torch.pi / 60)  # two seconds there and back
    guess = staying(lambda x, t: sway, CODEC)(sway, torch.zeros(1, dtype=torch.long))
    torch.testing.assert_close(guess[:, 300:-300], sway[:, 300:-300], atol=0.02, rtol=0)
