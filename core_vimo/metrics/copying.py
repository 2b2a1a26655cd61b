"""Copying: how near a dance comes to the clips a model was trained on, as the least warped distance between phrases.

Poses are compared root-aligned and heading-aligned, so the same steps at another place or to another wall count as
copied; travel over the floor doesn't count. `P` phrases, `W` samples a phrase.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core_vimo.errors import InputError

COPY_FPS = 10.0
PHRASE = 40
"""Samples a phrase: 4 s, about an eight-count."""
GENERATED_STRIDE = 20
TRAINING_STRIDE = 5
WARP = 6
"""How many samples (0.6 s) one phrase may run ahead of the other."""

_L_HIP, _R_HIP, _L_SHOULDER, _R_SHOULDER = 1, 2, 16, 17
_PAIRS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Nearest:
    """For each generated clip the least distance to any training phrase, `[N]` metres, and which clip has it, `[N]`."""

    distance_m: Tensor
    training_clip: Tensor


def nearest_training_clips(generated: Sequence[Tensor], training: Sequence[Tensor]) -> Nearest:
    """Compare clips `[S, 24, 3]` metres, z-up, at `COPY_FPS`.

    The distance is that of dynamic time warping (Sakoe & Chiba 1978: symmetric weights, a band of 0.6 s) between
    phrases of 4 s, as root mean square over joints: under a millimetre for a copy that starts
    where a training phrase does (every half second), some 5 mm between; two real dances of one genre and
    couple may come as near as 2 cm, so read it beside the ground truth's.
    """
    if not generated or not training:
        raise InputError("copying needs at least one generated and one training clip")
    library = _Library(training)
    nearest = [library.nearest(facing_poses(clip).flatten(-2)) for clip in generated]
    distance, clip = zip(*nearest, strict=True)
    return Nearest(torch.stack(distance), torch.stack(clip))


def facing_poses(joints_m: Tensor) -> Tensor:
    """Joints `[..., S, 24, 3]` relative to the root, turned about z so that hips and shoulders lie along x."""
    across = joints_m[..., _L_HIP, :2] - joints_m[..., _R_HIP, :2]
    across = across + joints_m[..., _L_SHOULDER, :2] - joints_m[..., _R_SHOULDER, :2]
    cosine, sine = F.normalize(across, dim=-1)[..., None, :].unbind(-1)
    x, y, z = (joints_m - joints_m[..., :1, :]).unbind(-1)
    return torch.stack((cosine * x + sine * y, cosine * y - sine * x, z), dim=-1)


def warped_distance_m(first: Tensor, second: Tensor, band: int = WARP) -> Tensor:
    """Band-limited symmetric DTW of poses `[P, W, D]` and `[Q, W, D]` -> `[P, Q]`, root mean square metres a joint.

    Steps aside cost one local distance and steps ahead two, so every path weighs 2 W and paths can be compared.
    All pairs advance together, one anti-diagonal at a time.
    """
    per_joint = (3 / first.shape[-1]) ** 0.5
    return _warp(_band_distances(first, second, band), band) * per_joint / (2 * first.shape[1])


def _band_distances(first: Tensor, second: Tensor, band: int) -> Tensor:
    """Distances of sample i of one phrase to sample i + k of the other, `[2 band + 1, W, P, Q]`, k from -band."""
    ours, theirs = first.transpose(0, 1), second.transpose(0, 1)
    width = len(ours)
    distances = ours.new_zeros(2 * band + 1, width, first.shape[0], second.shape[0])
    for shift in range(max(-band, 1 - width), min(band, width - 1) + 1):
        rows = slice(max(0, -shift), min(width, width - shift))
        columns = slice(rows.start + shift, rows.stop + shift)
        distances[shift + band, rows] = torch.cdist(ours[rows], theirs[columns])
    return distances


def _warp(distances: Tensor, band: int) -> Tensor:
    """Cost of the cheapest path through `_band_distances`, `[P, Q]`."""
    width = distances.shape[1]
    # Costs of the last two anti-diagonals by row; row 0 is a border that no path may use.
    border = distances.new_full((width + 1, *distances.shape[2:]), torch.inf)
    before, last = border, border.clone()
    for diagonal in range(2 * width - 1):
        rows = torch.arange(max(0, diagonal - width + 1), min(diagonal, width - 1) + 1)
        rows = rows[(2 * rows - diagonal).abs() <= band]
        here = distances[diagonal - 2 * rows + band, rows]
        aside = torch.minimum(last[rows + 1], last[rows]) + here
        cost = torch.minimum(aside, before[rows] + 2 * here) if diagonal else 2 * here
        before, last = last, border.clone()
        last[rows + 1] = cost
    return last[width]


class _Library:
    """Training poses cut into phrases; clips shorter than a phrase are phrases of their own length."""

    def __init__(self, clips: Sequence[Tensor]) -> None:
        self.poses = [facing_poses(clip).flatten(-2) for clip in clips]
        self.phrases = functools.cache(self._phrases)

    def nearest(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """Least distance of any phrase of the clip `[S, 72]` to any training phrase, and the training clip's index."""
        found = []
        for theirs, owner in self.phrases(min(PHRASE, len(clip))):
            distance, phrase = _least_distance(_cut(clip, theirs.shape[1], GENERATED_STRIDE), theirs)
            found.append((distance, owner[phrase]))
        return min(found, key=lambda pair: float(pair[0]))

    def _phrases(self, longest: int) -> list[tuple[Tensor, Tensor]]:
        """For each length of phrase, all phrases `[P, length, 72]` and the clips they are from `[P]`."""
        lengths = torch.tensor([min(longest, len(pose)) for pose in self.poses])
        groups = [(n, torch.nonzero(lengths == n).flatten().tolist()) for n in lengths.unique().tolist()]
        return [self._group(length, clips) for length, clips in groups]

    def _group(self, length: int, clips: list[int]) -> tuple[Tensor, Tensor]:
        cuts = [_cut(self.poses[clip], length, TRAINING_STRIDE) for clip in clips]
        counts = torch.tensor([len(cut) for cut in cuts])
        return torch.cat(cuts), torch.repeat_interleave(torch.tensor(clips), counts)


def _cut(poses: Tensor, length: int, stride: int) -> Tensor:
    """Phrases `[P, length, D]` of a clip `[S, D]`, the last one flush with its end."""
    last = len(poses) - length
    starts = torch.cat((torch.arange(0, last, stride), torch.tensor([last])))
    return poses[starts[:, None] + torch.arange(length)]


def _least_distance(ours: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
    """The least distance between two sets of phrases and which of theirs has it, in blocks that fit in memory."""
    block = max(1, _PAIRS_AT_ONCE // len(ours))
    distances = torch.cat([warped_distance_m(ours, part) for part in theirs.split(block)], dim=1)
    least = distances.amin(dim=0)
    return least.min(), least.argmin()
