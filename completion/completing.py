"""The one act behind all edits: keep what a mask knows of a motion, bit for bit, and have a filler make the rest."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from completion.borders import arrived, followed, met, steered
from completion.clean_up import CleanUp
from completion.filler import Filler
from completion.known import Known, repaint, runs, shown_clean, with_next
from completion.masks import Mask
from core_vimo.diffusion.constraints import Step, keep_known
from core_vimo.diffusion.guidance import Denoiser
from core_vimo.diffusion.windows import WINDOW, window_noise, windows_over
from core_vimo.errors import InputError
from core_vimo.motion import Motion, concatenate, move, turn
from core_vimo.rotations import FRONT, heading

CONTEXT = WINDOW // 2
"""Frames on either side of what is made that the model sees; what lies farther off costs nothing."""


CLEAN_WHERE_LEARNED = True
"""Whether models that learned from clean frames are shown them where nobody says otherwise."""


@dataclass(frozen=True)
class Keeping:
    """How what is known is kept while the rest is sampled.

    `clean` shows known frames at timestep 0 (PTSS), for models trained so (None: as is better for the model); `passes`
    of RePaint a step, 1 for eq. 8 alone. Off, `borders` and `places` leave plain replacement: jumps at borders, and
    walks that end elsewhere and are pulled to where the motion goes on only afterwards.
    """

    clean: bool | None = None
    passes: int = 1
    borders: bool = True
    places: bool = True

    def __post_init__(self) -> None:
        if self.passes < 1:
            raise InputError(f"each step is taken at least once, not {self.passes} times")

    def shows_clean(self, filler: Filler) -> bool:
        """Whether this filler is shown known frames clean. Raises InputError where it can't be."""
        if self.clean and not filler.per_frame_timesteps:
            raise InputError(
                "this model was not trained with per-frame timesteps, so it can't be shown clean frames; "
                "leave that option off, or take a model trained with diffusion.clean or diffusion.ptss"
            )
        return CLEAN_WHERE_LEARNED and filler.per_frame_timesteps if self.clean is None else self.clean


@dataclass(frozen=True)
class Manner:
    """How to complete: `takes` (take k hangs on `seed` + k alone), how the known is kept, what is cleaned up."""

    seed: int = 0
    takes: int = 1
    keeping: Keeping = field(default_factory=Keeping)
    clean_up: CleanUp = field(default_factory=CleanUp)

    def __post_init__(self) -> None:
        if self.takes < 1:
            raise InputError(f"at least one take must be made, not {self.takes}")


def complete(
    motion: Motion, known: Mask | Tensor, filler: Filler, manner: Manner | None = None, *, places_kept: bool = True
) -> list[Motion]:
    """`motion` with all made anew that `known` (a mask, or bool `[S, 151]`) doesn't keep; one motion a take.

    What is kept comes back bit for bit: rotations, places, contacts. Over a gap the walk arrives where the motion goes
    on; with `places_kept` off it ends where it likes, and what follows is moved there along the floor. What lies in a
    gap of `motion` doesn't matter. Raises InputError where the filler's song is too short or its rate another, and for
    `clean` with a model that wasn't trained for it.
    """
    manner = manner or Manner()
    filler.require(len(motion), motion.fps)
    manner.keeping.shows_clean(filler)
    kept = Known.of(known(len(motion)) if isinstance(known, Mask) else known)
    if kept.everything().all():
        return [motion] * manner.takes
    near = _surroundings(kept, filler.window)
    part = _Part(motion[near], kept[near], near, len(motion), filler, manner, places_kept)
    return [_put_back(motion, part.made(manner.seed + take), near) for take in range(manner.takes)]


def _surroundings(kept: Known, window: int) -> slice:
    """From `CONTEXT` before the first unknown frame to as much after the last, a whole window where there is one."""
    unknown, frames = (~kept.everything()).nonzero()[:, 0], len(kept.path)
    start, stop = int(unknown[0]) - CONTEXT, int(unknown[-1]) + 1 + CONTEXT
    wider = max(0, window - (min(stop, frames) - max(start, 0)))
    return slice(max(0, start - wider), min(frames, stop + wider))


def _put_back(motion: Motion, made: Motion, near: slice) -> Motion:
    """`made` in place of `near`; what follows goes on from where it ends."""
    if near.stop == len(motion):
        return concatenate([motion[: near.start], made]) if near.start else made
    moved_m = made.root_m[-1] - motion.root_m[near.stop - 1]
    after = motion[near.stop :]
    parts = [made, move(after, moved_m) if moved_m.any() else after]
    return concatenate([motion[: near.start], *parts] if near.start else parts)


@dataclass(frozen=True, eq=False)
class _Part:
    """The stretch `near` of a motion of `total` frames that is sampled, what is known of it, and how it is made."""

    motion: Motion
    kept: Known
    near: slice
    total: int
    filler: Filler
    manner: Manner
    places_kept: bool

    def made(self, seed: int) -> Motion:
        clean_up = self.manner.clean_up
        radians = self._turn(seed)
        facing = turn(self.motion, radians) if radians else self.motion
        made = clean_up.smoothed(self._sampled(facing, seed))
        if not self.kept.anything():
            return clean_up.planted(made)
        joined = self._joined(made, facing)
        back = turn(joined, -radians) if radians else joined
        walked = self._walked(clean_up.planted(clean_up.lifted(back, self.motion, self.kept)))
        return self._pasted(clean_up.locked(walked, self.kept))

    def _turn(self, seed: int) -> float:
        """By how much the motion is turned about the up axis to face as the model expects it."""
        facing = heading(self.motion.rotations[:, 0])
        known = self.kept.joints[:, 0]
        if self.filler.headings is None:
            return _mean_angle(FRONT - facing[known])
        wanted = self.filler.headings(self.total, seed)[self.near]
        borders = [(start - 1, start) for start, _ in runs(~known) if start > 0]
        borders += [(stop, stop - 1) for _, stop in runs(~known) if stop < len(known)]
        outside, inside = torch.tensor(borders, dtype=torch.long).reshape(-1, 2).T
        apart = wanted[inside] - facing[outside]
        return _mean_angle(apart[~apart.isnan()])

    def _sampled(self, facing: Motion, seed: int) -> Motion:
        """The model's motion, with its own guess at what is known: it shows by how much the two differ."""
        filler, keeping, codec = self.filler, self.manner.keeping, self.filler.codec
        windows = windows_over(len(facing), window=filler.window)

        def noise(index: int, purpose: str = "step") -> Tensor:
            return window_noise(windows, seed, index, purpose).to(filler.device)

        start = noise(0, "start")
        known = codec.encode(facing)[None].to(filler.device)
        mask = self.kept.in_channels(codec)[None].to(filler.device)
        replaced = keep_known(
            known, mask, filler.schedule, (lambda i: noise(i, "known")) if keeping.passes > 1 else (lambda i: start)
        )

        def constrain(x: Tensor, step: Step) -> Tensor:
            return x if step.is_last else replaced(x, step)

        sampler = filler.sampler if keeping.passes == 1 else repaint(keeping.passes)
        x0 = sampler(
            self._held(filler.denoiser(self.near, windows), known, mask, facing),
            start, filler.schedule, steps=filler.steps, noise=noise, clip=1.0,
            constrain=constrain,
        )  # fmt: skip
        return codec.decode(x0[0])

    def _held(self, denoise: Denoiser, known: Tensor, mask: Tensor, facing: Motion) -> Denoiser:
        """The denoiser whose guesses meet what is known, in value, in slope and in the places they arrive at."""
        keeping, codec = self.manner.keeping, self.filler.codec
        if keeping.shows_clean(self.filler):
            denoise = shown_clean(denoise, known, mask)

        def held(x: Tensor, t: Tensor) -> Tensor:
            guess = denoise(x, t)
            if keeping.borders:
                guess = met(guess[0], known[0], mask[0])[None]
            if keeping.places and self.places_kept:
                guess = steered(guess, codec, facing.root_m, self.kept.path)
            return guess

        return held if self.kept.anything() else denoise

    def _joined(self, made: Motion, facing: Motion) -> Motion:
        """Poses and heights as made, bent to run on into what is known."""
        codec = self.filler.codec
        joined = self._met(codec.vector(made), codec.vector(facing), self.kept.in_channels(codec))
        contacts, root_m, rotations = codec.unpack(joined)
        return Motion(rotations, root_m, contacts.clamp(0, 1), made.fps)

    def _walked(self, made: Motion) -> Motion:
        """The path over the floor, through the places that are known."""
        original = self.motion.root_m[:, :2]
        steps = self._met(made.root_m[:, :2].diff(dim=0), original.diff(dim=0), with_next(self.kept.path)[:-1, None])
        path = torch.cat((original[:1], original[:1] + steps.double().cumsum(0).float()))
        if self.places_kept:
            walked = arrived(path, original, self.kept.path, made.contacts)
        else:
            walked = followed(path, original, self.kept.path)
        return replace(made, root_m=torch.cat((walked, made.root_m[:, 2:]), dim=1))

    def _met(self, made: Tensor, known: Tensor, mask: Tensor) -> Tensor:
        mask = mask.expand_as(made)
        return met(made, known, mask) if self.manner.keeping.borders else torch.where(mask, known, made)

    def _pasted(self, made: Motion) -> Motion:
        """With the very tensors of what is known; along the floor `_walked` has put them."""
        kept, original = self.kept, self.motion
        height = torch.where(kept.path, original.root_m[:, 2], made.root_m[:, 2])
        return Motion(
            torch.where(kept.joints[..., None, None], original.rotations, made.rotations),
            torch.cat((made.root_m[:, :2], height[:, None]), dim=1),
            torch.where(kept.contacts, original.contacts, made.contacts),
            original.fps,
        )


def _mean_angle(radians: Tensor) -> float:
    """The circular mean; 0 of none."""
    return float(torch.atan2(radians.sin().sum(), radians.cos().sum()))
