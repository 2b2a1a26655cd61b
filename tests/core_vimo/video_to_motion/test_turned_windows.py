"""Windows that see one body in different directions become one motion, exactly; those that agree are left alone."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from core_vimo.codec import CHANNELS, MotionCodec
from core_vimo.diffusion.sampling import SAMPLERS
from core_vimo.diffusion.schedule import cosine_schedule
from core_vimo.diffusion.windows import Windows, tied, window_noise
from core_vimo.errors import InputError
from core_vimo.motion import Motion, turn
from core_vimo.randomness import normal
from core_vimo.video_to_motion.turned_windows import headings_between, tied_up_to_a_turn, turnable, turned

WINDOWS = Windows((0, 20, 38, 60), 40)
TURNS = torch.tensor([0.0, 1.3, -2.8, 3.0])
SCHEDULE = cosine_schedule(100)


@pytest.fixture(scope="module")
def dancer(invented_dance) -> Motion:
    """Who also looks round, a hundred frames."""
    still = invented_dance(WINDOWS.frames, 0)
    parts = [turn(still[frame : frame + 1], 0.03 * frame) for frame in range(WINDOWS.frames)]
    return Motion.from_rotations(torch.cat([part.rotations for part in parts]), still.root_m)


@pytest.fixture(params=["columns", "rows"])
def codec(request, dancer) -> MotionCodec:
    return MotionCodec.fit([dancer], request.param, any_heading=True)


def seen_from(motion: Motion, codec: MotionCodec, angles: Tensor) -> Tensor:
    """Its windows, each turned to another camera, `[W, L, 151]`."""
    return torch.stack([codec.encode(turn(motion, -float(angles[w])))[WINDOWS.span(w)] for w in range(len(WINDOWS))])


def always(parts: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """A denoiser of two timelines that knows the answer."""
    return lambda x, t: parts.repeat_interleave(2, 0)


@pytest.mark.parametrize("sampler", ["ddim", "dpmpp_2m"])
def test_windows_turned_at_random_are_joined_to_the_motion(dancer, codec, sampler):
    oracle = always(seen_from(dancer, codec, TURNS))
    start = torch.cat([window_noise(WINDOWS, seed, 0, "start") for seed in (0, 1)])
    denoise = tied_up_to_a_turn(oracle, WINDOWS, codec, finding=4)
    result = SAMPLERS[sampler](denoise, start, SCHEDULE, steps=6)
    assert torch.allclose(result, codec.encode(dancer).expand(2, -1, -1), atol=1e-4)


def test_windows_that_agree_are_tied_as_songs_are(dancer, codec):
    parts = seen_from(dancer, codec, torch.zeros(4))
    x, t = window_noise(WINDOWS, 0, 0, "start"), torch.tensor([50])
    plain = tied(lambda x, t: 0.1 * x + parts, WINDOWS)(x, t)
    loose = tied_up_to_a_turn(lambda x, t: 0.1 * x + parts, WINDOWS, codec, finding=1)(x, t)
    assert torch.allclose(loose, plain, atol=1e-5)  # the noise they share agrees too
    kept = tied_up_to_a_turn(lambda x, t: 0.1 * x + parts, WINDOWS, codec, finding=0)(x, t)
    assert torch.equal(kept, plain)


def test_what_is_denoised_is_the_timeline_as_each_window_sees_it(dancer, codec):
    parts, told = seen_from(dancer, codec, TURNS), []

    def listening(x: Tensor, t: Tensor) -> Tensor:
        told.append(x)
        return parts

    denoise = tied_up_to_a_turn(listening, WINDOWS, codec, finding=1)
    timeline, t = codec.encode(dancer)[None], torch.tensor([50])
    denoise(timeline, t)
    denoise(timeline, t)
    assert torch.equal(told[0], WINDOWS.cut(timeline[0]))
    assert torch.allclose(told[1], parts, atol=1e-5)


def test_angles_are_kept_once_they_have_been_looked_for(dancer, codec):
    first, then = seen_from(dancer, codec, TURNS), seen_from(dancer, codec, TURNS.flip(0))
    answers = iter([first, then, then])
    denoise = tied_up_to_a_turn(lambda x, t: next(answers), WINDOWS, codec, finding=1)
    x, t = codec.encode(dancer)[None], torch.tensor([50])
    assert torch.allclose(denoise(x, t), x, atol=1e-4)
    assert not torch.allclose(denoise(x, t), x, atol=0.1)


def test_noisy_guesses_still_tell_the_angle(dancer, codec):
    parts = seen_from(dancer, codec, TURNS)
    noisy = parts + 0.1 * normal(parts.shape, 0, "noise")
    off = headings_between(noisy[:, None], WINDOWS, codec)[:, 0] - TURNS
    assert torch.atan2(off.sin(), off.cos()).abs().max() < 0.2


def test_a_turn_of_channels_is_a_turn_of_the_motion(dancer, codec):
    x = codec.encode(dancer)
    by_channels = turned(x, torch.tensor(0.7), turnable(codec))
    assert torch.allclose(by_channels, codec.encode(turn(dancer, 0.7)), atol=1e-5)
    assert torch.equal(turned(x, torch.tensor(0.0), turnable(codec)), x)


def test_turned_noise_is_noise(codec):
    noise = normal((20000, CHANNELS), 0, "noise")
    other = turned(noise[:, None], torch.linspace(0, 6, 20000), turnable(codec))[:, 0]
    assert torch.allclose(other.T.cov(), torch.eye(CHANNELS), atol=0.06)
    assert other.mean(0).abs().max() < 0.03
    assert torch.allclose(other.norm(dim=1), noise.norm(dim=1), rtol=1e-5)


def test_a_timestep_a_frame_goes_to_the_windows_of_the_frame(dancer, codec):
    told = []

    def listening(x: Tensor, t: Tensor) -> Tensor:
        told.append(t)
        return x

    t = torch.arange(2 * WINDOWS.frames).view(2, -1)
    tied_up_to_a_turn(listening, WINDOWS, codec, 1)(torch.zeros(2, WINDOWS.frames, CHANNELS), t)
    assert torch.equal(told[0][2 * 2 + 1], t[1, WINDOWS.span(2)])


def test_codecs_that_hang_on_the_heading_or_know_places_are_refused_for_long_videos_only(dancer):
    for codec in (MotionCodec.fit([dancer]), MotionCodec.fit([dancer], root="position", any_heading=True)):
        with pytest.raises(InputError, match="can't be turned"):
            tied_up_to_a_turn(lambda x, t: x, WINDOWS, codec, 1)
        x = normal((1, 40, CHANNELS), 0, "x")
        alone = tied_up_to_a_turn(lambda x, t: x, Windows((0,), 40), codec, 1)
        assert torch.allclose(alone(x, torch.tensor([5])), x, atol=1e-6)


def test_the_first_window_s_direction_is_everyone_s(dancer, codec):
    parts = seen_from(dancer, codec, TURNS + math.pi / 2)
    joined = tied_up_to_a_turn(lambda x, t: parts, WINDOWS, codec, 1)(
        parts.new_zeros(1, 100, CHANNELS), torch.tensor([5])
    )
    assert torch.allclose(joined[0], codec.encode(turn(dancer, -math.pi / 2)), atol=1e-4)
