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
from core_vimo.motion import FPS, Motion, move, turn
from core_vimo.virtual_detector import detect, trembling

KINDS = ("static", "moving", "cut")
"""Fixed; moving (following, orbiting, dollying, shaken, zooming); cut: several of both."""

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
    shot = cuts.long().cumsum(0)
    montage = _montage(int(shot[-1]) + 1, {"static": 0.0, "moving": 1.0, "cut": 0.5}[kind], draw)
    stand = _stand(coco_m, shot, montage, draw)
    tangents, depth_m = stand.project(coco_m)
    focal_px = _focal_px(tangents, shot, montage, size, draw)
    camera = Camera(_intrinsics(focal_px, size), stand.R_camera_world, stand.t_camera_m)
    true_xy = tangents * focal_px[:, None, None] + torch.tensor(size) / 2
    points_m = torch.cat((tangents * depth_m[..., None], depth_m[..., None]), dim=-1)
    px_per_m = focal_px / depth_m[:, _HIPS].mean(1).clamp(min=0.3)
    return Filmed(detect(true_xy, points_m, px_per_m, size, draw, missing), cuts, true_xy, camera, size)


def facing_camera(motion: Motion, camera: Camera) -> Motion:
    """The motion turned about the up axis so that the camera, at its first frame, looks along +y (the audience's
    side: who faces it faces -y), and moved so that the pelvis begins over the origin; heights stay."""
    turned = turn(motion, radians_to_face(camera))
    return move(turned, -turned.root_m[0] * torch.tensor([1.0, 1.0, 0.0]))


def radians_to_face(camera: Camera) -> float:
    """By how much `facing_camera` turns."""
    forward = camera.R_camera_world[0, 2]
    return math.pi / 2 - math.atan2(float(forward[1]), float(forward[0]))


def _pick(choices: int, draw: torch.Generator) -> int:
    return int(torch.randint(choices, (), generator=draw))


def _cuts(frames: int, draw: torch.Generator) -> Tensor:
    """`[S]` bool: two to four shots in five seconds, the longest up to four times the shortest."""
    shots = max(1, round((2 + _pick(3, draw)) * frames / 150))
    shares = torch.empty(shots).uniform_(0.4, 1.6, generator=draw).cumsum(0)
    cuts = torch.zeros(frames, dtype=torch.bool)
    cuts[(shares[:-1] / shares[-1] * frames).long().clamp(min=min(1, frames - 1))] = True
    return cuts & (torch.arange(frames) > 0)


class _Montage(NamedTuple):
    """For each shot: the shot whose camera it shares (its own, mostly), by how much it turns round the dancer from
    there, what it magnifies, and whether it moves."""

    setup: Tensor
    turned: Tensor
    magnified: Tensor
    moves: Tensor


def _montage(shots: int, moving: float, draw: torch.Generator) -> _Montage:
    """A shot is a new camera, the last new one punched in or out, or its reverse angle; it moves by chance."""
    chance = torch.rand(shots, generator=draw)
    chance[0] = 0.0
    setup = torch.where(chance < 0.5, torch.arange(shots), 0).cummax(0).values
    turned = torch.where(chance > 0.8, math.pi + 0.4 * torch.randn(shots, generator=draw), 0.0)
    magnified = 0.75 * 2.6 ** torch.rand(shots, generator=draw)
    magnified = torch.where((chance >= 0.5) & (chance <= 0.8), magnified, 1.0)
    moves = (torch.rand(shots, generator=draw) < moving)[setup]
    return _Montage(setup, turned, magnified, moves)


def _seconds_into(shot: Tensor) -> Tensor:
    frame = torch.arange(len(shot))
    begins = torch.cat((shot.new_ones(1, dtype=torch.bool), shot[1:] != shot[:-1]))
    return (frame - torch.where(begins, frame, 0).cummax(0).values) / FPS


def _stand(coco_m: Tensor, shot: Tensor, montage: _Montage, draw: torch.Generator) -> Camera:
    """Where the camera of every frame stands and how it is turned; its focal length is 1 and its centre the origin."""
    setup, moves, seconds = montage.setup[shot], montage.moves[shot], _seconds_into(shot)
    shots = len(montage.setup)
    hips_m = coco_m[:, _HIPS].mean(1)
    centre_m = _mean_of(hips_m, setup, shots)[setup]

    def drawn(low: float, high: float) -> Tensor:
        return torch.empty(shots).uniform_(low, high, generator=draw)[setup]

    def sometimes(chance: float) -> Tensor:
        return (drawn(0, 1) < chance) & moves

    orbit, dolly, ride = sometimes(0.35), sometimes(0.3), sometimes(0.4)
    follow = (sometimes(0.7) | (moves & ~(orbit | dolly)) | ride)[:, None]
    path_m = _followed(hips_m, draw) - centre_m
    round_m = centre_m + ride[:, None] * path_m
    away_m = (hips_m - round_m)[:, :2].norm(dim=-1)
    reach_m = torch.zeros(shots).scatter_reduce(0, setup, away_m, "amax")[setup]
    azimuth = _azimuths(coco_m, shots, draw)[setup] + montage.turned[shot] + orbit * drawn(-0.7, 0.7) * seconds
    distance_m = (2 + 6 * drawn(0, 1) ** 1.5) * torch.exp(dolly * drawn(-0.6, 0.6) * (seconds / 2).tanh())
    distance_m = torch.maximum(distance_m, _NEAREST_M + reach_m)[:, None]
    height_m = 0.3 + 1.1 * (drawn(0, 1) + drawn(0, 1))
    shake = moves[:, None] * 0.012 * (2 ** torch.randn((), generator=draw)) * _handheld(len(shot), draw)
    eye_m = torch.cat((round_m[:, :2] + distance_m * _unit(azimuth), height_m[:, None]), dim=1) + shake[:, :3]
    aim_m = 0.12 * torch.randn(shots, 3, generator=draw)[setup]
    target_m = centre_m + follow * path_m * torch.tensor([1.0, 1.0, 0.3]) + aim_m + distance_m * shake[:, 3:]
    upright = Camera.look_at(eye_m, target_m, 1.0, (0, 0))
    return _rolled(upright, 0.025 * torch.randn(shots, generator=draw)[setup], moves, draw)


def _unit(radians: Tensor) -> Tensor:
    return torch.stack((radians.cos(), radians.sin()), dim=-1)


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


def _focal_px(
    tangents: Tensor, shot: Tensor, montage: _Montage, size: tuple[int, int], draw: torch.Generator
) -> Tensor:
    """`[S]` focal lengths with which the dancer, seen at `tangents [S, 17, 2]`, fills a drawn part of the picture,
    as far as a phone's lens can; a quarter of the shots are cropped, which may cut off feet or head; then the zooms."""
    shots = len(montage.setup)
    wide = (tangents.abs() / torch.tensor(size)).amax((1, 2))
    fits = 0.5 / torch.zeros(shots).scatter_reduce(0, shot, wide, "amax").clamp(min=1e-6)
    filled = fits * torch.empty(shots).uniform_(0.65, 1.05, generator=draw)
    half = max(size) / 2
    lens = filled.clamp(half / math.tan(_WIDEST / 2), half / math.tan(_NARROWEST / 2))
    cropped = torch.empty(shots).uniform_(1.1, 2.0, generator=draw)
    lens = torch.where(torch.rand(shots, generator=draw) < 0.25, lens * cropped, lens)
    return (lens[montage.setup] * montage.magnified)[shot] * _zoom(_seconds_into(shot), shot, montage.moves, draw)


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
