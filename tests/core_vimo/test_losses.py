"""Loss terms in closed form: metres, one number a clip, and gradients that stay finite."""

from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from core_vimo.codec import CHANNELS, CONTACTS, ROOT, ROTATIONS, MotionCodec, RootForm
from core_vimo.losses import motion_losses
from core_vimo.motion import Motion
from core_vimo.rotations import about_z

LOSSES = Path(__file__).resolve().parents[2] / "configs" / "loss"
FRAMES = 12


def codec_of(root: RootForm = "position") -> MotionCodec:
    """An uneven normalisation, so that forgetting to undo it shows."""
    scale = torch.linspace(0.2, 0.4, CHANNELS)
    return MotionCodec(scale, torch.full((CHANNELS,), 0.05), sixd="columns", root=root)


def standing(shift_m: tuple[float, float, float] = (0, 0, 0), step_m: float = 0.0) -> Motion:
    """A body at rest that slides along x."""
    root_m = torch.tensor([0.0, 0.0, 1.0]) + torch.tensor(shift_m)
    slide = torch.arange(FRAMES)[:, None] * torch.tensor([step_m, 0.0, 0.0])
    return Motion(torch.eye(3).expand(FRAMES, 24, 3, 3).clone(), root_m + slide, torch.ones(FRAMES, 4), 30.0)


def encoded(motion: Motion, codec: MotionCodec) -> Tensor:
    return (codec.vector(motion) * codec.scale + codec.offset)[None]  # not clipped


@pytest.mark.parametrize("root", ["position", "velocity"])
def test_the_same_motion_costs_nothing_but_its_skating(root: RootForm) -> None:
    codec = codec_of(root)
    x = encoded(standing(), codec)
    for name, term in motion_losses(x, x, codec).items():
        torch.testing.assert_close(term, torch.zeros(1), msg=name)


def test_joints_are_compared_in_metres() -> None:
    codec = codec_of()
    terms = motion_losses(encoded(standing((0.3, 0, 0)), codec), encoded(standing(), codec), codec)
    torch.testing.assert_close(terms["joints"], torch.tensor([0.3**2 / 3]))
    torch.testing.assert_close(terms["velocity"], torch.zeros(1), atol=1e-9, rtol=0)
    shift = 0.3 * codec.scale[ROOT.start]
    torch.testing.assert_close(terms["simple"], shift[None].square() / CHANNELS)


@pytest.mark.parametrize("root", ["position", "velocity"])
def test_a_slide_costs_the_same_in_both_root_forms(root: RootForm) -> None:
    codec, step_m = codec_of(root), 0.02
    terms = motion_losses(encoded(standing(step_m=step_m), codec), encoded(standing(), codec), codec)
    drift = (torch.arange(FRAMES) * step_m).square().mean() / 3
    # With velocities the bodies are compared over one spot, wherever they slid to.
    torch.testing.assert_close(terms["joints"], drift[None] * (root == "position"), rtol=1e-4, atol=1e-9)
    torch.testing.assert_close(terms["velocity"], torch.tensor([step_m**2 / 147]), rtol=1e-4, atol=0)
    skate = step_m**2 / 3 * (FRAMES - 1) / FRAMES
    torch.testing.assert_close(terms["foot"], torch.tensor([skate]), rtol=1e-4, atol=0)


def test_feet_may_move_where_the_guess_says_they_do_not_stand() -> None:
    codec = codec_of()
    guess = standing(step_m=0.02)
    guess.contacts[:, 1:] = 0.9
    terms = motion_losses(encoded(guess, codec), encoded(standing(), codec), codec)
    skate = 0.02**2 / 3 / 4 * (FRAMES - 1) / FRAMES
    torch.testing.assert_close(terms["foot"], torch.tensor([skate]), rtol=1e-4, atol=0)


def test_each_clip_has_its_own_number() -> None:
    codec = codec_of()
    x0 = encoded(standing(), codec).repeat(3, 1, 1)
    x0_hat = torch.cat([encoded(standing((dx, 0, 0)), codec) for dx in (0.0, 0.1, 0.2)])
    for name, term in motion_losses(x0_hat, x0, codec).items():
        assert term.shape == (3,), name
    torch.testing.assert_close(motion_losses(x0_hat, x0, codec)["joints"][1:], torch.tensor([0.01, 0.04]) / 3)


def test_turning_the_world_leaves_joints_alone() -> None:
    codec = codec_of()
    turn = about_z(1.0)

    def turned(motion: Motion) -> Motion:
        rotations = motion.rotations.clone()
        rotations[:, 0] = turn @ rotations[:, 0]
        return Motion(rotations, motion.root_m @ turn.T, motion.contacts, motion.fps)

    straight = motion_losses(encoded(standing((0.2, 0.1, 0)), codec), encoded(standing(), codec), codec)
    around = motion_losses(encoded(turned(standing((0.2, 0.1, 0))), codec), encoded(turned(standing()), codec), codec)
    torch.testing.assert_close(straight["joints"], around["joints"], rtol=1e-4, atol=0)


@pytest.mark.parametrize("root", ["position", "velocity"])
@pytest.mark.parametrize("fill", [0.0, 1e-20, 1.0])
def test_gradients_of_degenerate_rotations_are_finite(root: RootForm, fill: float) -> None:
    codec = codec_of(root)
    x0_hat = torch.full((2, FRAMES, CHANNELS), fill)
    x0_hat[..., CONTACTS] = 2.0
    x0_hat[..., ROTATIONS] += codec.offset[ROTATIONS]
    x0_hat.requires_grad_()
    terms = motion_losses(x0_hat, encoded(standing(), codec).repeat(2, 1, 1), codec)
    torch.stack([term.sum() for term in terms.values()]).sum().backward()
    assert x0_hat.grad is not None
    assert x0_hat.grad.isfinite().all()


def swayed(codec: MotionCodec, root: int = 0) -> tuple[Tensor, Tensor]:
    """A guess and the truth, three clips that differ in every term."""
    draw = torch.Generator().manual_seed(root)
    truth = encoded(standing(), codec).repeat(3, 1, 1)
    return truth + 0.05 * torch.randn(truth.shape, generator=draw), truth


@pytest.mark.parametrize("root", ["position", "velocity"])
def test_equal_weights_of_frames_are_a_clips_weight(root: RootForm) -> None:
    codec, weight = codec_of(root), torch.tensor([0.5, 2.0, 0.0])
    x0_hat, x0 = swayed(codec)
    plain = motion_losses(x0_hat, x0, codec)
    a_clip = motion_losses(x0_hat, x0, codec, weight)
    a_frame = motion_losses(x0_hat, x0, codec, weight[:, None].expand(-1, FRAMES))
    for name, term in plain.items():
        assert float(term.min()) > 0, name
        torch.testing.assert_close(a_clip[name], weight * term)
        torch.testing.assert_close(a_frame[name], weight * term)


def test_a_frame_counts_by_its_own_weight_and_a_step_by_the_mean_of_its_two() -> None:
    """One frame is wrong; it costs what it is weighted, whatever the other frames' weights are."""
    codec, wrong = codec_of(), 4
    x0 = encoded(standing(), codec)
    x0_hat = x0.clone()
    x0_hat[:, wrong, ROOT] += 0.1
    plain = motion_losses(x0_hat, x0, codec)
    weight = torch.rand(1, FRAMES, generator=torch.Generator().manual_seed(0)) + 0.5
    weighted = motion_losses(x0_hat, x0, codec, weight)
    for name in ("simple", "joints"):
        torch.testing.assert_close(weighted[name], weight[:, wrong] * plain[name])
    steps = (weight[:, wrong - 1] + 2 * weight[:, wrong] + weight[:, wrong + 1]) / 4
    for name in ("velocity", "foot"):
        torch.testing.assert_close(weighted[name], steps * plain[name])


class _OnlyThere(TorchDispatchMode):
    """Fails where a tensor that is not on the device takes part."""

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        strangers = [a for a in tree_leaves((arguments, options)) if isinstance(a, Tensor) and a.device.type != "meta"]
        assert not strangers, f"{function} takes tensors from elsewhere"
        return function(*arguments, **(options or {}))


@pytest.mark.parametrize("root", ["position", "velocity"])
def test_nothing_is_sent_to_the_device_after_the_first_step(root: RootForm) -> None:
    codec = codec_of(root)
    x0_hat, x0, weight = (torch.empty(shape, device="meta") for shape in ((2, FRAMES, 151), (2, FRAMES, 151), (2,)))
    with torch.inference_mode():  # what it keeps must be fit for training all the same
        motion_losses(x0_hat, x0, codec, weight)
    with _OnlyThere():
        sum(motion_losses(x0_hat.requires_grad_(), x0, codec, weight).values()).sum().backward()
        codec.normalise(x0)


@pytest.mark.parametrize("name", ["edge", "vimo_report"])
def test_settings_weigh_every_term_and_none_at_zero(name: str) -> None:
    lambdas = yaml.safe_load((LOSSES / f"{name}.yaml").read_text())
    x = torch.zeros(1, 3, CHANNELS)
    assert set(lambdas) == set(motion_losses(x, x, codec_of()))
    assert all(weight > 0 for weight in lambdas.values())
