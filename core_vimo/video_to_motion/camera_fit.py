"""Where a teacher's motion stands before a camera, and where the camera stands, as far as that is not known.

A body of known size tells how far away it is. By how much it is displaced is least squares of joints' ways from their
`rays`, at all frames at once, since it hardly changes faster than people do (in depth, which rays tell least of, that
decides the most). What was unseen is bridged by it.

An unknown camera is upright, with one pitch a shot, found by weak perspective (`reprojection`) and then under the
pinhole itself, and a place a frame; where it walks round the dancer, its direction follows (`headings`). Its field of
view is taken to be `FIELD_OF_VIEW`: who truly used another one stands nearer or farther by that ratio.

Shapes: `S` frames, `J` = 17 COCO points, `G` directions tried at once. Everything is float64 in here.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np
import torch
from scipy.linalg import solveh_banded
from torch import Tensor

from core_vimo.camera import Camera, tangents_of
from core_vimo.coco_body import coco_joints_m
from core_vimo.errors import InputError
from core_vimo.evidence import CONFIDENT
from core_vimo.footage import Footage
from core_vimo.motion import FPS, Motion, concatenate, ground, move, turn
from core_vimo.rotations import about_z
from core_vimo.video_to_motion.headings import strayed
from core_vimo.video_to_motion.rays import OFF_M, WRONG_M, Rays, told, weight_of
from core_vimo.video_to_motion.reprojection import image_axes, reproject

FIELD_OF_VIEW = math.radians(55)
"""Over the picture's long side, where nobody knows it: between a phone held upright and the same a little zoomed."""

_ROUNDS = 4  # of finding out which joints are wrong
_ACCELERATION_M_S2, _SPEED_M_S = 5.0, 1.0  # by which a teacher's path is usually wrong
_FRAMES_TRIED = 300  # of a shot
_AWAY_M = 4.0  # where nothing tells it
_PITCHES = torch.arange(-8, 15).double() * math.radians(5)
_CLOSER, _CLOSER_ROUNDS, _STEP = 0.7, 18, math.radians(3)


def placed(motion: Motion, footage: Footage, camera: Camera) -> Motion:
    """The motion displaced frame by frame so that the camera sees it at the footage's keypoints.

    Rotations and contacts stay. Raises InputError where lengths differ or nobody is seen confidently.
    """
    _check(motion, footage)
    return move(motion, _displacement_m(Rays.of(motion, footage, camera)).float())


def fit_camera(
    motion: Motion, footage: Footage, camera: Camera | None = None, *, still: bool = False
) -> tuple[Motion, Camera]:
    """A teacher's motion placed before the camera that filmed it, and that camera, in one world.

    camera given (`[S]` frames, or `[1]` where it stood still): the motion, which in its own world faces a camera that
    at first looks along +y, is turned, shot by shot, and then `placed` in the camera's. None: the camera is estimated,
    an upright pinhole of `FIELD_OF_VIEW` with its own pitch in each shot, and the motion stays on its floor. It keeps
    its path and the camera follows it, `[S]` places and directions; or the camera is `still` in each shot and the path
    is what the picture says, for teachers that know of none. Raises InputError where lengths differ or nobody is seen
    confidently.
    """
    _check(motion, footage)
    if camera is not None:
        return placed(_turned_to(motion, footage, camera), footage, camera), camera
    return _standing(motion, footage) if still else _following(motion, footage)


def _check(motion: Motion, footage: Footage) -> None:
    if len(motion) != len(footage):
        raise InputError(f"the motion has {len(motion)} frames, the footage {len(footage)}; give those of one video")
    if not (footage.pose.confidence >= CONFIDENT).any():
        raise InputError(f"{footage.source or 'the footage'}: nobody is seen clearly; give one in which one person is")


def _displacement_m(rays: Rays) -> Tensor:
    """`[S, 3]`: least squares, with joints that turn out to be far from their rays counting less and less."""
    trust = torch.ones_like(rays.weight)
    for _ in range(_ROUNDS):
        displacement_m = _least_squares(rays, rays.weight * trust / OFF_M**2)
        trust = (1 + (rays.left_m(displacement_m) / WRONG_M).square()).reciprocal()
    return displacement_m


def _least_squares(rays: Rays, weight: Tensor) -> Tensor:
    """Of joints' ways from their rays, and of the displacement's own steps and their changes. A banded system."""
    squares = torch.einsum("sj,sjai,sjak->sik", weight, rays.across, rays.across).numpy()
    aims = -torch.einsum("sj,sjai,sja->si", weight, rays.across, rays.off_m).numpy()
    frames = len(aims)
    bands = np.zeros((7, frames, 3))  # row 6 - k holds what is k above the diagonal
    for row, column in combinations_with_replacement(range(3), 2):
        bands[6 - (column - row), :, column] += squares[:, row, column]
    for stencil, usual_m in (((-1, 1), _SPEED_M_S / FPS), ((1, -2, 1), _ACCELERATION_M_S2 / FPS**2)):
        for earlier, later in combinations_with_replacement(range(len(stencil)), 2):
            there = slice(later, max(frames - len(stencil) + 1 + later, later))
            bands[6 - 3 * (later - earlier), there] += stencil[earlier] * stencil[later] / usual_m**2
    bands[6] += 1e-6  # what nothing tells, such as the depth of a single joint, stays
    return torch.from_numpy(solveh_banded(bands.reshape(7, -1), aims.reshape(-1)).reshape(frames, 3))


# Which way


def _turned_to(motion: Motion, footage: Footage, camera: Camera) -> Motion:
    """The motion, which faces a camera that at first looks along +y, turned to where this one looks; and then as rays
    say that the teacher strayed: over a cut, along a path round the dancer."""
    forward = camera.R_camera_world[0, 2]
    motion = turn(motion, math.atan2(float(forward[1]), float(forward[0])) - math.pi / 2)
    stretches = list[Motion]()
    for frames in footage.shots():
        stretch = motion[frames]
        joints_m = coco_joints_m(stretch.rotations, stretch.root_m).double()
        seen = footage.pose.keypoints[frames].double()
        during = [part[frames] if len(part) > 1 else part for part in (camera.intrinsics, camera.R_camera_world)]
        strays = strayed(joints_m, seen, *(part.double() for part in during))
        stretches.append(_going_on(stretches, _turned_along(stretch, strays)))
    return concatenate(stretches)


def _turned_along(motion: Motion, radians: Tensor) -> Motion:
    """Each frame's body, and each step of its path, turned about the up axis by its own `[S]`."""
    about = about_z(radians).float()
    rotations = motion.rotations.clone()
    rotations[:, 0] = about @ rotations[:, 0]
    steps_m = (about[1:] @ motion.root_m.diff(dim=0)[..., None])[..., 0]
    root_m = torch.cat((motion.root_m[:1], motion.root_m[:1] + steps_m.cumsum(0)))
    return replace(motion, rotations=rotations, root_m=root_m)


def _going_on(before: list[Motion], stretch: Motion) -> Motion:
    """Moved over the floor to where the last of `before` ended."""
    if not before:
        return stretch
    return move(stretch, (before[-1].root_m[-1] - stretch.root_m[0]) * torch.tensor([1.0, 1.0, 0.0]))


def _direction(joints_m: Tensor, seen: Tensor, intrinsics: Tensor, starts: Tensor) -> Tensor:
    """(yaw, pitch) `[2]` of the upright pinhole that sees joints `[S, J, 3]` best, near to the best of `starts [G, 2]`;
    the first of them where nothing tells."""
    frames = _some_seen(seen)
    if not len(frames):
        return starts[0]
    tangents, weight = tangents_of(seen[frames, :, :2], intrinsics), weight_of(seen[frames])

    def error(directions: Tensor) -> Tensor:
        turned = _upright(directions)[:, None]
        return Rays.cast(joints_m[frames], tangents, weight, turned, torch.zeros(3).double()).error_m2().sum(-1)

    return _narrowed(error, starts[error(starts).argmin()])


def _narrowed(error: Callable[[Tensor], Tensor], best: Tensor) -> Tensor:
    """The best of ever closer points around one, `[D]`."""
    steps = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
    around = torch.cartesian_prod(*[steps] * len(best)).view(-1, len(best))
    for round_ in range(_CLOSER_ROUNDS):
        near = best + around * _STEP * _CLOSER**round_
        best = near[error(near).argmin()]
    return best


def _some_seen(seen: Tensor) -> Tensor:
    """Indices of at most so many frames, evenly spread over those that show enough of a body to tell its direction."""
    telling = told(seen).nonzero()[:, 0]
    return telling[torch.linspace(0, len(telling) - 1, min(_FRAMES_TRIED, len(telling))).round().long()]


def _upright(directions: Tensor) -> Tensor:
    """(yaw, pitch) `[..., 2]` -> R_camera_world `[..., 3, 3]` of a camera that isn't tilted sideways."""
    axes = image_axes(directions)
    forward = torch.linalg.cross(axes[..., 0, :], axes[..., 1, :], dim=-1)
    return torch.cat((axes, forward[..., None, :]), dim=-2)


# A camera that nobody knows


class _Shot(NamedTuple):
    """A camera `[1]`, or `[S]` where it walks round, that looks at a shot's path from `_AWAY_M`, and by how much the
    body is off `[S, 3]` metres."""

    frames: slice
    camera: Camera
    displacement_m: Tensor


def _shots(motion: Motion, footage: Footage, still: bool) -> list[_Shot]:
    intrinsics = _assumed_intrinsics(footage.pose.size)
    joints_m = coco_joints_m(motion.rotations, motion.root_m).double()
    seen = footage.pose.keypoints.double()
    weak = reproject(motion, footage)
    starts = torch.stack((weak.yaw, weak.pitch), dim=-1).double()
    shots = []
    for frames, start in zip(footage.shots(), starts, strict=True):
        turned = _looking(joints_m[frames], seen[frames], intrinsics, start, still)
        moved_m = torch.tensor([0.0, 0.0, _AWAY_M]) - turned @ motion.root_m[frames].mean(0).double()
        camera = Camera(intrinsics, turned, moved_m)
        rays = Rays.of(motion[frames], footage[frames], camera)
        shots.append(_Shot(frames, camera, _displacement_m(rays)))
    return shots


def _looking(joints_m: Tensor, seen: Tensor, intrinsics: Tensor, start: Tensor, still: bool) -> Tensor:
    """Which way a shot's camera looks, R_camera_world `[1, 3, 3]`, or `[S, 3, 3]` unless it stands `still`."""
    direction = _direction(joints_m, seen, intrinsics, start[None])
    if still:
        return _upright(direction)[None]
    # A camera that walks round a body sees what one that stands would see of a body that turns; how far it looks down
    # was hidden by that.
    about = about_z(strayed(joints_m, seen, intrinsics, _upright(direction)[None])).double()
    starts = torch.stack((direction[0].expand(len(_PITCHES)), _PITCHES), dim=-1)
    return _upright(_direction(joints_m @ about.mT, seen, intrinsics, torch.cat((direction[None], starts)))) @ about


def _following(motion: Motion, footage: Footage) -> tuple[Motion, Camera]:
    """The motion as it is, on its floor, and in each shot a camera that follows it."""
    motion = ground(motion)
    shots = _shots(motion, footage, still=False)
    places = [s.camera.t_camera_m + (s.camera.R_camera_world @ s.displacement_m[..., None])[..., 0] for s in shots]
    return motion, _joined(shots, places)


def _standing(motion: Motion, footage: Footage) -> tuple[Motion, Camera]:
    """In each shot a camera that stands still, and the path that was walked before it: on the floor, and going on where
    the last shot ended."""
    walked, places, shots = list[Motion](), list[Tensor](), _shots(motion, footage, still=True)
    for shot in shots:
        path_m = shot.displacement_m.float()
        stretch = _going_on(walked, ground(move(motion[shot.frames], path_m - path_m[0])))
        added_m = (stretch.root_m[0] - motion.root_m[shot.frames][0] - path_m[0]).double()
        place = shot.camera.t_camera_m - added_m @ shot.camera.R_camera_world[0].T
        walked.append(stretch)
        places.append(place.expand(len(stretch), 3))
    return concatenate(walked), _joined(shots, places)


def _joined(shots: list[_Shot], places_m: list[Tensor]) -> Camera:
    lengths = [len(shot.displacement_m) for shot in shots]
    turned = [shot.camera.R_camera_world.expand(n, 3, 3) for shot, n in zip(shots, lengths, strict=True)]
    intrinsics = shots[0].camera.intrinsics.expand(sum(lengths), 3, 3)
    return Camera(*(part.float() for part in (intrinsics, torch.cat(turned), torch.cat(places_m))))


def _assumed_intrinsics(size: tuple[int, int]) -> Tensor:
    focal_px = max(size) / 2 / math.tan(FIELD_OF_VIEW / 2)
    return torch.tensor([[[focal_px, 0, size[0] / 2], [0, focal_px, size[1] / 2], [0, 0, 1]]], dtype=torch.float64)
