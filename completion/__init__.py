"""Complete and blend motions: the constraints of `core_vimo.diffusion` in the words of a choreographer."""

from completion.clean_up import CleanUp
from completion.completing import Keeping, Manner, complete
from completion.edits import blend, continue_motion, in_between, in_fill, lay_in, leads, loop, regenerate
from completion.filler import Filler
from completion.interpolation import slerp_between
from completion.masks import PARTS, Mask, everything, first, keyframes, last, nothing, part, span

__all__ = [
    "PARTS", "CleanUp", "Filler", "Keeping", "Manner", "Mask", "blend", "complete", "continue_motion", "everything",
    "first", "in_between", "in_fill", "keyframes", "last", "lay_in", "leads", "loop", "nothing", "part", "regenerate",
    "slerp_between", "span",
]  # fmt: skip
