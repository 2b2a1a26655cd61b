"""A few seconds of a dance danced anew, while all the rest keeps its bits."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core_vimo.diffusion.windows import Windows
from core_vimo.errors import InputError
from core_vimo.motion import Motion, face_audience, ground, move, turn
from edge_adapter.long_song import SongDancer, with_span
from stylize.polish import Polish


@dataclass(frozen=True)
class Remake:
    """Dance the window whose middle is nearest to second `at_s` of the dance anew, from another seed."""

    at_s: float
    seed: int

    def __post_init__(self) -> None:
        at_s, seed = self.at_s, self.seed
        if not (type(at_s) in (int, float) and math.isfinite(at_s) and at_s >= 0 and type(seed) is int):
            raise InputError("what is danced anew is named by a second of the dance, 0 or later, and a whole seed")

    def window(self, windows: Windows, fps: float) -> int:
        """Its number among the dance's windows. Raises InputError for a time after the dance's end."""
        if self.at_s * fps >= windows.frames:
            raise InputError(f"nothing is danced at {self.at_s:g} s; the dance lasts {windows.frames / fps:.1f} s")
        middles = torch.tensor(windows.starts) + windows.length / 2
        return int((middles - self.at_s * fps).abs().argmin())


@dataclass(frozen=True, eq=False)
class Draft:
    """A dance as the model made it, and as it is shown: polished, on the floor, facing the audience."""

    made: Motion
    shown: Motion
    polish: Polish

    @classmethod
    def of(cls, made: Motion, polish: Polish) -> "Draft":
        return cls(made, face_audience(ground(polish(made))), polish)

    def remade(self, dancer: SongDancer, music: Tensor, windows: Windows, window: int, seed: int) -> "Draft":
        """With one window danced anew; what is shown outside it keeps its bits, and its place on the stage."""
        made = dancer.remake(self.made, music, windows, window, seed)
        fresh = _put_likewise(self.polish(made), self.polish(self.made), self.shown)
        return Draft(made, with_span(self.shown, fresh, windows.span(window), 0), self.polish)


def _put_likewise(motion: Motion, before: Motion, after: Motion) -> Motion:
    """`motion` turned about the up axis and moved as `before` was to become `after`."""
    turned = after.rotations[0, 0] @ before.rotations[0, 0].T
    radians = float(torch.atan2(turned[1, 0], turned[0, 0]))
    shift_m = after.root_m[0] - turn(before[:1], radians).root_m[0]
    return move(turn(motion, radians), shift_m)
