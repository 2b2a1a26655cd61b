"""A mocap seen by casual cameras: phones on shelves, in hands, followed, zoomed and cut into montages.

Whatever is drawn comes from one generator, so a film is a function of its key.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core_vimo.camera import Camera
from core_vimo.errors import InputError
from core_vimo.motion import FPS, Motion, move, turn
from core_vimo.virtual_detector import Bools, Floats, detect, normal, trembling, uniform

Indices = NDArray[np.intp]

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
    points_m = coco_m.float().numpy()
    cuts = _cuts(len(points_m), draw) if kind == "cut" else np.zeros(len(points_m), bool)
    shot = cuts.cumsum()
    montage = _montage(int(shot[-1]) + 1, {"static": 0.0, "moving": 1.0, "cut": 0.5}[kind], draw)
    stand = _stand(points_m, shot, montage, draw)
    tangents, depth_m = (seen.numpy() for seen in stand.project(coco_m))
    focal_px = _focal_px(tangents, shot, montage, size, draw)
    true_xy = tangents * focal_px[:, None, None] + np.array(size, np.float32) / 2
    seen_m = np.concatenate((tangents * depth_m[..., None], depth_m[..., None]), axis=-1)
    px_per_m = focal_px / np.maximum(_middle(depth_m, _HIPS), 0.3)
    keypoints, xy, intrinsics = _tensors(
        detect(true_xy, seen_m, px_per_m, size, draw, missing), true_xy, _intrinsics(focal_px, size)
    )
    camera = Camera(intrinsics, stand.R_camera_world, stand.t_camera_m)
    return Filmed(keypoints, torch.from_numpy(cuts), xy, camera, size)


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


def _between(low: float, high: float, draw: torch.Generator, *shape: int) -> Floats:
    return torch.empty(shape).uniform_(low, high, generator=draw).numpy()


def _cuts(frames: int, draw: torch.Generator) -> Bools:
    """`[S]` bool: two to four shots in five seconds, the longest up to four times the shortest."""
    shots = max(1, round((2 + _pick(3, draw)) * frames / 150))
    shares = _between(0.4, 1.6, draw, shots).cumsum()
    cuts = np.zeros(frames, bool)
    cuts[np.maximum((shares[:-1] / shares[-1] * frames).astype(int), min(1, frames - 1))] = True
    cuts[0] = False
    return cuts


class _Montage(NamedTuple):
    """For each shot: the shot whose camera it shares (its own, mostly), by how much it turns round the dancer from
    there, what it magnifies, and whether it moves."""

    setup: Indices
    turned: Floats
    magnified: Floats
    moves: Bools


def _montage(shots: int, moving: float, draw: torch.Generator) -> _Montage:
    """A shot is a new camera, the last new one punched in or out, or its reverse angle; it moves by chance."""
    chance = uniform(draw, shots)
    chance[0] = 0.0
    setup = np.maximum.accumulate(np.where(chance < 0.5, np.arange(shots), 0))
    turned = np.where(chance > 0.8, math.pi + 0.4 * normal(draw, shots), 0.0)
    magnified = 0.75 * 2.6 ** uniform(draw, shots)
    magnified = np.where((chance >= 0.5) & (chance <= 0.8), magnified, 1.0)
    moves = (uniform(draw, shots) < moving)[setup]
    return _Montage(setup, turned, magnified, moves)


def _seconds_into(shot: Indices) -> Floats:
    frame = np.arange(len(shot))
    begins = np.diff(shot, prepend=-1) > 0
    return ((frame - np.maximum.accumulate(np.where(begins, frame, 0))) / FPS).astype(np.float32)


def _stand(coco_m: Floats, shot: Indices, montage: _Montage, draw: torch.Generator) -> Camera:
    """Where the camera of every frame stands and how it is turned; its focal length is 1 and its centre the origin."""
    setup, moves, seconds = montage.setup[shot], montage.moves[shot], _seconds_into(shot)
    shots = len(montage.setup)
    hips_m = _middle(coco_m, _HIPS)
    centre_m = _mean_of(hips_m, setup, shots)[setup]

    def drawn(low: float, high: float) -> Floats:
        return _between(low, high, draw, shots)[setup]

    def sometimes(chance: float) -> Bools:
        return (drawn(0, 1) < chance) & moves

    orbit, dolly, ride = sometimes(0.35), sometimes(0.3), sometimes(0.4)
    follow = (sometimes(0.7) | (moves & ~(orbit | dolly)) | ride)[:, None]
    path_m = _followed(hips_m, draw) - centre_m
    round_m = centre_m + ride[:, None] * path_m
    away_m = np.hypot(*(hips_m - round_m)[:, :2].T)
    azimuth = _azimuths(coco_m, shots, draw)[setup] + montage.turned[shot] + orbit * drawn(-0.7, 0.7) * seconds
    distance_m = (2 + 6 * drawn(0, 1) ** 1.5) * np.exp(dolly * drawn(-0.6, 0.6) * np.tanh(seconds / 2))
    distance_m = np.maximum(distance_m, _NEAREST_M + _most_of(away_m, setup, shots)[setup])[:, None]
    height_m = 0.3 + 1.1 * (drawn(0, 1) + drawn(0, 1))
    shaken = 0.012 * 2 ** float(normal(draw))
    shake = (moves * np.float32(shaken))[:, None] * _handheld(len(shot), draw)
    eye_m = np.concatenate((round_m[:, :2] + distance_m * _unit(azimuth), height_m[:, None]), axis=1) + shake[:, :3]
    aim_m = 0.12 * normal(draw, shots, 3)[setup]
    target_m = centre_m + follow * path_m * np.array([1.0, 1.0, 0.3], np.float32) + aim_m + distance_m * shake[:, 3:]
    eye, target = _tensors(eye_m, target_m)
    upright = Camera.look_at(eye, target, 1.0, (0, 0))
    lasting = 0.025 * normal(draw, shots)[setup]
    return _rolled(upright, lasting + moves * 0.02 * trembling(len(shot), 1, 12.0, draw)[:, 0])


def _middle(values: Floats, pair: list[int]) -> Floats:
    return (values[:, pair[0]] + values[:, pair[1]]) / 2


def _unit(radians: Floats) -> Floats:
    return np.stack((np.cos(radians), np.sin(radians)), axis=-1)


def _tensors(*arrays: NDArray[Any]) -> tuple[Tensor, ...]:
    return tuple(torch.from_numpy(array.astype(np.float32, copy=False)) for array in arrays)


def _mean_of(points_m: Floats, group: Indices, groups: int) -> Floats:
    """Mean of the rows of each group `[groups, 3]`; 0 for an empty one."""
    member = group == np.arange(groups)[:, None]
    return (member @ points_m) / np.maximum(member.sum(1, keepdims=True), 1)


def _most_of(values: Floats, group: Indices, groups: int) -> Floats:
    """The largest of each group, at least 0 `[groups]`."""
    return np.where(group == np.arange(groups)[:, None], values, 0).max(1)


def _followed(hips_m: Floats, draw: torch.Generator) -> Floats:
    """The path as a hand follows it `[S, 3]`: smoothed, and some tenths of a second late."""
    sigma, lag = 4 + 8 * float(uniform(draw)), _pick(12, draw)
    reach = 30
    kernel = np.exp(-0.5 * ((np.arange(-reach, reach + 1) + lag) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    padded = np.pad(hips_m, ((reach, reach), (0, 0)), "edge")
    return np.stack([np.correlate(axis, kernel, "valid") for axis in padded.T], axis=-1)


def _azimuths(coco_m: Floats, shots: int, draw: torch.Generator) -> Floats:
    """`[shots]` radians about z, from the dancer to the camera: mostly before the dancer, else anywhere."""
    left = (coco_m[:, _LEFT] - coco_m[:, _RIGHT]).mean((0, 1))
    front = math.atan2(-float(left[0]), float(left[1]))
    before = uniform(draw, shots) < 0.6
    anywhere = _between(-math.pi, math.pi, draw, shots)
    return front + np.where(before, 0.6 * normal(draw, shots), anywhere)


def _handheld(frames: int, draw: torch.Generator) -> Floats:
    """`[S, 6]`: the slow sway of the arms and the quicker trembling of the hands."""
    return trembling(frames, 6, 9.0, draw) + 0.25 * trembling(frames, 6, 2.0, draw)


def _rolled(camera: Camera, radians: Floats) -> Camera:
    """Tilted sideways by `radians [S]`."""
    (angle,) = _tensors(radians)
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]

    def tilted(axes: Tensor) -> Tensor:
        right, down, forward = axes.flatten(2).unbind(1)
        return torch.stack((cos * right - sin * down, sin * right + cos * down, forward), dim=1).view_as(axes)

    return Camera(camera.intrinsics, tilted(camera.R_camera_world), tilted(camera.t_camera_m[..., None])[..., 0])


def _focal_px(
    tangents: Floats, shot: Indices, montage: _Montage, size: tuple[int, int], draw: torch.Generator
) -> Floats:
    """`[S]` focal lengths with which the dancer, seen at `tangents [S, 17, 2]`, fills a drawn part of the picture,
    as far as a phone's lens can; a quarter of the shots are cropped, which may cut off feet or head; then the zooms."""
    shots = len(montage.setup)
    wide = (np.abs(tangents) / np.array(size, np.float32)).max((1, 2))
    fits = 0.5 / np.maximum(_most_of(wide, shot, shots), 1e-6)
    filled = fits * _between(0.65, 1.05, draw, shots)
    half = max(size) / 2
    lens = filled.clip(half / math.tan(_WIDEST / 2), half / math.tan(_NARROWEST / 2))
    cropped = _between(1.1, 2.0, draw, shots)
    lens = np.where(uniform(draw, shots) < 0.25, lens * cropped, lens)
    return (lens[montage.setup] * montage.magnified)[shot] * _zoom(_seconds_into(shot), shot, montage.moves, draw)


def _zoom(seconds: Floats, shot: Indices, moves: Bools, draw: torch.Generator) -> Floats:
    """`[S]`: in some of the moving shots a slow zoom, in some a sudden one, in or out."""
    shots = len(moves)
    begin_s, slow_s, sudden_s = (_between(low, high, draw, shots) for low, high in ((0.2, 2.5), (1.5, 5.0), (0.1, 0.3)))
    amount = _between(-0.5, 0.6, draw, shots, 2)
    slowly, suddenly = (amount * ((uniform(draw, shots, 2) < (0.35, 0.2)) & moves[:, None])).T
    since_s = seconds - begin_s[shot]
    slow, sudden = ((since_s / lasts_s[shot]).clip(0, 1) for lasts_s in (slow_s, sudden_s))
    return np.exp(slow * slowly[shot] + sudden * suddenly[shot])


def _intrinsics(focal_px: Floats, size: tuple[int, int]) -> Floats:
    intrinsics = np.zeros((len(focal_px), 3, 3), np.float32)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = focal_px
    intrinsics[:, 0, 2], intrinsics[:, 1, 2], intrinsics[:, 2, 2] = size[0] / 2, size[1] / 2, 1.0
    return intrinsics
