"""What pixels say of a guess: in closed form, against the 3D loss, and where they must say nothing."""

import math
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from core_vimo.camera import Camera
from core_vimo.coco_body import coco_joints_m
from core_vimo.codec import CHANNELS, CONTACTS, ROOT, ROTATIONS, MotionCodec, RootForm
from core_vimo.errors import InputError
from core_vimo.losses_2d import TERMS, Settings2D, reprojection_losses
from core_vimo.motion import Motion, turn
from core_vimo.randomness import normal
from core_vimo.rotations import about_z, axis_angle_to_matrix
from core_vimo.skeleton import JOINT_NAMES

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
FRAMES, FOCAL = 12, 800.0


def codec_of(root: RootForm = "position") -> MotionCodec:
    """An uneven normalisation, so that forgetting to undo it shows, of a range that nothing here leaves."""
    scale = torch.linspace(0.2, 0.4, CHANNELS) / 2
    return MotionCodec(scale, torch.full((CHANNELS,), 0.05), sixd="columns", root=root)


def standing(shift_m: tuple[float, float, float] = (0, 0, 0), frames: int = FRAMES) -> Motion:
    """Upright, facing the camera that looks along +y."""
    rotations = torch.eye(3).expand(frames, 24, 3, 3).clone()
    rotations[:, 0] = axis_angle_to_matrix(torch.tensor([math.pi / 2, 0.0, 0.0]))
    root_m = (torch.tensor([0.0, 0.0, 1.0]) + torch.tensor(shift_m)).expand(frames, 3).clone()
    return Motion(rotations, root_m, torch.ones(frames, 4), 30.0)


def camera_at(azimuth: float, distance_m: float, height_m: float = 1.0) -> Camera:
    """Looking at (0, 0, height); from azimuth 0 it looks along +y."""
    target = torch.tensor([[0.0, 0.0, height_m]])
    away = torch.tensor([[math.sin(azimuth), -math.cos(azimuth), 0.0]])
    return Camera.look_at(target + distance_m * away, target, FOCAL, (640, 480))


def seen(motion: Motion, cameras: list[Camera], confidence: float = 1.0) -> dict[str, Tensor]:
    """One clip as these cameras see it, without any error."""
    coco_m, frames = coco_joints_m(motion.rotations, motion.root_m), len(motion)
    xy = torch.stack([camera.project(coco_m).xy for camera in cameras])
    return {
        "keypoints": torch.cat((xy, torch.full_like(xy[..., :1], confidence)), dim=-1)[None],
        "cuts": torch.zeros(1, len(cameras), frames, dtype=torch.bool),
        "intrinsics": torch.stack([camera.intrinsics.expand(frames, 3, 3) for camera in cameras])[None],
        "R_camera_world": torch.stack([camera.R_camera_world.expand(frames, 3, 3) for camera in cameras])[None],
        "t_camera_m": torch.stack([camera.t_camera_m.expand(frames, 3) for camera in cameras])[None],
        "follows": torch.zeros(1, len(cameras), dtype=torch.bool),
    }


def encoded(motion: Motion, codec: MotionCodec) -> Tensor:
    return codec.encode(motion)[None]


def losses(
    guess: Motion, truth: Motion, cameras: list[Camera], codec: MotionCodec | None = None, **settings: float
) -> dict[str, Tensor]:
    codec = codec or codec_of()
    batch = seen(truth, cameras) | {"x": encoded(truth, codec)}
    return reprojection_losses(encoded(guess, codec), batch, codec, Settings2D(**settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("root", ["position", "velocity"])
def test_the_truth_costs_nothing(root: RootForm) -> None:
    terms = losses(standing(), standing(), [camera_at(0.3, 4.0), camera_at(2.0, 6.0)], codec_of(root))
    assert tuple(terms) == TERMS
    for name, term in terms.items():
        torch.testing.assert_close(term, torch.zeros(1), atol=1e-9, rtol=0, msg=name)


@pytest.mark.parametrize("per_joint", [True, False])
@pytest.mark.parametrize("power", [0, 1, 2])
def test_an_error_across_the_line_of_sight_costs_its_square_over_depth_to_what_is_left(
    power: int, per_joint: bool
) -> None:
    """Moved sideways and up no depth changes: with power 2 it is metres, whatever the distance."""
    for distance_m in (3.0, 8.0):
        terms = losses(
            standing((0.2, 0, 0.1)), standing(), [camera_at(0, distance_m)], depth_power=power, per_joint=per_joint
        )
        depth_m = camera_at(0, distance_m).project(coco_joints_m(standing().rotations, standing().root_m)).depth_m
        weight = depth_m**power if per_joint else depth_m.mean() ** power
        expected = (weight * (0.2**2 + 0.1**2) / 2 / depth_m**2).mean()
        torch.testing.assert_close(terms["reprojection"], expected[None], rtol=1e-4, atol=0)
        if power == 2 and per_joint:
            torch.testing.assert_close(expected, torch.tensor((0.2**2 + 0.1**2) / 2), rtol=1e-4, atol=0)


def test_over_cameras_all_round_it_is_height_in_full_and_the_rest_by_half() -> None:
    """E = e_z² + (e_x² + e_y²) / 2 of the two axes of a picture from far away; `reprojection` is their mean."""
    error = (0.05, -0.11, 0.08)
    cameras = [camera_at(2 * math.pi * k / 16, 200.0) for k in range(16)]
    terms = losses(standing(error), standing(), cameras)
    expected = (error[2] ** 2 + (error[0] ** 2 + error[1] ** 2) / 2) / 2
    torch.testing.assert_close(terms["reprojection"], torch.tensor([expected]), rtol=5e-3, atol=0)


def test_random_errors_cost_over_random_cameras_what_they_cost_in_3d(invented_dance) -> None:
    """Errors without a preferred direction: the mean square of an axis, here as there; without depth² it hangs on how
    far the cameras stand."""
    dance = invented_dance(60, 0)
    ratios: dict[tuple[int, bool], list[float]] = {(2, True): [], (2, False): [], (0, True): []}
    for key in range(24):
        rotations = dance.rotations @ axis_angle_to_matrix(0.15 * normal((60, 24, 3), key, "wrong"))
        guess = Motion(rotations, dance.root_m, dance.contacts)
        coco_m, wrong_m = (coco_joints_m(m.rotations, m.root_m) for m in (dance, guess))
        draw = torch.rand(2, generator=torch.Generator().manual_seed(key))
        cameras = [camera_at(key + float(draw[0]), 3 + 5 * float(draw[1]))]
        in_3d = float((coco_m - wrong_m).square().mean())
        for power, per_joint in ratios:
            terms = losses(guess, dance, cameras, depth_power=power, per_joint=per_joint)
            ratios[power, per_joint].append(float(terms["reprojection"]) / in_3d)
    mean = {setting: sum(found) / len(found) for setting, found in ratios.items()}
    spread = {setting: float(torch.tensor(found).std()) / mean[setting] for setting, found in ratios.items()}
    assert mean[2, True] == pytest.approx(1, abs=0.1) and mean[2, False] == pytest.approx(1, abs=0.15)
    assert spread[2, True] < 0.15 and spread[0, True] > 3 * spread[2, True]


def test_an_error_along_the_ray_is_not_seen_and_the_depth_weight_is_no_way_out() -> None:
    """A farther body of the same picture costs nothing, and as depth is detached nothing is gained by coming nearer."""
    codec = codec_of()
    truth = standing()
    batch = seen(truth, [camera_at(0, 4.0)]) | {"x": encoded(truth, codec)}
    batch["keypoints"][..., 0] += 40.0
    x = encoded(truth, codec).requires_grad_()
    reprojection_losses(x, batch, codec, Settings2D())["reprojection"].sum().backward()
    assert x.grad is not None
    along, across = x.grad[..., ROOT.start + 1].abs().sum(), x.grad[..., ROOT.start].abs().sum()
    assert along < 0.05 * across


def looking_away(distance_m: float) -> Camera:
    """With the dancer in its back."""
    eye = torch.tensor([[0.0, -distance_m, 1.0]])
    return Camera.look_at(eye, 2 * eye, FOCAL, (640, 480))


def test_what_is_behind_the_camera_or_too_near_never_counts() -> None:
    """A body behind a camera has pixels too, and they may even agree."""
    guess, truth = standing((0.1, 0, 0)), standing()
    for camera, near_m in ((looking_away(3.0), 0.2), (camera_at(0, 1.3), 2.0)):
        terms = losses(guess, truth, [camera], near_m=near_m)
        assert float(terms["reprojection"]) == 0 and float(terms["velocity_2d"]) == 0
    both = losses(guess, truth, [looking_away(3.0), camera_at(0, 3.0)])
    torch.testing.assert_close(both["reprojection"], losses(guess, truth, [camera_at(0, 3.0)])["reprojection"])


def test_points_count_by_confidence_and_unsure_ones_not_at_all() -> None:
    codec, truth, guess = codec_of(), standing(), standing((0.1, 0, 0))
    batch = seen(truth, [camera_at(0, 4.0)]) | {"x": encoded(truth, codec)}
    x, settings = encoded(guess, codec), Settings2D()
    whole = reprojection_losses(x, batch, codec, settings)["reprojection"]
    batch["keypoints"][..., 9, :] = torch.tensor([5000.0, 5000.0, 0.29])
    torch.testing.assert_close(reprojection_losses(x, batch, codec, settings)["reprojection"], whole)
    batch["keypoints"][..., :9, 2] = 0.4
    torch.testing.assert_close(reprojection_losses(x, batch, codec, settings)["reprojection"], whole)
    batch["keypoints"][..., 10:, 0] += 0.1 * FOCAL / 4  # about right again, for seven of weight 1 beside nine of 0.4
    part = reprojection_losses(x, batch, codec, settings)["reprojection"]
    torch.testing.assert_close(part, whole * 3.6 / 10.6, rtol=0.05, atol=0)


def test_who_was_never_seen_costs_nothing_and_gradients_are_finite() -> None:
    codec, truth = codec_of("velocity"), standing()
    batch = seen(truth, [camera_at(0, 4.0)], confidence=0.0) | {"x": encoded(truth, codec)}
    x = (encoded(truth, codec) + 0.1).requires_grad_()
    terms = reprojection_losses(x, batch, codec, Settings2D())
    assert not terms["reprojection"].any() and not terms["velocity_2d"].any()
    torch.stack([term.sum() for term in terms.values()]).sum().backward()
    assert x.grad is not None and x.grad.isfinite().all()


def sliding(step_m: float) -> Motion:
    still = standing()
    slide = torch.arange(FRAMES)[:, None] * torch.tensor([step_m, 0.0, 0.0])
    return Motion(still.rotations, still.root_m + slide, still.contacts)


def test_steps_cost_metres_a_frame_and_none_across_a_cut() -> None:
    codec, truth, step_m = codec_of(), standing(), 0.02
    batch = seen(truth, [camera_at(0, 5.0)]) | {"x": encoded(truth, codec)}
    x, settings = encoded(sliding(step_m), codec), Settings2D()
    terms = reprojection_losses(x, batch, codec, settings)
    torch.testing.assert_close(terms["velocity_2d"], torch.tensor([step_m**2 / 2]), rtol=1e-3, atol=0)
    batch["keypoints"][:, :, 6:, :, 0] += 300.0  # another camera
    leaping = reprojection_losses(x, batch, codec, settings)["velocity_2d"]
    batch["cuts"][:, :, 6] = True
    cut = reprojection_losses(x, batch, codec, settings)["velocity_2d"]
    assert float(leaping) > 10 * float(cut)
    torch.testing.assert_close(cut, terms["velocity_2d"], rtol=1e-3, atol=0)


def test_with_velocities_bodies_are_compared_over_the_teachers_spot() -> None:
    """Whatever the guess's own velocities say, they cost in `alignment` alone."""
    codec, truth = codec_of("velocity"), standing()
    batch = seen(truth, [camera_at(0.4, 5.0)]) | {"x": encoded(truth, codec)}
    x = encoded(truth, codec)
    x[..., ROOT.start] += 0.3
    terms = reprojection_losses(x, batch, codec, Settings2D())
    assert float(terms["reprojection"]) < 1e-9 and float(terms["velocity_2d"]) < 1e-9
    assert float(terms["alignment"]) > 1e-4


def test_alignment_leads_root_and_rotations_to_where_the_keypoints_are(invented_dance) -> None:
    """From a guess off the truth, a step down the gradient of `alignment` alone comes nearer to it in 3D."""
    codec, dance = MotionCodec.fit([invented_dance(60, 0)], any_heading=True), invented_dance(60, 0)
    dance = Motion(dance.rotations, dance.root_m - dance.root_m[0] * torch.tensor([1.0, 1.0, 0.0]), dance.contacts)
    x0 = codec.encode(dance)[None]
    batch = seen(dance, [camera_at(0.0, 5.0), camera_at(1.5, 5.0), camera_at(3.0, 5.0)]) | {"x": x0}
    x = x0.clone()
    x[..., ROOT] += 0.2
    swinging = slice(ROTATIONS.start + 6 * JOINT_NAMES.index("left_shoulder"), ROTATIONS.start + 6 * 20)
    x[..., swinging] += 0.3 * normal((1, 1, 24), "off")
    before = (x - x0).square()
    for _ in range(100):
        x.requires_grad_()
        loss = reprojection_losses(x, batch, codec, Settings2D())["alignment"].sum()
        (gradient,) = torch.autograd.grad(loss, x)
        x = x.detach() - 10.0 * 60 * gradient
    after = (x.detach() - x0).square()
    assert after[..., ROOT].mean() < 0.2 * before[..., ROOT].mean()
    assert after[..., swinging].mean() < 0.7 * before[..., swinging].mean()


@pytest.mark.parametrize("root", ["position", "velocity"])
def test_how_the_teacher_is_posed_is_compared_with_in_alignment_alone(root: RootForm) -> None:
    """Or its errors, or a truth that it was, would be learned from."""
    codec, truth = codec_of(root), standing()
    posed = truth.rotations @ axis_angle_to_matrix(0.3 * normal((FRAMES, 24, 3), "teacher"))
    batch = seen(truth, [camera_at(0.4, 5.0)])
    guess = encoded(standing((0, 0, 0.1)), codec) + 0.05 * normal((1, FRAMES, CHANNELS), "sway")
    right, wrong = (
        reprojection_losses(guess, batch | {"x": encoded(teacher, codec)}, codec, Settings2D())
        for teacher in (truth, Motion(posed, truth.root_m + torch.tensor([0, 0, 0.4]), 1 - truth.contacts))
    )
    for name in ("reprojection", "velocity_2d", "foot"):
        torch.testing.assert_close(wrong[name], right[name], msg=name)
    assert not torch.allclose(wrong["alignment"], right["alignment"], rtol=1e-3)


def test_what_no_keypoint_tells_is_the_teachers() -> None:
    codec, truth = codec_of(), standing()
    batch = seen(truth, [camera_at(0.4, 5.0)]) | {"x": encoded(truth, codec)}
    for name in ("left_wrist", "right_hand", "left_ankle", "right_foot"):
        rotations = truth.rotations.clone()
        rotations[:, JOINT_NAMES.index(name)] = about_z(0.5)
        guess = encoded(Motion(rotations, truth.root_m, truth.contacts), codec)
        terms = reprojection_losses(guess, batch, codec, Settings2D())
        assert float(terms["reprojection"]) < 1e-9 and float(terms["alignment"]) > 1e-5


def test_a_foot_stands_where_its_ankle_is_seen_to_stand() -> None:
    """The guess slides, the pictures show that it doesn't: so says the target of contacts, and the other way round."""
    codec = codec_of()
    for guess, truth, contact in ((sliding(0.05), standing(), 1.0), (standing(), sliding(0.05), 0.0)):
        batch = seen(truth, [camera_at(0.0, 5.0)]) | {"x": encoded(truth, codec)}
        said = []
        for value in (0.0, 1.0):
            x = encoded(guess, codec)
            x[..., CONTACTS] = (codec.scale * value + codec.offset)[CONTACTS]
            said.append(float(reprojection_losses(x, batch, codec, Settings2D())["alignment"]))
        assert (said[1] < said[0]) == (contact == 1.0)


@pytest.mark.parametrize("cut", [False, True])
def test_contacts_near_a_cut_are_not_learned(cut: bool) -> None:
    """There feet are averaged over time with those of another shot."""
    codec, truth = codec_of(), standing()
    batch = seen(truth, [camera_at(0.0, 5.0)]) | {"x": encoded(truth, codec)}
    batch["cuts"] = batch["cuts"].clone()
    batch["cuts"][..., FRAMES // 2] = cut
    said = []
    for value in (0.0, 1.0):
        x = encoded(truth, codec)
        x[..., CONTACTS] = (codec.scale * value + codec.offset)[CONTACTS]
        said.append(float(reprojection_losses(x, batch, codec, Settings2D())["alignment"]))
    assert (said[0] == said[1]) == cut


def test_cameras_that_merely_follow_leave_root_and_contacts_to_the_teacher() -> None:
    """Such a camera sees a dancer stand who slides."""
    codec = codec_of("velocity")
    batch = seen(standing(), [camera_at(0.0, 5.0)]) | {"x": encoded(sliding(0.05), codec)}
    batch["t_camera_m"] = batch["t_camera_m"] - batch["R_camera_world"][0, 0, 0, :, 0] * (
        0.05 * torch.arange(12.0)[:, None]
    )
    teacher, other = encoded(sliding(0.05), codec), encoded(standing(), codec)
    follows = torch.ones(1, 1, dtype=torch.bool)
    for told in (~follows, follows):
        asked = batch | {"follows": told}
        right, wrong = (
            float(reprojection_losses(x, asked, codec, Settings2D())["alignment"]) for x in (teacher, other)
        )
        assert right < wrong
    stepping = teacher.clone()
    stepping[..., CONTACTS] = (codec.offset + codec.scale * 0.0)[CONTACTS]
    said = [
        float(reprojection_losses(stepping, batch | {"follows": told}, codec, Settings2D())["alignment"])
        for told in (~follows, follows)
    ]
    assert (
        said[0] < 1e-6 < said[1]
    )  # the teacher claims that its feet stand; the path, where it is known, that they move


def test_turning_dancer_and_camera_together_changes_nothing(invented_dance) -> None:
    codec, dance = codec_of("velocity"), invented_dance(FRAMES, 0)
    dance = Motion(dance.rotations, dance.root_m - dance.root_m[0] * torch.tensor([1.0, 1.0, 0.0]), dance.contacts)
    camera = camera_at(0.7, 4.0)
    noise = 0.02 * normal((1, FRAMES, 24, 3), "wrong")

    def terms(radians: float) -> dict[str, Tensor]:
        turned, moved = turn(dance, radians), camera.carried(radians, torch.zeros(1, 3))
        guess = Motion(turned.rotations @ axis_angle_to_matrix(noise[0]), turned.root_m, turned.contacts)
        batch = seen(turned, [moved]) | {"x": encoded(turned, codec)}
        return reprojection_losses(encoded(guess, codec), batch, codec, Settings2D())

    one, other = terms(0.0), terms(2.2)
    for name in ("reprojection", "velocity_2d", "foot"):
        torch.testing.assert_close(one[name], other[name], rtol=1e-2, atol=1e-9)


def three_clips(root: RootForm = "velocity") -> tuple[Tensor, dict[str, Tensor], MotionCodec]:
    codec, truth = codec_of(root), standing()
    batch = seen(truth, [camera_at(0.4, 5.0), camera_at(2.0, 3.0)]) | {"x": encoded(truth, codec)}
    batch = {name: value.repeat_interleave(3, 0) for name, value in batch.items()}
    return batch["x"] + 0.05 * normal(batch["x"].shape, "sway"), batch, codec


@pytest.mark.parametrize("root", ["position", "velocity"])
def test_weights_of_clips_and_frames_are_those_of_the_3d_loss(root: RootForm) -> None:
    x, batch, codec = three_clips(root)
    weight = torch.tensor([0.5, 2.0, 0.0])
    plain = reprojection_losses(x, batch, codec, Settings2D())
    a_clip = reprojection_losses(x, batch, codec, Settings2D(), weight)
    a_frame = reprojection_losses(x, batch, codec, Settings2D(), weight[:, None].expand(-1, FRAMES))
    for name, term in plain.items():
        assert term.shape == (3,) and float(term.min()) > 0, name
        torch.testing.assert_close(a_clip[name], weight * term)
        torch.testing.assert_close(a_frame[name], weight * term)


def test_a_clips_numbers_do_not_hang_on_its_batch() -> None:
    x, batch, codec = three_clips()
    together = reprojection_losses(x, batch, codec, Settings2D(per_joint=False, depth_power=1))
    one = {name: value[1:2] for name, value in batch.items()}
    alone = reprojection_losses(x[1:2], one, codec, Settings2D(per_joint=False, depth_power=1))
    for name, term in alone.items():
        torch.testing.assert_close(together[name][1:2], term)


@pytest.mark.parametrize("fill", [0.0, 1e-20, 1.0])
def test_gradients_of_degenerate_guesses_are_finite(fill: float) -> None:
    x, batch, codec = three_clips()
    guess = torch.full_like(x, fill)
    guess[..., ROTATIONS] += codec.offset[ROTATIONS]
    guess.requires_grad_()
    terms = reprojection_losses(guess, batch, codec, Settings2D())
    torch.stack([term.sum() for term in terms.values()]).sum().backward()
    assert guess.grad is not None and guess.grad.isfinite().all()


class _OnlyThere(TorchDispatchMode):
    """Fails where a tensor that is not on the device takes part."""

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        strangers = [a for a in tree_leaves((arguments, options)) if isinstance(a, Tensor) and a.device.type != "meta"]
        assert not strangers, f"{function} takes tensors from elsewhere"
        return function(*arguments, **(options or {}))


def test_nothing_is_sent_to_the_device_after_the_first_step() -> None:
    x, batch, codec = three_clips()
    x, batch = x.to("meta"), {name: value.to("meta") for name, value in batch.items()}
    with torch.inference_mode():  # what it keeps must be fit for training all the same
        reprojection_losses(x, batch, codec, Settings2D())
    with _OnlyThere():
        sum(reprojection_losses(x.requires_grad_(), batch, codec, Settings2D()).values()).sum().backward()


@pytest.mark.parametrize("name", ["videomdm", "videomdm_release"])
def test_settings_weigh_every_term_and_none_at_zero(name: str) -> None:
    lambdas = yaml.safe_load((CONFIGS / "loss" / f"{name}.yaml").read_text())
    assert set(lambdas) == set(TERMS) and all(weight > 0 for weight in lambdas.values())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"depth_power": 3}, "depth_power=3 must be 0, 1 or 2"),
        ({"near_m": 0.0}, "near_m=0.0 must be metres above 0"),
        ({"near_m": 50.0}, "at most 2"),
        ({"azimuth_noise_deg": -1.0}, "azimuth_noise_deg=-1.0 must lie in 0 to 180"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Settings2D(**settings)  # type: ignore[arg-type]
