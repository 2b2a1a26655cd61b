"""What is done to a model's motion before it is shown."""

import math
from dataclasses import dataclass

from core_vimo.errors import InputError
from core_vimo.motion import Motion, smooth
from core_vimo.planting import plant


@dataclass(frozen=True)
class Polish:
    """Averaged over `smoothing_s` seconds against trembling (`core_vimo.motion.smooth`), standing feet planted.

    0 and False show the model's own output.
    """

    smoothing_s: float
    plant: bool

    def __post_init__(self) -> None:
        number = isinstance(self.smoothing_s, int | float) and math.isfinite(self.smoothing_s)
        if not (number and 0 <= self.smoothing_s <= 1 and type(self.plant) is bool):
            raise InputError("smoothing must lie in 0 to 1 s, and planting be true or false")

    def __call__(self, made: Motion) -> Motion:
        smoothed = smooth(made, self.smoothing_s)
        return plant(smoothed) if self.plant else smoothed
