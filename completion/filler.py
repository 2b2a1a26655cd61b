"""Who fills in: a model that goes by a song, by a video, or by nothing but the motion itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from core_vimo.codec import MotionCodec
from core_vimo.diffusion.guidance import ConditionalModel, Denoiser, guided
from core_vimo.diffusion.sampling import Sampler, dpmpp_2m
from core_vimo.diffusion.schedule import Schedule
from core_vimo.diffusion.windows import WINDOW, Windows, in_turns, tied
from core_vimo.errors import InputError
from core_vimo.rotations import heading
from core_vimo.video_to_motion.video_motion import VideoMotion


class Dancer(Protocol):
    """What a `SongDancer` has: a model with its codec and schedule, and how it is sampled."""

    @property
    def model(self) -> ConditionalModel: ...
    @property
    def codec(self) -> MotionCodec: ...
    @property
    def schedule(self) -> Schedule: ...
    @property
    def sampler(self) -> Sampler: ...
    @property
    def steps(self) -> int: ...
    @property
    def at_once(self) -> int: ...

    def denoiser(self, music: Tensor, windows: Windows) -> Denoiser:
        """The model told of `music [S, C]`, on one timeline."""


@dataclass(frozen=True, eq=False)
class Filler:
    """Any denoiser with its codec and schedule, and how it is sampled.

    `denoiser(frames, windows)` is that of these frames of the finished motion, cut into `windows`. `goes_by` names what
    it is told of, which lasts `frames` frames (None: no end). `headings(S, seed)` are the directions `[S]` in which its
    own motion would face, NaN where it has none; without it the model faces the audience. `per_frame_timesteps` says
    that the model was trained with them (PTSS), `window` how many frames it denoises at once.
    """

    codec: MotionCodec
    schedule: Schedule
    denoiser: Callable[[slice, Windows], Denoiser]
    sampler: Sampler = dpmpp_2m
    steps: int = 15
    goes_by: str = "nothing"
    frames: int | None = None
    headings: Callable[[int, int], Tensor] | None = None
    per_frame_timesteps: bool = False
    device: torch.device | str = "cpu"
    window: int = WINDOW

    @classmethod
    def alone(cls, dancer: Dancer, *, per_frame_timesteps: bool = False) -> "Filler":
        """The model's own movement, to no music."""
        model = dancer.model

        def denoiser(_frames: slice, windows: Windows) -> Denoiser:
            counts = [len(turn) for turn in torch.arange(len(windows)).split(dancer.at_once)]
            unguided = [guided(model, model.null(count, windows.length), 0.0) for count in counts]
            return tied(in_turns(unguided, dancer.at_once), windows)

        return cls(
            dancer.codec, dancer.schedule, denoiser, dancer.sampler, dancer.steps,
            per_frame_timesteps=per_frame_timesteps, device=_device_of(model),
        )  # fmt: skip

    @classmethod
    def to_song(cls, dancer: Dancer, music: Tensor, *, per_frame_timesteps: bool = False) -> "Filler":
        """Dancing to `music [S, C]`, whose first frame sounds at the finished motion's first."""
        return cls(
            dancer.codec, dancer.schedule, lambda frames, windows: dancer.denoiser(music[frames], windows),
            dancer.sampler, dancer.steps, "the song", len(music),
            per_frame_timesteps=per_frame_timesteps, device=music.device,
        )  # fmt: skip

    @classmethod
    def like_video(
        cls, watcher: VideoMotion, evidence: Tensor, at: int = 0, *, per_frame_timesteps: bool = False
    ) -> "Filler":
        """Moving as in a video: its `evidence [V, N, 72]` lies over the finished motion's frames from `at` on.

        Before and after it nothing is seen. The motion is turned so that it faces the video's way at a gap's borders.
        """
        if at < 0:
            raise InputError(f"a video can't begin at frame {at}; give 0 or more")

        def denoiser(frames: slice, windows: Windows) -> Denoiser:
            return watcher.denoiser(_placed(evidence, at, frames), windows)

        def headings(frames: int, seed: int) -> Tensor:
            seen = heading(watcher.sample(evidence, seed, takes=1)[0].rotations[:, 0])[: max(frames - at, 0)]
            directions = torch.full((frames,), torch.nan)
            directions[at : at + len(seen)] = seen
            return directions

        model = watcher.model
        return cls(
            model.codec, model.schedule, denoiser, watcher.sampler, watcher.steps, "the video", None, headings,
            per_frame_timesteps=per_frame_timesteps, device=evidence.device,
        )  # fmt: skip

    def require(self, frames: int, fps: float) -> None:
        """Raise InputError for a motion of another rate, or longer than what it would be made to."""
        if abs(fps - self.codec.fps) > 1e-3:
            raise InputError(f"the model works at {self.codec.fps:g} fps, the motion has {fps:g}; resample it first")
        if self.frames is not None and frames > self.frames:
            raise InputError(
                f"the motion would last {frames / fps:.1f} s, {self.goes_by} only {self.frames / fps:.1f} s; "
                f"fill a shorter gap, or let {self.goes_by} begin earlier"
            )


def _placed(evidence: Tensor, at: int, frames: slice) -> Tensor:
    """The evidence of these frames of the timeline, unseen where the video doesn't reach."""
    placed = evidence.new_zeros(len(evidence), frames.stop - frames.start, evidence.shape[-1])
    start, stop = max(at, frames.start), min(at + evidence.shape[1], frames.stop)
    if start < stop:
        placed[:, start - frames.start : stop - frames.start] = evidence[:, start - at : stop - at]
    return placed


def _device_of(model: ConditionalModel) -> torch.device:
    weights = next(model.parameters(), None) if isinstance(model, torch.nn.Module) else None
    return torch.device("cpu") if weights is None else weights.device
