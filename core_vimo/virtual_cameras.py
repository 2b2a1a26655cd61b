"""A mocap seen by casual cameras: phones on shelves, in hands, followed, zoomed and cut into montages.

Whatever is drawn comes from one generator, so a film is a function of its key.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from core_vimo.camera import Camera
from core_vimo.errors import InputError
from core_vimo.motion import Motion, move, turn
from core_vimo.virtual_detector import detect, trembling

KINDS = ("static", "moving", "cut")
"""Fixed; moving (following, orbiting, dollying, shaken, zooming); cut: several of both."""

FPS = 30.0
_SIZES = ((1080, 1920), (1920, 1080), (720, 1280), (1280, 720), (480, 854), (854, 480), (640, 480), (1080, 1080))
_LEFT, _RIGHT, _HIPS = [5, 11], [6, 12], [11, 12]
_NEAREST_M = 1.2  # between the camera and the dancer's path
_NARROWEST, _WIDEST = math.radians(35), math.radians(80)  # field of view over the picture's long side


class Filmed(NamedTuple):
    """keypoints `[S, 17, 3]` as a detector would report them (zeros: not found), cuts `[S]` bool (a new shot begins),
    true_xy `[S, 17, 2]` pixels without any error, the camera `[S]`, and the picture's (width, height)."""

    keypoints: Tensor
    cuts: Tensor
    true_xy: Tensor
    camera: Camera
    size: tuple[int, int]


def film(coco_m: Tensor, draw: torch.Generator, kind: str | None = None, missing: float | None = None) -> Filmed:
    """Film COCO points `[S, 17, 3]` metres (z-up, 30 fps) casually.

    kind: one of KINDS, or drawn; missing: share of all joints that the detector drops on top of what the scene hides,
    or drawn. Raises InputError for another kind or share.
    """
    if kind is None:
        kind = KINDS[_pick(len(KINDS), draw)]
    if kind not in KINDS or not 0 <= (missing or 0) <= 1:
        raise InputError(f"a virtual camera is one of {', '.join(KINDS)} and misses 0 to 1, not {kind}, {missing}")
    size = _SIZES[_pick(len(_SIZES), draw)]
    cuts = _cuts(len(coco_m), draw) if kind == "cut" else torch.zeros(len(coco_m), dtype=torch.bool)
    camera = _camera(coco_m, cuts, {"static": 0.0, "moving": 1.0, "cut": 0.5}[kind], size, draw)
    points_m = _seen_from(camera, coco_m)
    focal_px = camera.intrinsics[:, 0, 0]
    true_xy = camera.project(coco_m).xy
    px_per_m = focal_px / points_m[:, _HIPS, 2].mean(1).clamp(min=0.3)
    return Filmed(detect(true_xy, points_m, px_per_m, size, draw, missing), cuts, true_xy, camera, size)


def facing_camera(motion: Motion, camera: Camera) -> Motion:
    """The motion turned about the up axis so that the camera, at its first frame, looks along +y (the audience's
    side: who faces it faces -y), and moved so that the pelvis begins over the origin; heights stay."""
    forward = camera.R_camera_world[0, 2]
    turned = turn(motion, math.pi / 2 - math.atan2(float(forward[1]), float(forward[0])))
    return move(turned, -turned.root_m[0] * torch.tensor([1.0, 1.0, 0.0]))


def _pick(choices: int, draw: torch.Generator) -> int:
    return int(torch.randint(choices, (), generator=draw))


def _cuts(frames: int, draw: torch.Generator) -> Tensor:
    """`[S]` bool: two to four shots in five seconds; none is shorter than a twelfth of a second's share."""
    shots = max(1, round((2 + _pick(3, draw)) * frames / 150))
    shares = torch.empty(shots).uniform_(0.4, 1.6, generator=draw).cumsum(0)
    cuts = torch.zeros(frames, dtype=torch.bool)
    cuts[(shares[:-1] / shares[-1] * frames).long().clamp(min=min(1, frames - 1))] = True
    return cuts & (torch.arange(frames) > 0)


def _camera(coco_m: Tensor, cuts: Tensor, moving: float, size: tuple[int, int], draw: torch.Generator) -> Camera:
    """The camera of every frame; each shot moves with probability `moving`."""
    shot = cuts.long().cumsum(0)
    shots = int(shot[-1]) + 1
    setups, turned, magnified = _montage(shots, draw)
    setup = setups[shot]
    moves = (torch.rand(shots, generator=draw) < moving)[setups]
    seconds = _seconds_into(shot)
    eye_m, target_m = _stand(coco_m, setup, turned[shot], moves[shot], seconds, draw)
    camera = Camera.look_at(eye_m, target_m, 1.0, (0, 0))
    rolled = _rolled(camera, 0.025 * torch.randn(shots, generator=draw)[setup], moves[shot], draw)
    focal_px = _framing(_seen_from(rolled, coco_m), shot, size, draw) * magnified
    focal_px = focal_px[shot] * _zoom(seconds, shot, moves, draw)
    return Camera(_intrinsics(focal_px, size), rolled.R_camera_world, rolled.t_camera_m)


def _montage(shots: int, draw: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """For each shot the shot whose camera it shares (its own, mostly), by how much that turns round the dancer, and
    what it magnifies: a new camera, the same one punched in or out, or the reverse angle."""
    chance = torch.rand(shots, generator=draw)
    chance[0] = 0.0
    number = torch.arange(shots)
    setups = torch.where(chance < 0.5, number, 0).cummax(0).values
    turned = torch.where(chance > 0.8, math.pi + 0.4 * torch.randn(shots, generator=draw), 0.0)
    magnified = 0.75 * 2.6 ** torch.rand(shots, generator=draw)
    return setups, turned, torch.where((chance >= 0.5) & (chance <= 0.8), magnified, 1.0)


def _seconds_into(shot: Tensor) -> Tensor:
    frame = torch.arange(len(shot))
    begins = torch.cat((shot.new_ones(1, dtype=torch.bool), shot[1:] != shot[:-1]))
    return (frame - torch.where(begins, frame, 0).cummax(0).values) / FPS


def _stand(
    coco_m: Tensor, setup: Tensor, turned: Tensor, moves: Tensor, seconds: Tensor, draw: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Where the camera stands and what it looks at, `[S, 3]` each."""
    shots = int(setup.max()) + 1
    hips_m = coco_m[:, _HIPS].mean(1)
    centre_m = _mean_of(hips_m, setup, shots)[setup]
    away_m = (hips_m - centre_m)[:, :2].norm(dim=-1)
    reach_m = torch.zeros(shots).scatter_reduce(0, setup, away_m, "amax")

    def drawn(low: float, high: float) -> Tensor:
        return torch.empty(shots).uniform_(low, high, generator=draw)

    def sometimes(chance: float) -> Tensor:
        return (drawn(0, 1) < chance)[setup] & moves

    orbit, dolly, ride = sometimes(0.35), sometimes(0.3), sometimes(0.4)
    follow = sometimes(0.7) | (moves & ~(orbit | dolly | ride))
    path_m = _followed(hips_m, draw) - centre_m
    azimuth = _azimuths(coco_m, shots, draw)[setup] + turned + orbit * drawn(-0.7, 0.7)[setup] * seconds
    distance_m = (2 + 6 * drawn(0, 1) ** 1.5)[setup] * torch.exp(dolly * drawn(-0.6, 0.6)[setup] * (seconds / 2).tanh())
    needed_m = _NEAREST_M + torch.where(ride, away_m, reach_m[setup])
    distance_m = torch.maximum(distance_m, needed_m)
    height_m = 0.3 + 1.1 * (drawn(0, 1) + drawn(0, 1))[setup]
    shake = moves[:, None] * 0.012 * (2 ** torch.randn((), generator=draw)) * _handheld(len(setup), draw)
    level = torch.tensor([1.0, 1.0, 0.3])
    out = torch.stack((azimuth.cos(), azimuth.sin(), torch.zeros_like(azimuth)), dim=-1)
    eye_m = (centre_m + ride[:, None] * path_m) * torch.tensor([1.0, 1.0, 0.0]) + distance_m[:, None] * out
    eye_m = eye_m + F.pad(height_m[:, None], (2, 0)) + shake[:, :3]
    aim_m = 0.12 * torch.randn(shots, 3, generator=draw)[setup]
    target_m = centre_m + (follow | ride)[:, None] * path_m * level + aim_m + distance_m[:, None] * shake[:, 3:]
    return eye_m, target_m


def _mean_of(points_m: Tensor, group: Tensor, groups: int) -> Tensor:
    """Mean of the rows of each group `[groups, 3]`; 0 for an empty one."""
    total = torch.zeros(groups, 3).index_add(0, group, points_m)
    return total / torch.bincount(group, minlength=groups).clamp(min=1)[:, None]


def _followed(hips_m: Tensor, draw: torch.Generator) -> Tensor:
    """The path as a hand follows it `[S, 3]`: smoothed, and some tenths of a second late."""
    sigma, lag = 4 + 8 * float(torch.rand((), generator=draw)), _pick(12, draw)
    reach = 30
    kernel = torch.exp(-0.5 * ((torch.arange(-reach, reach + 1) + lag) / sigma) ** 2)
    padded = F.pad(hips_m.T[:, None], (reach, reach), mode="replicate")
    return F.conv1d(padded, (kernel / kernel.sum())[None, None])[:, 0].T


def _azimuths(coco_m: Tensor, shots: int, draw: torch.Generator) -> Tensor:
    """`[shots]` radians about z, from the dancer to the camera: mostly before the dancer, else anywhere."""
    left = (coco_m[:, _LEFT] - coco_m[:, _RIGHT]).mean((0, 1))
    front = math.atan2(-float(left[0]), float(left[1]))
    before = torch.rand(shots, generator=draw) < 0.6
    anywhere = torch.empty(shots).uniform_(-math.pi, math.pi, generator=draw)
    return front + torch.where(before, 0.6 * torch.randn(shots, generator=draw), anywhere)


def _handheld(frames: int, draw: torch.Generator) -> Tensor:
    """`[S, 6]`: the slow sway of the arms and the quicker trembling of the hands."""
    return trembling(frames, 6, 9.0, draw) + 0.25 * trembling(frames, 6, 2.0, draw)


def _rolled(camera: Camera, lasting: Tensor, moves: Tensor, draw: torch.Generator) -> Camera:
    """Tilted sideways by `lasting [S]` radians and, where it moves, a little more from moment to moment."""
    angle = lasting + moves * 0.02 * trembling(len(lasting), 1, 12.0, draw)[:, 0]
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    roll = torch.stack((cos, -sin, zero, sin, cos, zero, zero, zero, zero + 1), dim=-1).view(-1, 3, 3)
    moved = (roll @ camera.t_camera_m[..., None])[..., 0]
    return Camera(camera.intrinsics, roll @ camera.R_camera_world, moved)


def _seen_from(camera: Camera, points_m: Tensor) -> Tensor:
    return points_m @ camera.R_camera_world.transpose(-1, -2) + camera.t_camera_m[:, None]


def _framing(points_m: Tensor, shot: Tensor, size: tuple[int, int], draw: torch.Generator) -> Tensor:
    """`[shots]` focal lengths in pixels with which the dancer fills a drawn part of the picture; in a quarter of the
    shots too much of it, so that feet or head or hands are cut off. Limited to what a phone's lens shows."""
    shots = int(shot[-1]) + 1
    wide = (points_m[..., :2].abs() / points_m[..., 2:].clamp(min=0.3) / torch.tensor(size)).amax((1, 2))
    fits = 0.5 / torch.zeros(shots).scatter_reduce(0, shot, wide, "amax").clamp(min=1e-6)
    roomy = torch.empty(shots).uniform_(0.55, 1.0, generator=draw)
    tight = torch.empty(shots).uniform_(1.0, 1.5, generator=draw)
    fill = torch.where(torch.rand(shots, generator=draw) < 0.25, tight, roomy)
    half = max(size) / 2
    return (fits * fill).clamp(half / math.tan(_WIDEST / 2), half / math.tan(_NARROWEST / 2))


def _zoom(seconds: Tensor, shot: Tensor, moves: Tensor, draw: torch.Generator) -> Tensor:
    """`[S]`: in some of the moving shots a slow zoom, in some a sudden one, in or out."""
    shots = len(moves)
    begin_s, slow_s, sudden_s = (
        torch.empty(shots, 1).uniform_(low, high, generator=draw) for low, high in ((0.2, 2.5), (1.5, 5.0), (0.1, 0.3))
    )
    amount = torch.empty(shots, 2).uniform_(-0.5, 0.6, generator=draw)
    happens = (torch.rand(shots, 2, generator=draw) < torch.tensor([0.35, 0.2])) & moves[:, None]
    progress = ((seconds[:, None] - begin_s[shot]) / torch.cat((slow_s, sudden_s), 1)[shot]).clamp(0, 1)
    return torch.exp((progress * (amount * happens)[shot]).sum(-1))


def _intrinsics(focal_px: Tensor, size: tuple[int, int]) -> Tensor:
    intrinsics = torch.zeros(len(focal_px), 3, 3)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = focal_px
    intrinsics[:, 0, 2], intrinsics[:, 1, 2], intrinsics[:, 2, 2] = size[0] / 2, size[1] / 2, 1.0
    return intrinsics
