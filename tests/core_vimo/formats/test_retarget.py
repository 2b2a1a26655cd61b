"""Retargeting: whatever the rig, our bones point where its bones point, left is left, feet are on the floor."""

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import roma
import torch
from numpy.testing import assert_allclose

from core_vimo.errors import InputError
from core_vimo.formats.bone_names import find_parts, split_side
from core_vimo.formats.bvh import read_bvh, write_bvh
from core_vimo.formats.bvh_clip import BvhClip, euler_to_matrix, read_bvh_clip
from core_vimo.formats.rest_poses import known_t_pose
from core_vimo.formats.retarget import impossible_steps, retarget
from core_vimo.motion import Motion, ground
from core_vimo.rotations import y_up_to_z_up
from core_vimo.skeleton import JOINT_NAMES, PARENTS, REST_OFFSETS_M, TOE_HEIGHT_M

LIMBS = [
    (f"{side}_{upper}", f"{side}_{lower}")
    for side in ("left", "right")
    for upper, lower in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
]

MIXAMO = dict(
    pelvis="Hips", spine1="Spine", spine2="Spine1", spine3="Spine2", neck="Neck", head="Head",
    hip="UpLeg", knee="Leg", ankle="Foot", foot="ToeBase", collar="Shoulder", shoulder="Arm", elbow="ForeArm",
    wrist="Hand", hand="HandMiddle1",
)  # fmt: skip


def mixamo(name: str) -> str:
    side, _, part = name.rpartition("_")
    return f"mixamorig:{side.capitalize()}{MIXAMO[part]}"


# Rigs made from our own


@pytest.fixture
def dance() -> Motion:
    """Smooth, upright, turning; the first frame stands at rest."""
    draw = torch.Generator().manual_seed(0)
    time_s = torch.arange(60)[:, None, None] / 30
    swing = torch.sin(2 * time_s * (0.5 + torch.rand(24, 3, generator=draw)))
    axis_angle = 0.5 * swing * torch.randn(24, 3, generator=draw)
    axis_angle[:, 0] = 0
    motion = Motion.from_axis_angle(axis_angle, torch.cat((time_s[:, 0].expand(60, 2), torch.ones(60, 1)), dim=1))
    yaw = roma.rotvec_to_rotmat(torch.tensor([0.0, 1.0, 0.0]) * time_s[:, 0])
    rotations = motion.rotations.clone()
    rotations[:, 0] = y_up_to_z_up() @ yaw
    return ground(Motion.from_rotations(rotations, motion.root_m, 30.0))


@pytest.fixture
def rig(dance: Motion, tmp_path: Path) -> BvhClip:
    """The dance as a rig with Mixamo's names, so that it isn't taken for SMPL-24."""
    write_bvh(dance, tmp_path / "dance.bvh")
    clip = read_bvh_clip(tmp_path / "dance.bvh")
    return replace(clip, names=tuple(map(mixamo, clip.names)))


def scrambled(clip: BvhClip) -> BvhClip:
    """The same movement with axes of its own for every bone, as many programs export: zero rotations are no pose."""
    own = roma.random_rotmat(len(clip.names), generator=torch.Generator().manual_seed(5)).numpy()
    above = np.where((clip.parents >= 0)[:, None, None], own[clip.parents], np.eye(3))
    turn_back = np.swapaxes(above, -1, -2)
    offsets = (turn_back @ clip.offsets[..., None])[..., 0]
    return replace(clip, offsets=offsets, rotations=(turn_back @ clip.rotations @ own).astype(np.float32))


def inches(clip: BvhClip) -> BvhClip:
    return replace(clip, offsets=clip.offsets / 2.54, root_positions=clip.root_positions / 2.54)


def standing_along(axis: int) -> Callable[[BvhClip], BvhClip]:
    """The same rig in a program whose up axis is another: axes go round, x y z -> y z x."""

    def turn(clip: BvhClip) -> BvhClip:
        around = np.roll(np.eye(3), axis - 1, axis=0)
        return replace(
            clip,
            offsets=clip.offsets @ around.T,
            root_positions=clip.root_positions @ around.T,
            rotations=(around @ clip.rotations @ around.T).astype(np.float32),
        )

    return turn


def directions(joints: np.ndarray, upper: int, lower: int) -> np.ndarray:
    bone = joints[:, lower] - joints[:, upper]
    return bone / np.linalg.norm(bone, axis=-1, keepdims=True)


def degrees_between(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos(np.clip((one * other).sum(-1), -1, 1)))


def limb_directions(joints: np.ndarray) -> np.ndarray:
    return np.stack([directions(joints, JOINT_NAMES.index(u), JOINT_NAMES.index(v)) for u, v in LIMBS], axis=1)


def turned_back(joints: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """Which way is front is not in a file with another up axis: turned about z so that the limbs fit best."""
    flat = np.array([1.0, 1.0, 0.0])
    one, other = limb_directions(joints) * flat, limb_directions(onto) * flat
    angle = np.arctan2(np.cross(one, other)[..., 2].sum(), (one * other).sum())
    return joints @ euler_to_matrix(np.degrees(angle)[None], "z").T


@pytest.mark.parametrize("change", [lambda clip: clip, inches, scrambled, standing_along(2), standing_along(3)])
def test_the_same_dance_in_another_rig_is_the_same_dance(
    change: Callable[[BvhClip], BvhClip], rig: BvhClip, dance: Motion
) -> None:
    """SMPL's hips are not quite level, so body axes taken from them are off by up to 4 degrees."""
    seen = retarget(change(rig))
    theirs = dance.joints_m().numpy()
    ours = turned_back(seen.joints_m().numpy(), theirs)
    assert degrees_between(limb_directions(ours), limb_directions(theirs)).max() < 1
    off = roma.rotmat_geodesic_distance(seen.rotations[:, 1:22], dance.rotations[:, 1:22])  # fingers are left out
    assert off.max() < np.radians(12)
    assert_allclose(np.diff(ours[:, 0], axis=0), np.diff(theirs[:, 0], axis=0), atol=2e-3)
    assert_allclose(ours[:, [7, 8], 2], theirs[:, [7, 8], 2], atol=0.03)


def test_our_own_rig_comes_back_at_any_scale(dance: Motion, tmp_path: Path) -> None:
    write_bvh(dance, tmp_path / "dance.bvh")
    seen = retarget(inches(read_bvh_clip(tmp_path / "dance.bvh")))
    assert_allclose(seen.joints_m(), dance.joints_m(), atol=1e-5)
    assert torch.equal(seen.contacts, dance.contacts)


def test_a_calibration_pose_is_cut_off(rig: BvhClip) -> None:
    rotations = rig.rotations.copy()
    rotations[:2, 1:] = np.eye(3)
    arms = [j for j, name in enumerate(rig.names) if name.endswith("Arm")]
    rotations[2:, arms] = roma.rotvec_to_rotmat(torch.tensor([0.0, 0.0, -1.2])).numpy()
    assert len(retarget(replace(rig, rotations=rotations))) == len(rig) - 2


def test_impossible_steps_are_found_and_dancing_is_not(dance: Motion) -> None:
    assert not impossible_steps(dance).any()
    rotations = dance.rotations.clone()
    rotations[30, 2] = rotations[30, 2] @ roma.rotvec_to_rotmat(torch.tensor([0.0, 3.0, 0.0]))
    flipped = Motion.from_rotations(rotations, dance.root_m, dance.fps)
    assert impossible_steps(flipped).nonzero().flatten().tolist() == [29, 30]


def test_what_is_no_person_is_refused(rig: BvhClip) -> None:
    with pytest.raises(InputError, match="left_hip"):
        retarget(replace(rig, names=tuple(f"bone{j}" for j in range(len(rig.names)))))


def test_a_skeleton_without_size_is_refused(rig: BvhClip) -> None:
    with pytest.raises(InputError, match="no length"):
        retarget(replace(rig, offsets=np.zeros_like(rig.offsets)))


# Names

FAMILIES = {
    "mixamo": {name: mixamo(name) for name in JOINT_NAMES},
    "smpl": {name: name for name in JOINT_NAMES},
    "smpl2bvh": {name: name.title().replace("Left_", "L_").replace("Right_", "R_") for name in JOINT_NAMES},
    "biped": {
        f"{side}_{part}": f"Bip01 {side[0].upper()} {bone}"
        for side in ("left", "right")
        for part, bone in dict(
            hip="Thigh", knee="Calf", ankle="Foot", foot="Toe0", collar="Clavicle", shoulder="UpperArm",
            elbow="Forearm", wrist="Hand",
        ).items()
    } | {"head": "Bip01 Head"},
    "unreal": {
        f"{side}_{part}": f"{bone}_{side[0]}"
        for side in ("left", "right")
        for part, bone in dict(
            hip="thigh", knee="calf", ankle="foot", foot="ball", collar="clavicle", shoulder="upperarm",
            elbow="lowerarm", wrist="hand",
        ).items()
    } | {"head": "head"},
    "cmu": {
        f"{side}_{part}": f"{side.title()}{bone}"
        for side in ("left", "right")
        for part, bone in dict(
            hip="Hip", knee="Knee", ankle="Ankle", foot="Toe", collar="Collar", shoulder="Shoulder",
            elbow="Elbow", wrist="Wrist",
        ).items()
    } | {"head": "Head"},
    "daz": {
        f"{side}_{part}": f"{side[0]}{bone}"
        for side in ("left", "right")
        for part, bone in dict(
            hip="Thigh", knee="Shin", ankle="Foot", collar="Collar", shoulder="Shldr", elbow="ForeArm", wrist="Hand",
        ).items()
    } | {"head": "head"},
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_naming_families(family: str) -> None:
    names = FAMILIES[family]
    found = find_parts(list(names.values()))
    for ours, theirs in names.items():
        part = ours.replace("foot", "toe").replace("hand", "finger")
        if part in found or "_" in part:
            assert list(names.values())[found[part]] == theirs, part
    assert "head" in found


@pytest.mark.parametrize(
    ("name", "side", "part"),
    [
        ("mixamorig:LeftForeArm", "left", "forearm"),
        ("CC_Base_R_Thigh", "right", "thigh"),
        ("Bip001 L UpperArm", "left", "upperarm"),
        ("upper_arm.R", "right", "upperarm"),
        ("lowerback", "", "lowerback"),
        ("rShldr", "right", "shldr"),
        ("rightshoulder", "right", "shoulder"),
        ("head", "", "head"),
    ],
)
def test_sides_and_parts(name: str, side: str, part: str) -> None:
    assert split_side(name) == (side, part)


def test_the_known_t_pose_mirrors() -> None:
    names = ["CC_Base_Hip", "CC_Base_L_Thigh", "CC_Base_R_Thigh"]
    _, left, right = known_t_pose(names)
    reflect = np.diag([-1.0, 1.0, 1.0])
    assert_allclose(right, reflect @ left @ reflect, atol=1e-12)
    assert known_t_pose(["Hips"]) is None


# Real files

ONE_OF_EACH_RIG = [
    "bvh_misc/dab.bvh", "bvh_misc/zombie.bvh", "bvh_misc/jumping_jacks.bvh", "bvh_misc/jesse_dance.bvh",
    "cmu/michael_jackson_styled/131_01.bvh", "cmu/michael_jackson_styled/131_03.bvh", "cmu/salsa.zip/60_01.bvh",
    "cmu/salsa.zip/61_03.bvh", "cmu/modern_dance.zip/005_04.bvh", "cmu/modern_dance.zip/005_12.bvh",
    "cmu/everyday.zip/002_01.bvh", "cmu/everyday.zip/007_05.bvh",
]  # fmt: skip


def open_shared(folder: Path, name: str) -> io.BytesIO:
    archive, dot_zip, member = name.partition(".zip/")
    if not dot_zip:
        return io.BytesIO((folder / name).read_bytes())
    with zipfile.ZipFile(folder / f"{archive}.zip") as opened:
        return io.BytesIO(opened.read(member))


@pytest.fixture(params=ONE_OF_EACH_RIG, scope="module")
def real(request: pytest.FixtureRequest, shared_data: Path) -> tuple[BvhClip, Motion]:
    clip = read_bvh_clip(open_shared(shared_data, request.param))
    return clip, retarget(clip)


def z_up(positions: np.ndarray, clip: BvhClip) -> np.ndarray:
    """Only dab and zombie are z-up."""
    return positions if "Spine3" in clip.names else positions @ y_up_to_z_up().numpy().T


def test_real_dances(real: tuple[BvhClip, Motion]) -> None:
    clip, motion = real
    joints = motion.joints_m().numpy()
    source = z_up(clip.global_pose()[1], clip)[len(clip) - len(motion) :]
    parts = find_parts(clip.names)

    for upper, lower in LIMBS:  # bones point where the source's do
        ours = directions(joints, JOINT_NAMES.index(upper), JOINT_NAMES.index(lower))
        assert degrees_between(ours, directions(source, parts[upper], parts[lower])).max() < 1, upper
    hips = directions(joints, 2, 1)
    assert np.median(degrees_between(hips, directions(source, parts["right_hip"], parts["left_hip"]))) < 8

    assert np.median(joints[:, 15, 2]) > np.median(joints[:, 0, 2]) + 0.35  # upright
    feet = joints[:, [7, 8, 10, 11], 2].min(axis=1)
    assert np.quantile(feet, 0.05) == pytest.approx(TOE_HEIGHT_M, abs=1e-3)  # on the floor
    assert feet.min() > -0.1

    forward = np.cross(hips, [0, 0, 1])  # left is left: toes are where left x up says, though feet may turn out
    toes = [(directions(joints, ankle, toe) * forward).sum(-1) for ankle, toe in ((7, 10), (8, 11))]
    assert np.median(toes) > 0.3
    for side in ("left", "right"):
        if f"{side}_toe" in parts:
            ours = directions(joints, JOINT_NAMES.index(f"{side}_ankle"), JOINT_NAMES.index(f"{side}_foot"))
            theirs = directions(source, parts[f"{side}_ankle"], parts[f"{side}_toe"])
            assert degrees_between(ours, theirs).max() < 30  # ankles stand higher in some rigs


def test_real_knees_bend_backwards_never(real: tuple[BvhClip, Motion]) -> None:
    """The shin turns back from the thigh about the thigh's own left axis: knees point forwards."""
    _, motion = real
    bend = motion.axis_angle()[:, [4, 5], 0]
    assert np.quantile(bend, 0.01) > np.radians(-20)
    assert bend.max() > np.radians(35)


def test_real_heads_look_ahead(real: tuple[BvhClip, Motion]) -> None:
    _, motion = real
    relative = motion.rotations[:, 12] @ motion.rotations[:, 15]
    assert float(relative[:, 2, 2].median()) > 0.4


def test_real_twist_is_kept_and_nothing_pops_that_did_not(real: tuple[BvhClip, Motion]) -> None:
    """Each limb turns from frame to frame in the world by exactly what its source bone turns."""
    clip, motion = real
    turned = torch.from_numpy(clip.global_pose()[0][len(clip) - len(motion) :])
    parts = find_parts(clip.names)
    world = motion.rotations.clone()
    for joint in range(1, 24):
        world[:, joint] = world[:, PARENTS[joint]] @ world[:, joint]
    for upper, _ in LIMBS:
        ours, theirs = world[:, JOINT_NAMES.index(upper)], turned[:, parts[upper]]
        step = roma.rotmat_geodesic_distance(ours[1:], ours[:-1])
        assert_allclose(step, roma.rotmat_geodesic_distance(theirs[1:], theirs[:-1]), atol=3e-3)


def test_standing_feet_stay_put(real: tuple[BvhClip, Motion]) -> None:
    """Where a source ankle rests, ours moves no more than a few centimetres a second faster."""
    clip, motion = real
    source = z_up(clip.global_pose()[1], clip)[len(clip) - len(motion) :]
    parts = find_parts(clip.names)
    legs = [(parts["left_hip"], parts["left_knee"]), (parts["left_knee"], parts["left_ankle"])]
    length = sum(np.linalg.norm(source[0, a] - source[0, b]) for a, b in legs)
    scale = REST_OFFSETS_M[[4, 7]].norm(dim=-1).sum().item() / length
    ankles = source[:, [parts["left_ankle"], parts["right_ankle"]]] * scale
    theirs = np.linalg.norm(np.diff(ankles, axis=0), axis=-1) * motion.fps
    ours = np.linalg.norm(np.diff(motion.joints_m().numpy()[:, [7, 8]], axis=0), axis=-1) * motion.fps
    standing = theirs < 0.15
    assert np.median(ours[standing]) < np.median(theirs[standing]) + 0.03


def bvh_files(folder: Path) -> Iterator[tuple[str, io.BytesIO]]:
    for path in sorted(folder.rglob("*.bvh")):
        yield path.name, io.BytesIO(path.read_bytes())
    for archive in sorted((folder / "cmu").glob("*.zip")):
        with zipfile.ZipFile(archive) as opened:
            for name in opened.namelist():
                yield name, io.BytesIO(opened.read(name))


def test_every_real_file_loads_standing(shared_data: Path) -> None:
    heads = {name: read_bvh(file).joints_m()[:, 15, 2].median() for name, file in bvh_files(shared_data)}
    assert len(heads) == 84
    assert {name for name, height in heads.items() if not 1.1 < height < 2.2} == set()
