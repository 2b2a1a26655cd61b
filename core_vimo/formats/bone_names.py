"""Which joint of a rig is which of SMPL's, by name: one table for the naming families in use.

Names are cut into words (`mixamorig:LeftForeArm`, `CC_Base_L_Forearm`, `Bip01 L Forearm`, `forearm.l`, `lForeArm` and
`left_elbow` all become a side and a part), so a row of the table serves many families.
Only limbs and head are looked up; pelvis, spine and neck follow from the tree (`retarget.py`).
"""

import re
from collections.abc import Sequence

PARTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "hip": (("upleg", "thigh", "upperleg", "upperleg1", "hip", "femur"),),
    "knee": (("leg", "calf", "shin", "lowerleg", "lowleg", "knee", "tibia"),),
    "ankle": (("ankle",), ("foot",)),
    "toe": (("toe", "toebase", "toe0", "toes", "ball"), ("foot",)),
    "shoulder": (("arm", "upperarm", "uparm", "shldr", "humerus"), ("shoulder",)),
    "collar": (("collar", "clavicle"), ("shoulder",)),
    "elbow": (("forearm", "lowerarm", "lowarm", "elbow", "radius"),),
    "wrist": (("wrist",), ("hand",)),
    "finger": (("handmiddle1", "middle1", "mid1", "finger2", "finger20", "middleproximal"), ("hand", "fingers")),
}
"""Part -> names in groups, looked up in this order. A later group counts only where no joint of that side bears a name
of an earlier one, and no joint is taken twice: "shoulder" is the collar bone where there's an "arm" too."""

_NOISE = {"cc", "base", "bip", "01", "001", "j", "c", "def", "org", "jnt", "b", "bn", "m", "f", "avg"}
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}


def split_side(name: str) -> tuple[str, str]:
    """Side (`left`, `right` or empty) and part of a joint's name: `mixamorig:LeftUpLeg` -> `left`, `upleg`."""
    words = [w.lower() for w in _WORDS.findall(name.rpartition(":")[2])]
    words = [half for word in words for half in _unglue(word)]
    sides = [_SIDES[w] for w in words if w in _SIDES]
    kept = [w for i, w in enumerate(words) if w not in _SIDES and not (w in _NOISE and i < len(words) - 1)]
    return (sides[0] if sides else ""), "".join(kept)


def _unglue(word: str) -> list[str]:
    """`leftshoulder` -> `left`, `shoulder`."""
    for side in ("left", "right"):
        if word.startswith(side) and word != side:
            return [side, word.removeprefix(side)]
    return [word]


def find_parts(names: Sequence[str]) -> dict[str, int]:
    """Joints by their SMPL-like names (`left_hip`, ..., `right_finger`, `head`), where the rig has them."""
    named = [split_side(name) for name in names]
    found: dict[str, int] = {}
    for side in ("left", "right"):
        for part, groups in PARTS.items():
            for group in groups:
                free = [j for j, n in enumerate(named) if n[0] == side and n[1] in group and j not in found.values()]
                if free:
                    found[f"{side}_{part}"] = free[0]
                    break
    head = [j for j, n in enumerate(named) if n == ("", "head")]
    return found | ({"head": head[0]} if head else {})
