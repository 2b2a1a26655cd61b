"""What decides how clips become a clip set, beside the clips."""

import math
from dataclasses import dataclass

from core_vimo.errors import InputError
from core_vimo.motion import FPS
from core_vimo.video.estimators import ESTIMATORS
from stylize.style_clips.verdict import WORDS

_SHORTEST_S, _LONGEST_S = 1.0, 30.0
_MOST_SAMPLES = 50  # the paper's most


@dataclass(frozen=True)
class CollectSettings:
    """samples: motions made of each video (the paper's 5 to 50). window_s: what a style learns from at once; a new
    window begins every stride_s. hold_out: patterns of names of test clips (empty: a fifth, by their names' hashes).
    allow: reasons that are none for this style, by word (`verdict.WORDS`), such as `skating`.
    licence, source: of the clips, in words, for the style's card. seed: of samples and rendered tracks.
    """

    samples: int = 1
    window_s: float = 5.0
    stride_s: float = 0.5
    hold_out: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    licence: str = ""
    source: str = ""
    estimator: str = "mediapipe"
    seed: int = 0

    def __post_init__(self) -> None:
        if not (type(self.samples) is int and 1 <= self.samples <= _MOST_SAMPLES and type(self.seed) is int):
            raise InputError(f"samples must lie in 1 to {_MOST_SAMPLES}, and the seed be a whole number")
        if not (math.isfinite(self.window_s) and _SHORTEST_S <= self.window_s <= _LONGEST_S):
            raise InputError(f"windows must last {_SHORTEST_S:g} to {_LONGEST_S:g} s, not {self.window_s}")
        if not (math.isfinite(self.stride_s) and 1 / FPS <= self.stride_s <= self.window_s):
            raise InputError(f"a new window must begin every 1/30 to {self.window_s:g} s, not {self.stride_s}")
        unknown = sorted(set(self.allow) - set(WORDS))
        if unknown:
            raise InputError(f"'{unknown[0]}' is no reason that can be allowed; take some of: {', '.join(WORDS)}")
        if self.estimator not in ESTIMATORS:
            raise InputError(f"there is no pose estimator '{self.estimator}'; take one of: {', '.join(ESTIMATORS)}")

    @property
    def window_frames(self) -> int:
        return round(self.window_s * FPS)

    @property
    def stride_frames(self) -> int:
        return round(self.stride_s * FPS)
