"""What may be done to the frames that were made, never to those that are known."""

from dataclasses import dataclass, replace

import torch

from completion.known import Known
from core_vimo.errors import InputError
from core_vimo.motion import Motion, averaged_over_time, smooth
from core_vimo.planting import plant
from core_vimo.skeleton import FEET, TOE_HEIGHT_M

_LIFT_SIGMA_S = 0.05


@dataclass(frozen=True)
class CleanUp:
    """`plant` standing feet (by the motion's contacts), lift the body where feet are below the `floor`, smooth.

    `smoothing_s` is the deviation of a Gaussian in seconds; 0 smooths nothing. Off in every respect: `CleanUp.none()`.
    """

    plant: bool = True
    floor: bool = True
    smoothing_s: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.smoothing_s <= 1:
            raise InputError(f"smoothing is over 0 to 1 s, not {self.smoothing_s:g}")

    @classmethod
    def none(cls) -> "CleanUp":
        """The model's motion as it is."""
        return cls(plant=False, floor=False)

    def smoothed(self, motion: Motion) -> Motion:
        return smooth(motion, self.smoothing_s)

    def planted(self, motion: Motion) -> Motion:
        return plant(motion) if self.plant and len(motion) > 1 else motion

    def lifted(self, made: Motion, original: Motion, kept: Known) -> Motion:
        """`made` raised where a foot would sink below the floor that the known frames of `original` stand on."""
        if not self.floor:
            return made
        stood = kept.everything()
        known_m = original.joints_m()[stood][:, FEET, 2].amin(1)
        floor_m = torch.quantile(known_m, 0.05) if len(known_m) else torch.tensor(TOE_HEIGHT_M)
        below = (floor_m - made.joints_m()[:, FEET, 2].amin(1)).clamp(min=0)
        below = torch.where(kept.path, 0.0, below)[:, None]
        lift = averaged_over_time(below, _LIFT_SIGMA_S * made.fps)
        return replace(made, root_m=torch.cat((made.root_m[:, :2], made.root_m[:, 2:] + lift), dim=1))
