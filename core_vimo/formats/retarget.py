"""Any person's rig onto SMPL-24.

Rigs differ in names, units, axes, number of spine joints and, above all, in the pose their zero rotations mean. So
local rotations are never copied. A *reference pose* is found in which the source stands like a person (its zero pose
or a frame of the clip), our body is put into that pose, and each of our bones then follows its source bone's world
rotation from there: bones point where the source's point, and twist is kept.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core_vimo import rotations as rot
from core_vimo.errors import InputError
from core_vimo.formats.bvh_clip import BvhClip
from core_vimo.formats.rest_poses import known_t_pose
from core_vimo.formats.rig import SIDES, Array, Rig
from core_vimo.motion import Motion, ground
from core_vimo.skeleton import JOINT_NAMES, PARENTS, REST_OFFSETS_M

STANDS = 2.2
"""A pose scoring at least this in `_standing` (at most 3) serves as reference."""

UPRIGHT = 0.87
"""Cosine of 30 degrees: no part of the trunk of somebody standing is turned further from the body's axes."""

FASTEST_M_S = 15.0
FASTEST_RAD_S = 70.0
"""No joint of a dancer moves or turns faster (see `impossible_steps`); a pitcher's arm, the fastest, may."""

_REST = REST_OFFSETS_M.double().numpy()
_JOINT = {name: j for j, name in enumerate(JOINT_NAMES)}
_LIMB_JOINTS = [j for j in range(1, 24) if j not in (3, 6, 9, 12, 15)]
_AIMED = {"hip": "knee", "knee": "ankle", "shoulder": "elbow", "elbow": "wrist", "wrist": "finger"}
"""Joints whose bone to the next joint is made to point where the source's does."""


def retarget(clip: BvhClip) -> Motion:
    """A clip of any rig as a Motion at the clip's frame rate: SMPL-24, metres, z-up, feet on the floor.

    Sizes are scaled by the ratio of leg lengths, so the file's unit doesn't matter and feet don't skate. A rig that is
    SMPL-24 itself, as `write_bvh` writes it, comes back as it was, at its own height. Calibration poses at either end
    are cut off (see `impossible_steps`). Raises InputError where the limbs of a person can't be found.
    """
    if is_smpl(clip):
        return _unchanged(clip)
    rig = Rig.of(clip)
    turned, placed = _z_up_pose(clip, rig)
    hips_apart = float(np.linalg.norm(rig.at(placed[0], "left_hip") - rig.at(placed[0], "right_hip")))
    if not min(rig.leg_length(placed[0]), hips_apart) > 0:
        raise InputError(f"{clip.file}: its legs have no length or start in one point; export it with its skeleton")
    trunk, limbs = _references(clip, rig, turned, placed)
    world = _follow(rig, turned, trunk, limbs)
    root_m = _pelvis_path_m(rig, placed, world[:, 0])
    local = world.copy()
    local[:, 1:] = np.swapaxes(world[:, PARENTS[1:]], -1, -2) @ world[:, 1:]
    motion = Motion.from_rotations(torch.from_numpy(local).float(), torch.from_numpy(root_m).float(), clip.fps)
    return ground(_without_calibration(motion))


def up_axis(clip: BvhClip) -> str:
    """The file's axis that points up, `y`, `z` or `-x`, told by the body that stands in it. Raises InputError."""
    if is_smpl(clip):
        return "y"
    up = _world_up(Rig.of(clip), clip.global_pose()[1])
    return ("-" if up.sum() < 0 else "") + "xyz"[int(np.abs(up).argmax())]


# A rig that is ours


def is_smpl(clip: BvhClip) -> bool:
    """SMPL-24 by name with our own offsets, at any scale."""
    if sorted(clip.names) != sorted(JOINT_NAMES) or clip.translations:
        return False
    order = [clip.names.index(name) for name in JOINT_NAMES]
    offsets = clip.offsets[order][1:]
    parents = [clip.names[clip.parents[j]] for j in order[1:]]
    scale = np.linalg.norm(offsets) / np.linalg.norm(_REST)
    return parents == [JOINT_NAMES[p] for p in PARENTS[1:]] and bool(
        scale > 0 and np.abs(offsets / scale - _REST[1:]).max() < 1e-4
    )


def _unchanged(clip: BvhClip) -> Motion:
    order = [clip.names.index(name) for name in JOINT_NAMES]
    scale = np.linalg.norm(_REST) / np.linalg.norm(clip.offsets[order][1:])
    to_z_up = rot.y_up_to_z_up()
    rotations = torch.from_numpy(clip.rotations[:, order])
    rotations[:, 0] = to_z_up @ rotations[:, 0]
    return Motion.from_rotations(rotations, torch.from_numpy(clip.root_positions * scale).float() @ to_z_up.T, clip.fps)


# Up


def _nearest_axis(direction: Array) -> Array:
    """The signed unit axis nearest to a direction."""
    axis = np.zeros(3)
    largest = int(np.abs(direction).argmax())
    axis[largest] = np.sign(direction[largest]) or 1.0
    return axis


def _world_up(rig: Rig, placed: Array) -> Array:
    """The axis along which heads are above ankles on average; y, BVH's habit, where that isn't plain."""
    tall = (rig.at(placed, "head") - rig.at(placed, "ankle")).mean(axis=0)
    if tall[1] > 0.5 * np.linalg.norm(tall):
        return np.array([0.0, 1.0, 0.0])
    return _nearest_axis(tall)


def _z_up_pose(clip: BvhClip, rig: Rig) -> tuple[Array, Array]:
    """World rotations and positions in z-up axes, the file's unit."""
    turned, placed = clip.global_pose()
    to_z_up = _z_up_from(_world_up(rig, placed))
    return to_z_up @ turned, placed @ to_z_up.T


def _z_up_from(up: Array) -> Array:
    """The rotation that takes an up axis to +z by the shortest way: +90 degrees about x for y-up."""
    return _swing(up, np.array([0.0, 0.0, 1.0]))


def _swing(start: Array, end: Array) -> Array:
    """The shortest rotation `[3, 3]` of direction `start` onto `end`."""
    turned: Array = rot.swing(torch.from_numpy(start).double(), torch.from_numpy(end).double()).numpy()
    return turned


# Reference poses


@dataclass(frozen=True)
class _Pose:
    """One pose of the source: world rotations `[J, 3, 3]`, positions `[J, 3]`, and the body's axes there `[3, 3]`."""

    turned: Array
    placed: Array
    body: Array


def _references(clip: BvhClip, rig: Rig, turned: Array, placed: Array) -> tuple[_Pose, _Pose]:
    """The pose to follow from for the trunk and that for the limbs.

    Both are the pose of zero rotations, or the rig's known T-pose, where that stands like a person. Else the limbs
    follow from the frame that looks most like standing, and the trunk, as far as it can (`_trunk_reference`), from a
    rest pose in which joints that never move keep their rotation.
    """
    zero = np.broadcast_to(np.eye(3, dtype=np.float32), turned.shape[1:])
    for rotations in (zero, known_t_pose(clip.names)):
        if rotations is not None:
            rest = _rest_pose(clip, rig, rotations)
            if _standing(rig, rest.placed, rest.body[:, 1]) >= STANDS:
                return rest, rest
    up = np.array([0.0, 0.0, 1.0])
    best = int(_standing(rig, placed, up).argmax())
    frame = _Pose(turned[best], placed[best], _body_axes(rig, placed[best], up))
    still = _rest_pose(clip, rig, _constant_rotations(clip))
    tall = _unit(rig.at(still.placed, "head") - rig.at(still.placed, "hip")) @ still.body[:, 1]
    return (still if tall > UPRIGHT else frame), frame


def _constant_rotations(clip: BvhClip) -> Array:
    """Local rotations `[J, 3, 3]` of joints that never move, identity for the others."""
    first = clip.rotations[0]
    still = np.abs(clip.rotations - first).max(axis=(0, 2, 3), keepdims=False) < 1e-3
    return np.where(still[:, None, None], first, np.eye(3, dtype=np.float32))


def _rest_pose(clip: BvhClip, rig: Rig, rotations: Array) -> _Pose:
    still = replace(clip, rotations=rotations[None], root_positions=np.zeros((1, 3)), translations={})
    turned, placed = (pose[0] for pose in still.global_pose())
    up = _nearest_axis(rig.at(placed, "head") - rig.at(placed, "hip"))
    return _Pose(turned, placed, _body_axes(rig, placed, up))


def _body_axes(rig: Rig, placed: Array, up: Array) -> Array:
    """Columns left, up, forward `[..., 3, 3]`: where SMPL's axes at rest point in a standing pose."""
    left: Array = rig.at(placed, "left_hip") - rig.at(placed, "right_hip")
    left = _unit(left - (left @ up)[..., None] * up)
    return np.stack((left, np.broadcast_to(up, left.shape), np.cross(left, up)), axis=-1)


def _standing(rig: Rig, placed: Array, up: Array) -> Array:
    """How much poses `[..., J, 3]` look like standing with straight arms beside the body, -inf to 3."""
    forward = _body_axes(rig, placed, up)[..., 2]
    bone = {
        (side, upper): _unit(rig.at(placed, f"{side}_{lower}") - rig.at(placed, f"{side}_{upper}"))
        for side in SIDES
        for upper, lower in _AIMED.items()
        if upper != "wrist"
    }
    legs = np.min([-bone[side, part] @ up for side in SIDES for part in ("hip", "knee")], axis=0)
    arms = np.min([(bone[side, "shoulder"] * bone[side, "elbow"]).sum(-1) for side in SIDES], axis=0)
    ahead = np.max([np.abs((bone[side, "shoulder"] * forward).sum(-1)) for side in SIDES], axis=0)
    trunk = _unit(rig.at(placed, "shoulder") - rig.at(placed, "hip")) @ up
    return legs + arms + trunk - ahead


def _unit(vectors: Array) -> Array:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


# Following


def _follow(rig: Rig, turned: Array, trunk: _Pose, limbs: _Pose) -> Array:
    """World rotations of our joints `[S, 24, 3, 3]`."""
    world = np.empty((len(turned), 24, 3, 3))
    world[:, 0] = _trunk_from(trunk, limbs, rig.pelvis, turned)
    world[:, [3, 6, 9]] = _three_of(np.stack([_trunk_from(trunk, limbs, j, turned) for j in rig.spine], axis=1))
    world[:, 12] = world[:, 9] if rig.neck is None else _trunk_from(trunk, limbs, rig.neck, turned)
    world[:, 15] = _trunk_from(trunk, limbs, rig.parts["head"], turned)
    posed = _pose_limbs(rig, trunk, limbs)
    for joint in _LIMB_JOINTS:
        part = JOINT_NAMES[joint].replace("foot", "toe")
        known = part in rig.parts and joint in posed
        world[:, joint] = _from(limbs, rig.parts[part], posed[joint], turned) if known else world[:, PARENTS[joint]]
    return world


def _from(reference: _Pose, joint: int, ours: Array, turned: Array) -> Array:
    """A bone of ours that is turned as `ours [3, 3]` in the reference pose, carried along by a source joint."""
    return turned[..., joint, :, :] @ (reference.turned[joint].T @ ours)


def _trunk_from(trunk: _Pose, limbs: _Pose, joint: int, turned: Array) -> Array:
    """A bone of our trunk carried along by a source joint, from the trunk's reference pose where that is sound.

    It isn't where the bone would be twisted out of the body in the limbs' reference, a frame in which the person
    stands; the bone is then taken to be in line with the body there.
    """
    cosine = (np.trace(limbs.body.T @ _from(trunk, joint, trunk.body, limbs.turned)) - 1) / 2
    reference = trunk if cosine > UPRIGHT else limbs
    return _from(reference, joint, reference.body, turned)


def _pose_limbs(rig: Rig, trunk: _Pose, limbs: _Pose) -> dict[int, Array]:
    """World rotations that put our limbs into the limbs' reference pose, joint -> `[3, 3]`."""
    pelvis, chest = (_trunk_from(trunk, limbs, joint, limbs.turned) for joint in (rig.pelvis, rig.spine[-1]))
    posed: dict[int, Array] = {}
    for side in SIDES:
        posed[_JOINT[f"{side}_collar"]] = chest
        for part, lower in _AIMED.items():
            joint = _JOINT[f"{side}_{part}"]
            base = {"hip": pelvis, "shoulder": chest}.get(part, posed.get(PARENTS[joint], chest))
            posed[joint] = base @ _aim(rig, limbs, base, joint, f"{side}_{part}", f"{side}_{lower}")
        foot = _flat_foot if limbs is trunk else _aimed_foot
        ankle, toe = _JOINT[f"{side}_ankle"], _JOINT[f"{side}_foot"]
        posed[ankle] = posed[toe] = foot(rig, limbs, side, posed[PARENTS[ankle]])
    return posed


def _aim(rig: Rig, reference: _Pose, base: Array, joint: int, part: str, lower: str) -> Array:
    """The swing, inside `base`, of our bone onto the source's; none where the source has no such bone."""
    if lower not in rig.parts:
        return np.eye(3)
    bone = rig.at(reference.placed, lower) - rig.at(reference.placed, part)
    if np.linalg.norm(bone) < 1e-3 * rig.leg_length(reference.placed):
        return np.eye(3)
    return _swing(_REST[PARENTS.index(joint)], base.T @ bone)


def _flat_foot(rig: Rig, rest: _Pose, side: str, shin: Array) -> Array:
    """Our foot flat on the floor, turned to where the source's toes point; ankles differ in height from rig to rig."""
    foot = rig.foot(rest.turned, rest.placed, side)
    if foot is None:
        return rest.body
    flat = np.array([1.0, 0.0, 1.0])
    return rest.body @ _swing(_REST[_JOINT[f"{side}_foot"]] * flat, (rest.body.T @ foot) * flat)


def _aimed_foot(rig: Rig, frame: _Pose, side: str, shin: Array) -> Array:
    """Our foot as the source's in a frame where it need not stand on the floor."""
    foot = rig.foot(frame.turned, frame.placed, side)
    return shin if foot is None else shin @ _swing(_REST[_JOINT[f"{side}_foot"]], shin.T @ foot)


def _three_of(spine: Array) -> Array:
    """World rotations of any number of spine joints `[S, n, 3, 3]` as those of three, evenly spread."""
    position = torch.linspace(0, spine.shape[1] - 1, 3)
    below, weight = position.floor().long(), position.frac().expand(len(spine), 3)
    joints = torch.from_numpy(spine)
    above = (below + 1).clamp(max=spine.shape[1] - 1)
    return rot.slerp(joints[:, below], joints[:, above], weight.to(joints)).numpy()


def _pelvis_path_m(rig: Rig, placed: Array, pelvis: Array) -> Array:
    """Our pelvis `[S, 3]` so that our hip joints' middle is the source's, scaled by leg length."""
    ours = np.linalg.norm(_REST[[4, 5, 7, 8]], axis=-1).sum() / 2
    scale = ours / rig.leg_length(placed[0])
    return rig.at(placed, "hip") * scale - pelvis @ _REST[[1, 2]].mean(axis=0)


def impossible_steps(motion: Motion) -> Tensor:
    """Which steps from frame to frame `[S-1]` no person makes: flipped bones, lost markers, calibration poses.

    Mocap files have some; windows that hold one don't belong into training data.
    """
    joints = motion.joints_m()
    speed_m_s = (joints[1:] - joints[:-1]).norm(dim=-1) * motion.fps
    step = motion.rotations[:-1].transpose(-1, -2) @ motion.rotations[1:]
    turning_rad_s = rot.matrix_to_axis_angle(step).norm(dim=-1) * motion.fps
    return (speed_m_s.amax(dim=-1) > FASTEST_M_S) | (turning_rad_s.amax(dim=-1) > FASTEST_RAD_S)


def _without_calibration(motion: Motion) -> Motion:
    """Cut at impossible steps in the first and last half second (a quarter of the clip at most)."""
    impossible = impossible_steps(motion)
    edge = min(round(0.5 * motion.fps), len(motion) // 4)
    head, tail = impossible[:edge].nonzero(), impossible.flip(0)[:edge].nonzero()
    start = int(head.max()) + 1 if len(head) else 0
    stop = len(motion) - (int(tail.max()) + 1 if len(tail) else 0)
    return motion[start:stop]
