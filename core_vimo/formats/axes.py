"""Between y-up files and the z-up suite: +90 degrees about x, on the root alone; the other rotations are local."""

from torch import Tensor

from core_vimo.motion import Motion
from core_vimo.rotations import y_up_to_z_up


def from_y_up(rotations: Tensor, root_m: Tensor, fps: float) -> Motion:
    """y-up rotations `[S, 24, 3, 3]` and pelvis `[S, 3]` metres as a Motion, contacts detected."""
    turn = y_up_to_z_up(rotations.dtype)
    rotations = rotations.clone()
    rotations[:, 0] = turn @ rotations[:, 0]
    return Motion.from_rotations(rotations, root_m.to(turn) @ turn.T, fps)


def to_y_up(motion: Motion) -> tuple[Tensor, Tensor]:
    """A Motion's rotations `[S, 24, 3, 3]` and pelvis `[S, 3]` metres, y-up, float64."""
    back = y_up_to_z_up(motion.rotations.double().dtype).T
    rotations = motion.rotations.double()
    rotations[:, 0] = back @ rotations[:, 0]
    return rotations, motion.root_m.double() @ back.T
