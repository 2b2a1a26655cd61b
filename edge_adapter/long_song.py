"""Songs of any length: windows that share frames, cut where the bars are, joined at every step of sampling.

The sample lives on one timeline as long as the song. At each step its windows are denoised side by side, a few at a
time, and their guesses at the clean motion blended back onto the timeline (MultiDiffusion, Bar-Tal et al. 2023), so
windows never disagree about a frame they share. The codec's root is a velocity, so no places on the floor are
blended; decoding walks the dancer along.

Shapes: `S` frames of the song, `W` windows of `L` frames, `D` motion channels, `C` music channels.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from core_vimo.codec import ROOT, MotionCodec
from core_vimo.diffusion.constraints import keep_known
from core_vimo.diffusion.guidance import ConditionalModel, Denoiser, Weight, guided
from core_vimo.diffusion.sampling import Callback, Sampler, dpmpp_2m
from core_vimo.diffusion.schedule import Schedule
from core_vimo.diffusion.windows import (
    WINDOW,
    Windows,
    in_bfloat16,
    in_turns,
    tied,
    window_noise,
    windows_over,
)
from core_vimo.errors import InputError
from core_vimo.motion import FPS, Motion, averaged_over_time, concatenate, move

if TYPE_CHECKING:
    from edge_adapter.beats import BeatGrid

STAGE_S = 20.0
"""Over about so long a dancer comes back to where they were."""


def dance_windows(frames: int, grid: "BeatGrid | None" = None, window: int = WINDOW, fps: float = FPS) -> Windows:
    """Windows that start on downbeats, as near to half a window apart as the bars allow, and cover every frame.

    Raises InputError for less than a second.
    """
    if frames < fps:
        raise InputError(
            f"there are {frames / fps:.2f} s to dance to, a dance needs at least 1 s; start earlier or give more"
        )
    downbeats = np.rint(np.asarray([] if grid is None else grid.downbeats_s) * fps).astype(int)
    return windows_over(frames, downbeats, window)


def staying(denoise: Denoiser, codec: MotionCodec) -> Denoiser:
    """The same dancer, who doesn't wander off: its guess without what it travels on average over `STAGE_S` seconds.

    A window knows nothing of where the stage ends, and a bias of centimetres a second is tens of metres in a song.
    Dances shorter than that travel as they like, and so do codecs of positions.
    """
    if codec.root != "velocity":
        return denoise
    velocity = slice(ROOT.start, ROOT.start + 2)
    frames = round(STAGE_S * codec.fps)

    def denoise_staying(x: Tensor, t: Tensor) -> Tensor:
        guess = denoise(x, t)
        if guess.shape[1] < frames:
            return guess
        rest = codec.normalise(torch.zeros(guess.shape[-1], device=guess.device))[velocity]
        travel = torch.stack([averaged_over_time(clip, frames / 4) for clip in guess[..., velocity] - rest])
        stays = guess.clone()
        stays[..., velocity] -= travel
        return stays

    return denoise_staying


@dataclass(frozen=True, eq=False)
class SongDancer:
    """How music becomes motion: a model with its codec and schedule, and how it is sampled.

    `weight` is that of guidance, 1 for none. `at_once` windows are denoised together. `half` takes bfloat16, which
    gives a slightly other dance.
    """

    model: ConditionalModel
    codec: MotionCodec
    schedule: Schedule
    weight: Weight = 2.0
    sampler: Sampler = dpmpp_2m
    steps: int = 15
    at_once: int = 8
    half: bool = False

    @torch.no_grad()
    def dance(self, music: Tensor, windows: Windows, seed: int, callback: Callback | None = None) -> Motion:
        """A dance as long as `music [S, C]`, which lies where the model does; the same seed gives the same dance."""
        x0 = self.sampler(
            staying(self.denoiser(music, windows), self.codec),
            window_noise(windows, seed, 0, "start").to(music),
            self.schedule,
            steps=self.steps,
            noise=lambda step: window_noise(windows, seed, step, "step").to(music),
            clip=1.0,
            callback=callback,
        )
        return self.codec.decode(x0[0])

    @torch.no_grad()
    def remake(self, motion: Motion, music: Tensor, windows: Windows, window: int, seed: int) -> Motion:
        """`motion` with one window danced anew from (seed, window); all frames outside it keep their bits.

        The windows that share frames with it are sampled along, their other frames held to `motion` at every step.
        """
        if len(motion) != windows.frames:
            raise InputError(f"the dance has {len(motion)} frames, its music {windows.frames}; give the song it is to")
        part, first = windows.around(window)
        near = slice(first, first + part.frames)
        start = window_noise(windows, seed, 0, "start")[:, near].to(music)
        known = self.codec.encode(motion[near])[None].to(music)
        held = _outside(windows.span(window), near).to(music.device)
        x0 = self.sampler(
            self.denoiser(music[near], part),
            start,
            self.schedule,
            steps=self.steps,
            noise=lambda step: window_noise(windows, seed, step, "step")[:, near].to(music),
            clip=1.0,
            constrain=keep_known(known, held, self.schedule, lambda step: start),
        )
        return with_span(motion, self.codec.decode(x0[0]), windows.span(window), first)

    @torch.no_grad()
    def denoiser(self, music: Tensor, windows: Windows) -> Denoiser:
        """The model told of `music [S, C]`, which is encoded here, once for all steps."""
        if len(music) != windows.frames:
            raise ValueError(f"{len(music)} frames of music, but windows for {windows.frames}")
        turns = windows.cut(music).split(self.at_once)
        told = [guided(self.model, self.model.encode(turn), self.weight) for turn in turns]
        denoise = in_turns(told, self.at_once)
        return tied(in_bfloat16(denoise) if self.half else denoise, windows)


def _outside(span: slice, near: slice) -> Tensor:
    """True `[1, frames of near, 1]` for the frames of `near` that are not in `span`."""
    frame = torch.arange(near.start, near.stop)
    return ((frame < span.start) | (frame >= span.stop))[None, :, None]


def with_span(motion: Motion, near: Motion, span: slice, first: int) -> Motion:
    """`motion` with the frames `span` from `near`, whose first frame is frame `first` of `motion`.

    Walked from where the dancer stood before the span, it may not arrive where the rest goes on from; the difference
    is spread evenly over its frames. At the start of the song it is the place to start from that moves instead.
    """
    fresh, before, after = near[span.start - first : span.stop - first], span.start - 1, span.stop
    ends = [frame for frame in (before, after) if 0 <= frame < len(motion)] or [0]
    gaps = torch.stack([motion.root_m[frame] - near.root_m[frame - first] for frame in ends])
    part_way = (torch.arange(span.start, span.stop) - before)[:, None] / (after - before)
    shift = torch.lerp(gaps[:1], gaps[-1:], part_way) * torch.tensor([1.0, 1.0, 0.0])
    parts = [move(fresh, shift)]
    if before >= 0:
        parts.insert(0, motion[: span.start])
    if after < len(motion):
        parts.append(motion[after:])
    return concatenate(parts)
