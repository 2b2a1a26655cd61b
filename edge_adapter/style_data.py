"""What a style is learnt from: the kept windows of its clips, and among them windows of what the backbone knew before.

Without the latter a few clips teach a model to forget (prior preservation; DreamBooth, Ruiz et al. 2023, section 3.2).
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from core_vimo.clip_set import ClipSet
from core_vimo.codec import MotionCodec
from core_vimo.correcting import corrected
from core_vimo.errors import InputError
from core_vimo.losses_2d import Settings2D
from core_vimo.motion import Motion, turn
from core_vimo.randomness import fold, generator
from core_vimo.seen import Seen, azimuth_draws, seen_with
from core_vimo.training.plan import Dataset
from edge_adapter.beat_phase import WITH_BEATS, with_beat_phase
from edge_adapter.build import DanceModel
from edge_adapter.dance_data import TURN_RADIANS, PairedDance, write_dance_set
from edge_adapter.features import RATE, LibrosaExtractor, features_of_samples
from edge_adapter.long_song import SongDancer, dance_windows
from edge_adapter.sequencer import make_score, render

_KEPT = 512
"""Corrected windows that are kept in memory, 70 MB: a few clips have fewer, and each is read once an epoch."""


class StyleWindows(torch.utils.data.Dataset):
    """The kept windows of a clip set, for a model that knows music by `extractor`.

    `self[(index, epoch)]` is {"x": [S, 151] normalised, "condition": [S, C] music}; as a function of (seed, epoch,
    index) a window is turned by up to `TURN_RADIANS`, as the backbone's were. With `in_2d` it also has what the clips'
    cameras saw, turned alike, as `losses_2d` takes it, and the motion is `corrected` by that. Raises InputError where
    the clips' music was heard by another extractor, and where 2D is asked for of windows that no camera saw.
    """

    def __init__(
        self,
        clips: ClipSet,
        split: str,
        codec: MotionCodec,
        extractor: str,
        seed: int,
        in_2d: Settings2D | None = None,
    ) -> None:
        if clips.extractor != extractor.removesuffix(WITH_BEATS):
            raise InputError(
                f"{clips.folder}: its music was heard by '{clips.extractor}', the backbone knows '{extractor}'; "
                "collect the clips again with `vimo style add` for this backbone"
            )
        self.clips, self.codec, self.seed = clips, codec, seed
        self.kept = clips.kept(split)
        self._with_beats = extractor.endswith(WITH_BEATS)
        self.in_2d = in_2d
        self._read: dict[int, tuple[Motion, Tensor]] = {}
        if in_2d is not None and split == "train":
            self._require_views()

    def __len__(self) -> int:
        return len(self.kept)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        index, epoch = key
        motion, music = self.read(index)
        draw = float(torch.rand((), generator=generator(self.seed, epoch, index, "window")))
        turned = (2 * draw - 1) * TURN_RADIANS
        if self.in_2d is None:
            return {"x": self.codec.encode(turn(motion, turned)), "condition": music}
        return self._in_2d(motion, turned, key, self.in_2d) | {"condition": music}

    def _in_2d(self, motion: Motion, turned: float, key: tuple[int, int], settings: Settings2D) -> dict[str, Tensor]:
        index, epoch = key
        seen = self._seen(index)
        draws = generator(self.seed, epoch, index, "azimuth")
        azimuths = azimuth_draws(len(seen), settings.azimuth_noise_deg, draws)
        x = self.codec.encode(turn(motion, turned))
        return {"x": x} | seen_with(x, self.codec, motion, turned, seen, azimuths)

    def read(self, index: int) -> tuple[Motion, Tensor]:
        """One window: its motion, with `in_2d` corrected by what was seen of it; and its music `[S, C]` as the backbone
        is told of it."""
        if index in self._read:
            return self._read[index]
        motion, features, beats_s = self.clips.read(int(self.kept[index]))
        music = with_beat_phase(features, beats_s.numpy()) if self._with_beats else features
        if self.in_2d is None:
            return motion, music
        if seen := self._seen(index):
            motion = corrected(motion, seen, self.in_2d.near_m)
        if len(self._read) < _KEPT:
            self._read[index] = motion, music
        return motion, music

    def _seen(self, index: int) -> list[Seen]:
        """What cameras saw of a window; of a held-out one it may be nothing."""
        views = self.clips.views(int(self.kept[index]))
        return [] if views is None else [views.seen(view) for view in range(len(views))]

    def _require_views(self) -> None:
        """One window tells it of its whole take."""
        rows = self.clips.windows[self.kept]
        first_of = {(int(row["item"]), int(row["take"])): int(n) for n, row in zip(self.kept, rows, strict=True)}
        unseen = {self.clips.clip_of(n).name for n in first_of.values() if self.clips.views(n) is None}
        if unseen:
            named = ", ".join(sorted(unseen)[:3]) + (" and others" if len(unseen) > 3 else "")
            raise InputError(
                f"{self.clips.folder}: no keypoints are kept of {named}; learning from 2D needs videos or .poses.json, "
                "collected with `vimo style add` of this version"
            )

    def motions(self) -> list[Motion]:
        return [self.read(index)[0] for index in range(len(self))]


class MixedWindows(torch.utils.data.Dataset):
    """A style's windows, of which a `share` gives its place to one of the prior's, drawn by (seed, epoch, index)."""

    def __init__(self, style: Dataset, prior: Dataset, share: float, seed: int) -> None:
        self.style, self.prior, self.share, self.seed = style, prior, share, seed

    def __len__(self) -> int:
        return len(self.style)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        index, epoch = key
        drawn = generator(self.seed, epoch, index, "prior")
        if float(torch.rand((), generator=drawn)) >= self.share:
            return self.style[key]
        return self.prior[(int(torch.randint(len(self.prior), (), generator=drawn)), epoch)]


def write_own_dances(model: DanceModel, songs: int, seconds: float, seed: int, folder: Path) -> None:
    """A data set of the backbone's own dances to the sequencer's songs: its prior, where its data isn't at hand."""
    if model.extractor.removesuffix(WITH_BEATS) != LibrosaExtractor().name:
        raise InputError(
            f"the backbone knows music by '{model.extractor}', which the sequencer's songs aren't heard by; give "
            "prior.folder, a data set of dances, or prior.share=0"
        )
    write_dance_set(_own_dances(model, songs, seconds, seed), folder, LibrosaExtractor().name)


def _own_dances(model: DanceModel, songs: int, seconds: float, seed: int) -> Iterator[PairedDance]:
    dancer = SongDancer(model.backbone, model.codec, model.schedule)
    for number in range(songs):
        track = render(make_score(fold(seed, number, "prior-song"), seconds), RATE)
        features = features_of_samples(track.mono).values
        told = with_beat_phase(features, track.beats_s) if model.extractor.endswith(WITH_BEATS) else features
        motion = dancer.dance(told, dance_windows(len(told)), fold(seed, number, "prior-dance"))
        yield PairedDance(f"own{number}", motion, features, torch.from_numpy(track.beats_s), "the sequencer's")
