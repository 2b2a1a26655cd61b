"""The procedural mannequin: a skinned mesh built from the rest skeleton, with nothing licensed in it.

A smooth union of round cones, one or more per bone, is meshed by marching cubes. The same blend that joins the
cones gives the skinning weights, so a joint bends where its surface blends. Body axes are SMPL's at rest: y-up, +z
forward, +x the dancer's left; the pelvis joint is the origin.
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_vimo import skeleton

Floats = NDArray[np.float32]

_CELL_M = 0.0175
_BLEND_M = 0.009  # how far a cone reaches into its neighbours' surface
_WEIGHT_BLEND_M = 0.016
_REACH_M = 0.075  # beyond this a cone's share of the surface is under exp(-8)
_INFLUENCES = 4  # what a glTF vertex carries
_SLIGHT_WEIGHT = 0.04  # subtracted from every weight: one leg must not pull at the other

_Point = tuple[str, float, float, float]


@dataclass(frozen=True)
class Body:
    """Rest mesh and skin. `vertices_m`, `normals` [V,3] float32; `faces` [F,3] int32, counter-clockwise from outside;
    `joints` [V,4] int32 into the 24 joints, `weights` [V,4] float32, descending, each row summing to 1."""

    vertices_m: Floats
    normals: Floats
    faces: NDArray[np.int32]
    joints: NDArray[np.int32]
    weights: Floats


class _Cone(NamedTuple):
    """A sphere swept from start to end, its radius changing; it moves with `bone`. Points are joint + offset."""

    bone: str
    start: _Point
    end: _Point
    start_radius: float
    end_radius: float


# The dancer's left half and what crosses the middle; `_mirrored` makes the right half.
_CONES = (
    # Pelvis and belly: pairs of cones side by side make an oval, wider than deep.
    _Cone("pelvis", ("pelvis", 0.0, -0.04, -0.02), ("left_hip", 0.022, 0.015, -0.012), 0.092, 0.088),
    _Cone("pelvis", ("left_hip", -0.005, 0.02, -0.045), ("left_hip", -0.005, -0.03, -0.035), 0.07, 0.068),
    _Cone("pelvis", ("pelvis", 0.045, 0.02, -0.01), ("spine1", 0.036, 0.0, 0.022), 0.088, 0.08),
    _Cone("spine1", ("spine1", 0.036, 0.0, 0.022), ("spine2", 0.042, -0.03, 0.012), 0.08, 0.086),
    # Rib cage, chest and the slope from shoulder to neck.
    _Cone("spine2", ("spine2", 0.045, -0.02, 0.01), ("spine3", 0.058, 0.03, 0.012), 0.088, 0.092),
    _Cone("spine3", ("spine3", 0.06, 0.03, 0.014), ("spine3", 0.072, 0.095, 0.0), 0.093, 0.075),
    _Cone("spine3", ("spine3", 0.0, 0.06, -0.01), ("neck", 0.0, -0.04, 0.0), 0.095, 0.058),
    _Cone("left_collar", ("left_collar", 0.0, 0.005, -0.005), ("left_shoulder", -0.02, 0.0, 0.0), 0.058, 0.056),
    _Cone("left_collar", ("neck", 0.01, -0.01, -0.01), ("left_shoulder", -0.035, 0.02, 0.0), 0.04, 0.036),
    # Neck and head; chin, nose and ears show which way it looks.
    _Cone("neck", ("neck", 0.0, -0.03, 0.0), ("head", 0.0, 0.02, -0.005), 0.054, 0.05),
    _Cone("head", ("head", 0.0, 0.095, 0.0), ("head", 0.0, 0.085, 0.03), 0.088, 0.08),
    _Cone("head", ("head", 0.0, 0.06, 0.04), ("head", 0.0, 0.0, 0.062), 0.062, 0.034),
    _Cone("head", ("head", 0.0, 0.072, 0.108), ("head", 0.0, 0.042, 0.124), 0.01, 0.017),
    _Cone("head", ("head", 0.083, 0.075, 0.01), ("head", 0.08, 0.045, 0.014), 0.019, 0.014),
    # Arm: deltoid, upper arm, forearm with its swelling below the elbow.
    _Cone("left_shoulder", ("left_shoulder", -0.015, 0.0, 0.0), ("left_shoulder", 0.06, 0.0, -0.005), 0.057, 0.05),
    _Cone("left_shoulder", ("left_shoulder", 0.05, 0.0, -0.003), ("left_elbow", 0.0, 0.0, 0.0), 0.05, 0.038),
    _Cone("left_elbow", ("left_elbow", 0.0, 0.0, 0.0), ("left_elbow", 0.07, 0.0, 0.0), 0.038, 0.042),
    _Cone("left_elbow", ("left_elbow", 0.07, 0.0, 0.0), ("left_wrist", 0.0, 0.0, 0.0), 0.042, 0.027),
    # Hand: a flat palm, a mitten of fingers, a thumb that points forward at rest.
    _Cone("left_wrist", ("left_wrist", 0.0, 0.0, 0.004), ("left_hand", 0.0, 0.0, 0.026), 0.024, 0.02),
    _Cone("left_wrist", ("left_wrist", 0.0, 0.0, -0.004), ("left_hand", 0.0, 0.0, -0.012), 0.024, 0.02),
    _Cone("left_wrist", ("left_wrist", 0.025, -0.004, 0.02), ("left_wrist", 0.075, -0.01, 0.062), 0.02, 0.0135),
    _Cone("left_hand", ("left_hand", 0.0, 0.0, 0.024), ("left_hand", 0.075, -0.008, 0.022), 0.02, 0.0135),
    _Cone("left_hand", ("left_hand", 0.0, 0.0, -0.012), ("left_hand", 0.066, -0.008, -0.008), 0.02, 0.013),
    # Leg: thigh, calf behind the shin, ankle.
    _Cone("left_hip", ("left_hip", 0.012, -0.02, 0.0), ("left_hip", 0.02, -0.16, 0.005), 0.094, 0.08),
    _Cone("left_hip", ("left_hip", 0.02, -0.16, 0.005), ("left_knee", 0.0, 0.0, 0.008), 0.08, 0.055),
    _Cone("left_knee", ("left_knee", 0.0, 0.0, 0.008), ("left_knee", -0.002, -0.12, -0.026), 0.053, 0.057),
    _Cone("left_knee", ("left_knee", -0.002, -0.12, -0.026), ("left_ankle", 0.0, 0.0, 0.0), 0.055, 0.034),
    # Foot: heel, instep, ball and toes; the sole is cut flat at the floor.
    _Cone("left_ankle", ("left_ankle", 0.0, 0.0, 0.0), ("left_ankle", 0.0, -0.05, -0.03), 0.036, 0.038),
    _Cone("left_ankle", ("left_ankle", 0.004, -0.022, 0.02), ("left_foot", -0.012, 0.0, 0.01), 0.04, 0.034),
    _Cone("left_ankle", ("left_ankle", 0.004, -0.05, -0.03), ("left_foot", 0.012, -0.008, 0.0), 0.036, 0.032),
    _Cone("left_foot", ("left_foot", -0.014, -0.004, 0.01), ("left_foot", -0.016, -0.01, 0.075), 0.034, 0.024),
    _Cone("left_foot", ("left_foot", 0.014, -0.008, 0.0), ("left_foot", 0.014, -0.012, 0.055), 0.031, 0.022),
)  # fmt: skip


@cache
def mannequin() -> Body:
    """The mannequin, built once per process (about 8 000 vertices)."""
    cones = _CONES + tuple(_mirrored(cone) for cone in _CONES)
    starts, ends = _ends_m(cones)
    radii = np.array([(cone.start_radius, cone.end_radius) for cone in cones], np.float32)
    vertices, faces, normals = _surface(starts, ends, radii)
    distance = np.stack([_distance(vertices, *cone) for cone in zip(starts, ends, radii, strict=True)], axis=1)
    joints, weights = _skin(distance, np.array([skeleton.JOINT_NAMES.index(cone.bone) for cone in cones]))
    return Body(vertices, normals, faces, joints, weights)


def _mirrored(cone: _Cone) -> _Cone:
    def point(name: str, x: float, y: float, z: float) -> _Point:
        return name.replace("left_", "right_"), -x, y, z

    return cone._replace(bone=cone.bone.replace("left_", "right_"), start=point(*cone.start), end=point(*cone.end))


def _ends_m(cones: tuple[_Cone, ...]) -> tuple[Floats, Floats]:
    rest = skeleton.rest_joints_m().numpy()

    def place(point: _Point) -> Floats:
        return rest[skeleton.JOINT_NAMES.index(point[0])] + np.array(point[1:], np.float32)

    return np.stack([place(cone.start) for cone in cones]), np.stack([place(cone.end) for cone in cones])


def floor_m() -> float:
    """Height of the soles at rest, below the pelvis: the lowest toe joint less `TOE_HEIGHT_M`."""
    return float(skeleton.rest_joints_m()[:, 1].min()) - skeleton.TOE_HEIGHT_M


def _distance(points: Floats, start: Floats, end: Floats, radii: Floats) -> Floats:
    """Distance `[...]` of points `[..., 3]` from a round cone's surface, negative inside (exact where radii agree)."""
    axis = end - start
    along = np.clip((points - start) @ axis / (axis @ axis), 0.0, 1.0)
    return np.linalg.norm(points - start - along[..., None] * axis, axis=-1) - (
        radii[0] + (radii[1] - radii[0]) * along
    )


def _surface(starts: Floats, ends: Floats, radii: Floats) -> tuple[Floats, NDArray[np.int32], Floats]:
    """Zero level of the smooth union: vertices `[V, 3]`, faces `[F, 3]`, outward unit normals `[V, 3]`."""
    from skimage.measure import marching_cubes

    low = np.minimum(starts, ends).min(0) - 0.15
    shape = np.ceil((np.maximum(starts, ends).max(0) + 0.15 - low) / _CELL_M).astype(int)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), -1) * _CELL_M + low
    grid = grid.astype(np.float32)
    share = np.full(shape, np.exp(-_REACH_M / _BLEND_M), np.float32)
    for start, end, radius in zip(starts, ends, radii, strict=True):  # each cone only in its own box
        near = _box(start, end, radius.max() + _REACH_M, low)
        share[near] += np.exp(-_distance(grid[near], start, end, radius) / _BLEND_M)
    field = np.maximum(-_BLEND_M * np.log(share), floor_m() - grid[..., 1])
    vertices, faces, normals, _ = marching_cubes(field, 0.0, spacing=(_CELL_M,) * 3)
    outward = -normals  # marching cubes gives them down the field, into the body
    return (vertices + low).astype(np.float32), faces.astype(np.int32), outward.astype(np.float32)


def _box(start: Floats, end: Floats, margin: float, low: Floats) -> tuple[slice, ...]:
    first = np.maximum(((np.minimum(start, end) - margin - low) / _CELL_M).astype(int), 0)
    last = ((np.maximum(start, end) + margin - low) / _CELL_M).astype(int) + 2
    return tuple(slice(a, b) for a, b in zip(first, last, strict=True))


def _skin(distance: Floats, bones: NDArray[np.int_]) -> tuple[NDArray[np.int32], Floats]:
    """Distances `[V, C]` from the cones to the four strongest joints `[V, 4]` and their weights `[V, 4]`."""
    nearest = np.full((len(distance), len(skeleton.JOINT_NAMES)), np.inf, np.float32)
    np.minimum.at(nearest.T, bones, distance.T)
    share = np.exp((nearest.min(1, keepdims=True) - nearest) / _WEIGHT_BLEND_M)
    share = np.maximum(share / share.sum(1, keepdims=True) - _SLIGHT_WEIGHT, 0.0)
    joints = np.argsort(-share, axis=1, kind="stable")[:, :_INFLUENCES]
    weights = np.take_along_axis(share, joints, 1)
    return joints.astype(np.int32), weights / weights.sum(1, keepdims=True)
