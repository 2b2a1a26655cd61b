"""Motions of videos: any length, several takes, one encoding, windows from cuts; the stand-in is computable."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from core_vimo.codec import CHANNELS, ROOT, ROTATIONS, MotionCodec
from core_vimo.diffusion.guidance import Condition
from core_vimo.diffusion.sampling import ddpm
from core_vimo.diffusion.schedule import cosine_schedule
from core_vimo.diffusion.windows import Windows
from core_vimo.errors import InputError
from core_vimo.evidence import EVIDENCE, FIRST, TRAVEL
from core_vimo.rotations import matrix_to_sixd, y_up_to_z_up
from core_vimo.skeleton import FEET, TOE_HEIGHT_M
from core_vimo.video_to_motion.video_motion import VideoMotion, evidence_of_windows

CODEC = MotionCodec(torch.full((CHANNELS,), 0.5), torch.zeros(CHANNELS))


@dataclass
class Walker:
    """Guesses an upright walk along y at the speed the evidence names, a little of x in it; counts what it is asked."""

    heeds_noise: float = 0.0
    encoded: int = 0
    batches: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def encode(self, cond: Tensor) -> Condition:
        self.encoded += len(cond)
        return Condition(cond[:, 0], cond[:, 0].mean(1))

    def null(self, batch: int, frames: int) -> Condition:
        return Condition(torch.zeros(batch, frames, EVIDENCE), torch.zeros(batch, EVIDENCE))

    def __call__(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        self.batches.append(len(x))
        guess = torch.zeros_like(x)
        upright = torch.eye(3).repeat(24, 1, 1)
        upright[0] = y_up_to_z_up()
        guess[..., ROTATIONS] = matrix_to_sixd(upright, CODEC.sixd).flatten()
        guess[..., ROOT.start + 1] = condition.tokens[..., 0]
        guess[..., ROOT.start + 2] = 3.0
        return guess * CODEC.scale + self.heeds_noise * x


def sampling(model: Any = None, **options: Any) -> VideoMotion:
    loaded = SimpleNamespace(network=model or Walker(), codec=CODEC, schedule=cosine_schedule(50), bundle_hash="")
    return VideoMotion(loaded, **{"steps": 4, "weight": 1.0} | options)


def film(frames: int, speed: float = 1.0, views: int = 1) -> Tensor:
    evidence = torch.zeros(views, frames, EVIDENCE)
    evidence[..., 0] = speed
    evidence[:, 0, FIRST] = 1
    return evidence


@pytest.mark.parametrize("frames", [30, 149, 150, 151, 400, 1000])
def test_a_motion_is_as_long_as_its_video_and_walks_in_metres(frames):
    (motion,) = sampling().sample(film(frames), seed=0, takes=1)
    assert len(motion) == frames and motion.fps == 30
    assert torch.allclose(motion.root_m[0, :2], torch.zeros(2), atol=1e-6)
    assert motion.root_m[-1, 1] == pytest.approx((frames - 1) / 30, rel=1e-3)


def test_feet_stand_on_the_floor():
    (motion,) = sampling().sample(film(60), seed=0, takes=1)
    assert motion.joints_m()[:, FEET, 2].min() == pytest.approx(TOE_HEIGHT_M, abs=1e-4)


@pytest.mark.parametrize("frames", [90, 300])
def test_takes_differ_and_each_is_its_seed_s_alone(frames):
    several = sampling(Walker(0.05)).sample(film(frames), seed=7, takes=3)
    (alone,) = sampling(Walker(0.05)).sample(film(frames), seed=9, takes=1)
    assert torch.allclose(several[2].joints_m(), alone.joints_m(), atol=1e-4)
    assert not torch.allclose(several[0].joints_m(), several[1].joints_m(), atol=1e-3)
    (again,) = sampling(Walker(0.05)).sample(film(frames), seed=9, takes=1)
    assert torch.equal(again.root_m, alone.root_m) and torch.equal(again.rotations, alone.rotations)


def test_the_condition_is_encoded_once_for_all_takes_and_steps():
    model = Walker()
    sampling(model, at_once=4).sample(film(600), seed=0, takes=3)
    assert model.encoded == 7  # windows of ten and twenty seconds' half: 0, 75, …, 450


@pytest.mark.parametrize(("frames", "takes"), [(100, 4), (100, 20), (18000, 1), (300, 3)])
def test_no_more_windows_are_denoised_together_than_allowed(frames, takes):
    model = Walker()
    sampling(model, at_once=5, steps=1).sample(film(frames), seed=0, takes=takes)
    assert max(model.batches) <= 5


def test_guidance_is_in_the_house_s_convention():
    weights = (0.0, 1.0, 2.0)
    walks = [float(sampling(weight=weight).sample(film(60, 0.5), 0, 1)[0].root_m[-1, 1]) for weight in weights]
    assert walks[0] == pytest.approx(0, abs=1e-4)
    assert walks[2] == pytest.approx(2 * walks[1], rel=1e-3)


def test_any_sampler_and_half_precision_serve():
    assert len(sampling(sampler=ddpm).sample(film(200), 0, 2)) == 2
    assert len(sampling(half=True).sample(film(200), 0, 2)) == 2


def test_windows_begin_at_cuts_and_know_nothing_of_the_frame_before():
    evidence = film(300, views=2)
    evidence[0, 60, FIRST] = 1
    assert sampling()._windows(evidence).starts[1] == 60
    evidence[..., TRAVEL] = 1.0
    parts = evidence_of_windows(evidence, Windows((0, 60, 150), 150))
    assert parts.shape == (3, 2, 150, EVIDENCE)
    assert (parts[:, :, 0, TRAVEL] == 0).all() and (parts[:, :, 0, FIRST] == 1).all()
    assert (parts[:, :, 1:, TRAVEL] == 1).all()
    assert evidence[0, 60, TRAVEL].sum() == 3


def test_progress_ends_where_it_should():
    told = []
    sampling(at_once=3).sample(film(200), 0, takes=4, progress=lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] and [done for done, _ in told] == list(range(1, len(told) + 1))


def test_what_is_too_short_is_told_so():
    with pytest.raises(InputError, match="single picture"):
        sampling().sample(film(1), 0)
    with pytest.raises(InputError, match=r"0\.97 s .* at least 1 s"):
        sampling().sample(film(29), 0)
    with pytest.raises(ValueError, match="evidence must be"):
        sampling().sample(torch.zeros(60, EVIDENCE), 0)
