"""What may be done to the frames that were made, never to those that are known."""

from dataclasses import dataclass, replace

import torch

from completion.foot_lock import LEGS, lock_feet
from completion.known import Known
from core_vimo.errors import InputError
from core_vimo.motion import Motion, averaged_over_time, smooth
from core_vimo.planting import plant
from core_vimo.skeleton import FEET, TOE_HEIGHT_M

_LIFT_SIGMA_S = 0.05


@dataclass(frozen=True)
class CleanUp:
    """What of planting, floor and smoothing is done; `CleanUp.none()` is nothing.

    `plant` standing feet, by the motion's contacts: the body goes by them, the legs do the rest. Lift the body where
    feet are below the `floor`. `smoothing_s` is the deviation of a Gaussian in seconds; accents soften with it.
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

    def locked(self, made: Motion, kept: Known) -> Motion:
        """`made` with standing feet held by the legs, in frames and on sides where the whole leg was made."""
        free = torch.stack([~kept.joints[:, leg].any(1) for leg in LEGS], dim=1)
        return lock_feet(made, free) if self.plant else made

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
