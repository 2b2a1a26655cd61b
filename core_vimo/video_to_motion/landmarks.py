"""A body posed by the places in space that a pose estimator guesses beside its keypoints.

They are told frame by frame in the camera's axes, around the hips. So they know no path, nor which way is up: cameras
are held upright, and on average so are the people of a shot.
"""

import math

import torch
from torch import Tensor

from core_vimo.errors import InputError
from core_vimo.footage import Footage
from core_vimo.limb_ik import rotations_from_coco
from core_vimo.motion import FPS, Motion, averaged_over_time
from core_vimo.pose2d import COCO_NAMES
from core_vimo.rotations import about_z, axis_angle_to_matrix, heading

_SMOOTHED_S = 0.067  # two frames: landmarks tremble
_STEEPEST = math.radians(40)  # that a camera looks up or down
_HIGH = [COCO_NAMES.index(f"{side}_{part}") for part in ("ear", "shoulder") for side in ("left", "right")]
_LOW = [COCO_NAMES.index(f"{side}_ankle") for side in ("left", "right")]


def posed_by_landmarks(footage: Footage) -> Motion:
    """How `footage.world_m` says that a body is turned, on the spot; its first shot's camera looks along +y.

    Frames without anyone lie on straight lines between their neighbours in a shot; a shot without anyone holds the
    nearest other's pose. Over a cut the body goes on facing where it did. Raises InputError where there are no places
    in space.
    """
    if footage.world_m is None:
        raise InputError(
            f"{footage.source or 'the footage'}: its keypoints came without places in space; look at the video itself, "
            "with the estimator mediapipe, or take another teacher"
        )
    seen = (footage.pose.confidence > 0).any(-1)
    shots = [shot for shot in footage.shots() if seen[shot].any()]
    if not shots:
        raise InputError(f"{footage.source or 'the footage'}: shows nobody; give one in which one person is seen")
    rotations = torch.eye(3).repeat(len(footage), 24, 1, 1)
    facing = None
    for shot in shots:
        posed = rotations_from_coco(_upright(_steadied(footage.world_m[shot], seen[shot])))
        if facing is not None:
            posed[:, 0] = about_z(facing - heading(posed[0, 0])) @ posed[:, 0]
        rotations[shot], facing = posed, heading(posed[-1, 0])
    return Motion.from_rotations(rotations[_nearest(len(footage), shots)], torch.zeros(len(footage), 3))


def _steadied(world_m: Tensor, seen: Tensor) -> Tensor:
    """`[S, 17, 3]`: unseen frames bridged, all a little averaged over time; z-up, the camera looking along +y."""
    known = seen.nonzero()[:, 0]
    frame = torch.arange(len(seen))
    after = torch.searchsorted(known, frame).clamp(max=len(known) - 1)
    before = (torch.searchsorted(known, frame, right=True) - 1).clamp(min=0)
    gap = (known[after] - known[before]).clamp(min=1)
    part = ((frame - known[before]) / gap).clamp(0, 1)[:, None, None]
    bridged = world_m[known[before]].lerp(world_m[known[after]], part)
    x, down, away = averaged_over_time(bridged.flatten(1), _SMOOTHED_S * FPS).view_as(bridged).unbind(-1)
    return torch.stack((x, away, -down), dim=-1)


def _upright(points_m: Tensor) -> Tensor:
    """Tilted about the picture's horizontal so that on average people lean neither towards the camera nor away."""
    tall = (points_m[:, _HIGH].mean(1) - points_m[:, _LOW].mean(1)).mean(0)
    lean = math.atan2(float(tall[1]), max(float(tall[2]), 1e-6))
    tilt = axis_angle_to_matrix(torch.tensor([max(-_STEEPEST, min(_STEEPEST, lean)), 0.0, 0.0]))
    return points_m @ tilt.T


def _nearest(frames: int, shots: list[slice]) -> Tensor:
    """Of every frame the nearest one of these shots `[S]`."""
    known = torch.cat([torch.arange(shot.start, shot.stop) for shot in shots])
    place = torch.searchsorted(known, torch.arange(frames))
    before, after = known[(place - 1).clamp(min=0)], known[place.clamp(max=len(known) - 1)]
    frame = torch.arange(frames)
    return torch.where((frame - before).abs() < (after - frame).abs(), before, after)
