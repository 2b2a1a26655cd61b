"""Which joint of a file's rig is which of a person's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core_vimo.errors import InputError
from core_vimo.formats.bone_names import find_parts
from core_vimo.formats.bvh_clip import BvhClip

Array = NDArray[np.floating[Any]]

SIDES = ("left", "right")
_LIMBS = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")


@dataclass(frozen=True)
class Rig:
    """Which joint is which: `parts` by SMPL-like name, spine from the hips up to the chest, neck below the head."""

    parts: dict[str, int]
    pelvis: int
    spine: list[int]
    neck: int | None
    end_sites: Mapping[int, Array]

    @classmethod
    def of(cls, clip: BvhClip) -> "Rig":
        parts = find_parts(clip.names)
        wanted = [f"{side}_{limb}" for side in SIDES for limb in _LIMBS] + ["head"]
        missing = [name for name in wanted if name not in parts]
        if missing:
            raise InputError(
                f"{clip.file}: can't tell which joint is {missing[0]} ({len(missing)} of {len(wanted)} not found "
                f"among names such as {', '.join(clip.names[:4])}); rename the joints as Mixamo or SMPL do"
            )
        above = {part: _ancestors(clip, joint) for part, joint in parts.items()}
        pelvis = _meet(above["left_hip"], above["right_hip"])
        chest = _meet(above["left_shoulder"], above["right_shoulder"])
        trunk = [j for j in _ancestors(clip, chest) if j not in [pelvis, *_ancestors(clip, pelvis)]]
        necks = [j for j in above["head"][1:] if j not in [*trunk, pelvis, *_ancestors(clip, pelvis)]]
        return cls(
            parts, pelvis, trunk[::-1] or [chest], necks[(len(necks) - 1) // 2] if necks else None, clip.end_sites
        )

    def at(self, placed: Array, part: str) -> Array:
        """Positions of a part, or the middle of left and right for a part without a side."""
        if part in self.parts:
            return placed[..., self.parts[part], :]
        return (self.at(placed, f"left_{part}") + self.at(placed, f"right_{part}")) / 2

    def foot(self, turned: Array, placed: Array, side: str) -> Array | None:
        """Ankle to toe in one pose `[3]`: to the toe joint, else to the ankle's End Site."""
        ankle = self.parts[f"{side}_ankle"]
        if f"{side}_toe" in self.parts:
            return self.at(placed, f"{side}_toe") - placed[ankle]
        tip = self.end_sites.get(ankle)
        return None if tip is None or not tip.any() else turned[ankle] @ tip

    def leg_length(self, placed: Array) -> float:
        """Hip to knee to ankle, mean of both, in the file's unit; `placed [J, 3]`."""
        bones = [
            self.at(placed, f"{side}_{upper}") - self.at(placed, f"{side}_{lower}")
            for side in SIDES
            for upper, lower in (("hip", "knee"), ("knee", "ankle"))
        ]
        return float(np.linalg.norm(bones, axis=-1).sum() / 2)


def _ancestors(clip: BvhClip, joint: int) -> list[int]:
    """From the joint itself up to the root."""
    chain = [joint]
    while clip.parents[chain[-1]] >= 0:
        chain.append(int(clip.parents[chain[-1]]))
    return chain


def _meet(one: list[int], other: list[int]) -> int:
    return next(joint for joint in one if joint in other)
