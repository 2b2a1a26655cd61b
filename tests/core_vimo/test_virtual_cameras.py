import math

import pytest
import torch

from core_vimo.camera import Camera
from core_vimo.coco_body import coco_joints_m
from core_vimo.errors import InputError
from core_vimo.motion import Motion, turn
from core_vimo.randomness import generator
from core_vimo.rotations import about_z, axis_angle_to_matrix, heading
from core_vimo.virtual_cameras import KINDS, facing_camera, film


@pytest.fixture(scope="module")
def dancer(invented_dance):
    return invented_dance(150, 2)


@pytest.fixture(scope="module")
def coco_m(dancer):
    return coco_joints_m(dancer.rotations, dancer.root_m)


def films(coco_m, kind, count=40):
    return [film(coco_m, generator(key, kind), kind) for key in range(count)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_film_is_a_function_of_its_key_and_touches_no_other_randomness(coco_m, kind):
    state = torch.get_rng_state()
    first, again, other = (film(coco_m, generator(key), kind) for key in (1, 1, 2))
    assert torch.equal(first.keypoints, again.keypoints) and torch.equal(first.cuts, again.cuts)
    assert not torch.equal(first.keypoints, other.keypoints)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("kind", KINDS)
def test_films_are_finite_and_the_dancer_is_mostly_in_them(coco_m, kind):
    seen = []
    for filmed in films(coco_m, kind):
        assert torch.isfinite(filmed.keypoints).all() and torch.isfinite(filmed.true_xy).all()
        confidence = filmed.keypoints[..., 2]
        assert ((confidence >= 0) & (confidence <= 1)).all()
        there = confidence > 0
        assert ((filmed.keypoints[..., :2] >= 0) & (filmed.keypoints[..., :2] < torch.tensor(filmed.size))).all()
        assert (filmed.keypoints[~there] == 0).all()
        assert torch.allclose(filmed.camera.project(coco_m).xy, filmed.true_xy, atol=0.05)
        seen.append(float((confidence > 0.3).float().mean()))
    assert 0.6 < sum(seen) / len(seen) < 0.97 and min(seen) > 0.1


def test_errors_are_those_of_a_body_and_larger_where_confidence_is_low(coco_m):
    sure, unsure = [], []
    for filmed in films(coco_m, "static"):
        error = (filmed.keypoints[..., :2] - filmed.true_xy).norm(dim=-1)
        tall = filmed.true_xy[..., 1].amax(1) - filmed.true_xy[..., 1].amin(1)
        relative, confidence = error / tall[:, None], filmed.keypoints[..., 2]
        sure.append(relative[confidence > 0.7])
        unsure.append(relative[(confidence > 0) & (confidence < 0.4)])
    assert 0.003 < torch.cat(sure).median() < 0.03
    assert torch.cat(unsure).median() > 2 * torch.cat(sure).median()


def test_static_cameras_stand_still_and_moving_ones_do_not(coco_m):
    for static, moving in zip(films(coco_m, "static", 20), films(coco_m, "moving", 20), strict=True):
        for part in ("intrinsics", "R_camera_world", "t_camera_m"):
            values = getattr(static.camera, part)
            assert (values - values[0]).abs().max() < 1e-5 * values.abs().max()
        assert (moving.camera.R_camera_world - moving.camera.R_camera_world[0]).abs().max() > 1e-3
        assert not static.cuts.any() and not moving.cuts.any()


def test_montages_have_two_to_four_shots_and_mostly_jump_at_a_cut(coco_m):
    jumped = []
    for filmed in films(coco_m, "cut"):
        assert 1 <= filmed.cuts.sum() <= 3 and not filmed.cuts[0]
        jump = (filmed.true_xy[1:] - filmed.true_xy[:-1]).norm(dim=-1).mean(1)
        jumped.append(jump[filmed.cuts[1:]] > 3 * jump[~filmed.cuts[1:]].median())
    assert torch.cat(jumped).float().mean() > 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_cameras_are_held_as_people_hold_phones(coco_m, kind):
    heights, distances = [], []
    for filmed in films(coco_m, kind):
        camera = filmed.camera
        eye = -(camera.R_camera_world.transpose(-1, -2) @ camera.t_camera_m[..., None])[..., 0]
        heights.append(eye[:, 2])
        distances.append((eye - coco_m.mean(1)).norm(dim=-1))
        assert camera.R_camera_world[:, 0, 2].abs().max() < 0.2  # the horizon
    assert torch.cat(heights).min() > 0.1 and torch.cat(heights).max() < 2.7
    assert torch.cat(distances).min() > 0.7 and torch.cat(distances).median() < 6


def test_most_film_the_face_but_not_all(coco_m):
    facing = []
    for filmed in films(coco_m, "static", 100):
        xy = filmed.true_xy[0]
        facing.append(bool(xy[5, 0] > xy[6, 0]))  # the left shoulder is at the right
    assert 55 < sum(facing) < 95


@pytest.mark.parametrize("missing", [0.0, 0.3, 1.0])
def test_a_share_of_joints_can_be_made_missing(coco_m, missing):
    full = film(coco_m, generator(4), "static", missing=0.0).keypoints[..., 2] > 0
    left = film(coco_m, generator(4), "static", missing=missing).keypoints[..., 2] > 0
    assert float((full & ~left).float().mean()) == pytest.approx(missing * float(full.float().mean()), abs=0.03)


def test_limbs_behind_the_body_are_less_sure_than_those_before_it():
    rotations = torch.eye(3).repeat(150, 24, 1, 1)
    rotations[:, 0] = axis_angle_to_matrix(torch.tensor([torch.pi / 2, 0.0, 0.0]))
    for joint, bend in ((16, -1.3), (17, 1.3)):  # the arms hang
        rotations[:, joint] = axis_angle_to_matrix(torch.tensor([0.0, 0.0, bend]))
    coco_m = coco_joints_m(rotations, torch.tensor([0.0, 0.0, 0.95]).expand(150, 3))
    near, far = [], []
    for filmed in films(coco_m, "static", 80):
        depth = filmed.camera.project(coco_m).depth_m[0]
        sides = (5, 7, 11), (6, 8, 12)
        order = sorted(sides, key=lambda side: float(depth[list(side)].mean()))
        if (depth[5] - depth[6]).abs() > 0.3:
            near.append(filmed.keypoints[:, order[0], 2].mean())
            far.append(filmed.keypoints[:, order[1], 2].mean())
    assert len(near) > 5 and torch.stack(far).mean() < 0.85 * torch.stack(near).mean()


@pytest.mark.parametrize("frames", [1, 2, 7, 31, 400])
@pytest.mark.parametrize("kind", [None, *KINDS])
def test_any_length(coco_m, frames, kind):
    filmed = film(coco_m[torch.arange(frames) % 150], generator(frames), kind)
    assert filmed.keypoints.shape == (frames, 17, 3) and filmed.cuts.shape == (frames,)
    assert torch.isfinite(filmed.keypoints).all() and len(filmed.camera.R_camera_world) == frames


def test_unknown_kinds_and_shares_are_refused(coco_m):
    with pytest.raises(InputError, match="static, moving, cut"):
        film(coco_m, generator(0), "drone")
    with pytest.raises(InputError, match="0 to 1"):
        film(coco_m, generator(0), "static", missing=1.5)


def test_who_looks_into_the_camera_faces_the_audience(dancer):
    eye, target = torch.tensor([[3.0, 2.0, 1.3]]), torch.tensor([[0.5, -1.0, 0.9]])
    camera = Camera.look_at(eye, target, 900.0, (1080, 1920))
    towards = math.atan2(3.0, 2.5)
    looking = turn(dancer, towards - float(heading(dancer.rotations[0, 0])))
    canonical = facing_camera(looking, camera)
    assert float(heading(canonical.rotations[0, 0])) == pytest.approx(-math.pi / 2, abs=1e-4)
    assert canonical.root_m[0, :2].tolist() == pytest.approx([0, 0], abs=1e-5)
    assert torch.equal(canonical.root_m[:, 2], looking.root_m[:, 2])


def test_a_static_camera_sees_the_canonical_motion_as_it_saw_the_real_one(dancer):
    def seen(motion: Motion, camera: Camera):
        return camera.project(coco_joints_m(motion.rotations, motion.root_m)).xy

    for key in range(10):
        camera = film(coco_joints_m(dancer.rotations, dancer.root_m), generator(key), "static").camera
        canonical = facing_camera(dancer, camera)
        forward = camera.R_camera_world[0, 2]
        turned = about_z(math.pi / 2 - math.atan2(float(forward[1]), float(forward[0])))
        eye = -camera.R_camera_world[0].T @ camera.t_camera_m[0]
        begin = dancer.root_m[0] * torch.tensor([1.0, 1.0, 0.0])
        moved_eye = turned @ (eye - begin)
        R_camera_world = camera.R_camera_world[:1] @ turned.T
        assert R_camera_world[0, 2, 0].abs() < 1e-5 and R_camera_world[0, 2, 1] > 0  # it looks along +y
        before = Camera(camera.intrinsics[:1], R_camera_world, -(R_camera_world @ moved_eye))
        assert torch.allclose(seen(canonical, before), seen(dancer, camera), atol=0.05)
