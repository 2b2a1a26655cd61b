"""A pose detector's habits: what it would report of a body whose true place in the picture is known.

Calibrated loosely after public detectors: how unsure each joint is follows COCO's own deviations between annotators
(the OKS constants), and confidence falls with the error, behind limbs and at the picture's edge.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from core_vimo.pose2d import COCO_NAMES

_OKS_SIGMA = torch.tensor([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000
_BODY_M = 0.7  # square root of a standing body's area: what OKS deviations are a share of
_MIRROR = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
_LEGS = torch.arange(17) >= COCO_NAMES.index("left_hip")

# Body parts that hide what is behind them: two ends (17 the mid-shoulders, 18 the mid-hips, 19 the mid-ears), radius.
_PARTS = torch.tensor(
    [[17, 18], [11, 13], [12, 14], [13, 15], [14, 16], [5, 7], [6, 8], [7, 9], [8, 10], [19, 17]], dtype=torch.long
)
_PART_RADII_M = torch.tensor([0.13, 0.075, 0.075, 0.05, 0.05, 0.045, 0.045, 0.04, 0.04, 0.09])
_OWN = (torch.arange(17)[:, None, None] == _PARTS).any(-1)

# What a chair, a table or the crowd may stand before.
_GROUPS = (
    ("left_elbow", "left_wrist"),
    ("right_elbow", "right_wrist"),
    ("left_knee", "left_ankle"),
    ("right_knee", "right_ankle"),
    ("left_ankle", "right_ankle"),
    ("left_knee", "left_ankle", "right_knee", "right_ankle"),
    ("left_hip", "left_knee", "left_ankle", "right_hip", "right_knee", "right_ankle"),
    ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder"),
)
_GROUP_MASKS = torch.tensor([[name in group for name in COCO_NAMES] for group in _GROUPS])


def detect(
    xy: Tensor, points_m: Tensor, px_per_m: Tensor, size: tuple[int, int], draw: torch.Generator, missing: float | None
) -> Tensor:
    """A detector's keypoints `[S, 17, 3]`, zeros where nothing was found.

    xy `[S, 17, 2]` true pixels; points_m `[S, 17, 3]` in the camera's axes; px_per_m `[S]` at the body's distance;
    missing: share of all joints dropped on top of what the scene hides (None: drawn, mostly small).
    """
    frames = len(xy)
    hidden = _hidden_by_body(points_m)
    hidden = torch.maximum(hidden, _behind_things(frames, draw))
    error_m = _error_m(hidden, draw)
    found = xy + error_m * px_per_m[:, None, None]
    confidence = _confidence(torch.hypot(*error_m.unbind(-1)), hidden, draw)
    inside = ((found >= 0) & (found < torch.tensor(size))).all(-1) & (points_m[..., 2] > 0.1)
    nobody = spells(frames, 1, 0.25, 10, draw)
    lost = ~inside | nobody | _dropped(frames, missing, draw)
    keypoints = torch.cat((found, confidence[..., None]), dim=-1)
    return _swapped(torch.where(lost[..., None], 0.0, keypoints), draw)


def trembling(frames: int, columns: int, sigma_frames: float, draw: torch.Generator) -> Tensor:
    """`[frames, columns]` of unit variance, correlated over time like a Gaussian of that deviation."""
    reach = max(1, round(2.5 * sigma_frames))
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma_frames) ** 2)
    white = torch.randn(columns, 1, frames + 2 * reach, generator=draw)
    return F.conv1d(white, (kernel / kernel.norm())[None, None])[:, 0].T


def spells(frames: int, columns: int, rate: float, longest: int, draw: torch.Generator) -> Tensor:
    """`[frames, columns]` bool: stretches of 1 to `longest` frames, on average `rate` in five seconds of a column."""
    slots = -(-frames // 75)
    begin = torch.rand(slots, columns, generator=draw) * frames
    length = 1 + torch.rand(slots, columns, generator=draw) ** 2 * (longest - 1)
    happens = torch.rand(slots, columns, generator=draw) < rate / 2
    frame = torch.arange(frames)[:, None, None]
    return (happens & (frame >= begin.floor()) & (frame < (begin + length).floor())).any(1)


def _hidden_by_body(points_m: Tensor) -> Tensor:
    """`[S, 17]` in [0, 1]: how far a joint is behind the trunk, the head or another limb, seen from the camera."""
    middles = (points_m[:, [5, 11, 3]] + points_m[:, [6, 12, 4]]) / 2
    x, y, depth = torch.cat((points_m, middles), dim=1).unbind(-1)
    depth = depth.clamp(min=0.3)
    level = depth[:, 18:19] / depth  # to metres at the hips' distance, whatever the distance
    points = torch.stack((x * level, y * level, depth))
    start, end = points[:, :, None, _PARTS[:, 0]], points[:, :, None, _PARTS[:, 1]]
    (x, y, depth), axis = points[:, :, :17, None] - start, end - start
    along = (x * axis[0] + y * axis[1]) / (axis[0] ** 2 + axis[1] ** 2).clamp(min=1e-4)
    along = along.clamp(0, 1)
    apart = torch.hypot(x - along * axis[0], y - along * axis[1])
    behind = ((depth - along * axis[2] - 0.04) / 0.06).clamp(0, 1)
    covered = ((1.3 * _PART_RADII_M - apart) / (0.6 * _PART_RADII_M)).clamp(0, 1)
    return (behind * covered * ~_OWN).amax(-1)


def _behind_things(frames: int, draw: torch.Generator) -> Tensor:
    """`[S, 17]` 0 or 1: limbs that something in the scene stands before for up to three seconds."""
    covered = spells(frames, len(_GROUPS), 0.08, 90, draw)
    return (covered.float() @ _GROUP_MASKS.float()).clamp(max=1)


def _error_m(hidden: Tensor, draw: torch.Generator) -> Tensor:
    """`[S, 17, 2]`: a lasting bias, what wanders, what trembles, and now and then a joint that is quite wrong."""
    frames = len(hidden)
    quality = 0.25 * 4 ** torch.rand((), generator=draw)
    lasting = torch.randn(1, 34, generator=draw)
    wandering = trembling(frames, 34, 4.0, draw)
    white = torch.randn(frames, 34, generator=draw)
    unit = (0.45 * lasting + 0.5 * wandering + 0.25 * white).view(frames, 17, 2)
    error = quality * _BODY_M * _OKS_SIGMA[:, None] * unit * (1 + 2 * hidden[..., None])
    wrong = (torch.rand(frames, 17, 1, generator=draw) < 0.003) * 0.4
    return error + wrong * torch.randn(frames, 17, 2, generator=draw)


def _confidence(error_m: Tensor, hidden: Tensor, draw: torch.Generator) -> Tensor:
    """`[S, 17]`: lower where the error is larger and behind things; a detector knows its own error only roughly."""
    frames = len(error_m)
    best = 0.75 + 0.23 * torch.rand((), generator=draw)
    harshness = 0.1 + 0.7 * torch.rand((), generator=draw)
    aware = torch.rand(frames, 17, generator=draw)
    drift = trembling(frames, 17, 6.0, draw)
    confidence = best * torch.exp(-aware * error_m / 0.12) * (1 - harshness * hidden) + 0.06 * drift
    return confidence.clamp(0.01, 0.99)


def _dropped(frames: int, missing: float | None, draw: torch.Generator) -> Tensor:
    """`[S, 17]` bool, exactly that share of all (rounded): half of them single, half in stretches."""
    share = 0.3 * float(torch.rand((), generator=draw)) ** 3 if missing is None else missing
    score = trembling(frames, 17, 3.0, draw) + torch.randn(frames, 17, generator=draw)
    count = round(share * score.numel())
    dropped = torch.zeros(score.numel(), dtype=torch.bool)
    dropped[score.flatten().topk(count).indices] = True
    return dropped.view(frames, 17)


def _swapped(keypoints: Tensor, draw: torch.Generator) -> Tensor:
    """Left and right exchanged for a few frames: the whole body's or the legs'."""
    body, legs = spells(len(keypoints), 2, 0.35, 8, draw)[..., None].unbind(1)
    return torch.where((body | (legs & _LEGS))[..., None], keypoints[:, _MIRROR], keypoints)
