"""How far a reconstructed motion is from the true one (WHAM's and GVHMR's protocol).

`joints_m [..., S, J, 3]` in SMPL order, J >= 3, prediction first, truth second, at the same rate. Millimetres per
frame, unless said otherwise: average them yourself.
"""

import roma
import torch
from torch import Tensor

from core_vimo.errors import InputError

CHUNK = 100
_HIPS = (1, 2)
_MM = 1000.0


def mpjpe(predicted_m: Tensor, true_m: Tensor) -> Tensor:
    """Mean joint error after putting the pelvis (the mean of both hips) in one place, `[..., S]` mm."""
    _same_shape(predicted_m, true_m)
    return _error_mm(_centred_on_pelvis(predicted_m), _centred_on_pelvis(true_m))


def pa_mpjpe(predicted_m: Tensor, true_m: Tensor) -> Tensor:
    """Mean joint error after a similarity alignment (Umeyama 1991, with scale) of each frame, `[..., S]` mm."""
    _same_shape(predicted_m, true_m)
    return _error_mm(_aligned(predicted_m, true_m, predicted_m), true_m)


def accel_error(predicted_m: Tensor, true_m: Tensor, fps: float) -> Tensor:
    """Mean difference of joint accelerations after pelvis alignment, `[..., S-2]` **m/s²**.

    VIBE's and WHAM's function leaves out fps²: its numbers are mm per frame².
    """
    _same_shape(predicted_m, true_m)
    difference = _centred_on_pelvis(predicted_m) - _centred_on_pelvis(true_m)
    return difference.diff(n=2, dim=-3).norm(dim=-1).mean(dim=-1) * fps**2


def wa_mpjpe(predicted_m: Tensor, true_m: Tensor) -> Tensor:
    """World error of chunks of 100 frames, each aligned as a whole (with scale), `[S]` mm, for one motion."""
    return _chunked(predicted_m, true_m, CHUNK)


def w_mpjpe(predicted_m: Tensor, true_m: Tensor) -> Tensor:
    """World error of chunks of 100 frames, each aligned on its first two frames (with scale), `[S]` mm."""
    return _chunked(predicted_m, true_m, 2)


def rte(predicted_root_m: Tensor, true_root_m: Tensor) -> Tensor:
    """Root error after one rigid alignment, in percent of the true path's length.

    Roots `[..., S, 3]` -> `[..., S]`; average it for WHAM's RTE.
    """
    _same_shape(predicted_root_m, true_root_m)
    rotation, shift = roma.rigid_points_registration(predicted_root_m.double(), true_root_m.double())
    placed = predicted_root_m.double() @ rotation.transpose(-1, -2) + shift[..., None, :]
    path_m = true_root_m.double().diff(dim=-2).norm(dim=-1).sum(dim=-1)
    return 100 * (placed - true_root_m).norm(dim=-1) / path_m[..., None]


def _chunked(predicted_m: Tensor, true_m: Tensor, aligned_frames: int) -> Tensor:
    _same_shape(predicted_m, true_m)
    pairs = zip(predicted_m.split(CHUNK), true_m.split(CHUNK), strict=True)
    return torch.cat([_chunk_error_mm(p, t, aligned_frames) for p, t in pairs])


def _chunk_error_mm(predicted_m: Tensor, true_m: Tensor, aligned_frames: int) -> Tensor:
    """A whole chunk moves as one set of points; the alignment is found on its first `aligned_frames`."""
    p, t = (x[:aligned_frames].flatten(0, 1) for x in (predicted_m, true_m))
    placed = _aligned(p, t, predicted_m.flatten(0, 1))
    return _error_mm(placed.unflatten(0, predicted_m.shape[:2]), true_m)


def _aligned(source: Tensor, target: Tensor, moved: Tensor) -> Tensor:
    """`moved` under the similarity that best takes `source` to `target`, in double precision."""
    rotation, shift, scale = roma.rigid_points_registration(source.double(), target.double(), compute_scaling=True)
    return scale[..., None, None] * moved.double() @ rotation.transpose(-1, -2) + shift[..., None, :]


def _centred_on_pelvis(joints_m: Tensor) -> Tensor:
    return joints_m.double() - joints_m[..., _HIPS, :].double().mean(dim=-2, keepdim=True)


def _error_mm(predicted_m: Tensor, true_m: Tensor) -> Tensor:
    return (predicted_m - true_m).norm(dim=-1).mean(dim=-1) * _MM


def _same_shape(predicted: Tensor, true: Tensor) -> None:
    if predicted.shape != true.shape:
        raise InputError(
            f"the reconstruction is {list(predicted.shape)}, the truth {list(true.shape)}; cut both to the same frames"
        )
