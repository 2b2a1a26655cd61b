"""The network's own promises: what counts as evidence, views as a set, sizes, any length, timesteps a frame."""

import dataclasses
from pathlib import Path
from typing import TypeVar

import pytest
import torch
import yaml
from torch import Tensor

from core_vimo.diffusion.guidance import Condition
from core_vimo.errors import InputError
from core_vimo.evidence import EVIDENCE
from core_vimo.video_to_motion.lifter import Lifter, LifterConfig
from core_vimo.video_to_motion.network import ViMo, ViMoConfig

Network = TypeVar("Network", bound=torch.nn.Module)

MODELS = Path(__file__).resolve().parents[3] / "configs" / "model"
TINY = ViMoConfig(latent=32, feed_forward=64, blocks=2, heads=4, convolutions=1, evidence_beside=True, dropout=0.0)
SEEN = slice(51, 68)


def views(count: int, frames: int = 20, clips: int = 2) -> Tensor:
    """Random evidence; three of four joints are seen, and nothing is zero where they are not."""
    torch.manual_seed(count)
    drawn = torch.randn(clips, count, frames, EVIDENCE)
    drawn[..., SEEN] = (torch.rand(clips, count, frames, 17) < 0.75).float()
    drawn[..., 71] = 0.0
    return drawn


@pytest.fixture(scope="module")
def network() -> ViMo:
    torch.manual_seed(0)
    model = ViMo(TINY).eval().requires_grad_(False)
    return trained_a_bit(model)


@pytest.fixture(scope="module")
def lifter() -> Lifter:
    torch.manual_seed(0)
    model = Lifter(LifterConfig(width=32, blocks=2, dropout=0.0)).eval().requires_grad_(False)
    return trained_a_bit(model)


def trained_a_bit(model: Network) -> Network:
    """What starts at zero (marks, "nobody") no longer is."""
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter)
    return model


def heard(model: ViMo | Lifter, evidence: Tensor) -> Tensor:
    """All that the model knows of the evidence."""
    if isinstance(model, Lifter):
        return model(evidence)
    condition = model.encode(evidence)
    return torch.cat((condition.tokens, condition.pooled[:, None]), dim=1)


BOTH = pytest.mark.parametrize("which", ["network", "lifter"])


@BOTH
def test_unseen_joints_are_no_evidence(which: str, request: pytest.FixtureRequest) -> None:
    model, evidence = request.getfixturevalue(which), views(2)
    unseen = evidence[..., SEEN] == 0
    lies = evidence.clone()
    lies[..., 0:34] += 100.0 * unseen.repeat_interleave(2, -1)
    lies[..., 34:51][unseen] = torch.nan
    assert torch.equal(heard(model, evidence), heard(model, lies))
    fewer = evidence.clone()
    fewer[:, :, 10, SEEN.start + 3] = 1 - fewer[:, :, 10, SEEN.start + 3]
    assert not torch.equal(heard(model, evidence), heard(model, fewer))


@BOTH
def test_an_unseen_joint_is_not_one_at_the_origin(which: str, request: pytest.FixtureRequest) -> None:
    model, evidence = request.getfixturevalue(which), views(1)
    at_origin, unseen = evidence.clone(), evidence.clone()
    at_origin[..., [10, 11, 39]] = 0.0
    at_origin[..., SEEN.start + 5] = 1.0
    unseen[..., SEEN.start + 5] = 0.0
    assert not torch.allclose(heard(model, at_origin), heard(model, unseen), atol=1e-3)


@BOTH
def test_further_views_are_a_set_and_the_first_is_not(which: str, request: pytest.FixtureRequest) -> None:
    model, evidence = request.getfixturevalue(which), views(4)
    as_given = heard(model, evidence)
    torch.testing.assert_close(heard(model, evidence[:, [0, 3, 1, 2]]), as_given, rtol=0, atol=1e-5)
    assert not torch.allclose(heard(model, evidence[:, [1, 0, 2, 3]]), as_given, atol=1e-3)


@BOTH
def test_a_view_that_saw_nobody_is_none(which: str, request: pytest.FixtureRequest) -> None:
    model, evidence = request.getfixturevalue(which), views(3)
    blind = torch.randn(2, 2, 20, EVIDENCE)
    blind[..., SEEN] = 0.0
    with_blind = torch.cat((evidence, blind), dim=1)
    torch.testing.assert_close(heard(model, with_blind), heard(model, evidence), rtol=0, atol=1e-6)


@BOTH
def test_a_view_counts_in_the_frames_where_it_saw_somebody(which: str, request: pytest.FixtureRequest) -> None:
    """In the others it is silent, unless none saw anybody: then what was seen before and after still tells."""
    model, evidence = request.getfixturevalue(which), views(1)
    evidence[:, :, 8:11, SEEN] = 0.0
    nothing = torch.zeros_like(evidence)
    told, untold = heard(model, evidence), heard(model, nothing)
    assert told.isfinite().all() and untold.isfinite().all()
    assert not torch.allclose(told[:, 9], untold[:, 9], atol=1e-3)
    if isinstance(model, ViMo):  # nobody anywhere: one learned token
        tokens = model.encode(nothing).tokens
        assert torch.equal(tokens, model.pose_encoder.fusion.nobody.expand_as(tokens))


@pytest.mark.parametrize("frames", [1, 7, 33])
def test_any_length_any_timesteps(network: ViMo, lifter: Lifter, frames: int) -> None:
    evidence, x = views(2, frames), torch.randn(2, frames, 151)
    condition = network.encode(evidence)
    one_a_clip = network(x, torch.tensor([3, 700]), condition)
    one_a_frame = network(x, torch.tensor([3, 700])[:, None].expand(2, frames), condition)
    torch.testing.assert_close(one_a_clip, one_a_frame, rtol=1e-4, atol=1e-5)
    assert one_a_clip.shape == lifter(evidence).shape == (2, frames, 151)
    assert network(x, torch.tensor([3, 700]), network.null(2, frames)).isfinite().all()
    single = network.encode(evidence[:, 0])
    assert torch.equal(single.tokens, network.encode(evidence[:, :1]).tokens)


def test_each_frame_hears_its_own_timestep(network: ViMo) -> None:
    x, condition = torch.randn(1, 12, 151), network.encode(views(1, 12, clips=1))
    t = torch.full((1, 12), 500)
    moved = t.clone()
    moved[0, 4] = 0
    changed = (network(x, t, condition) - network(x, moved, condition)).abs().amax(-1)[0]
    assert changed.argmax() == 4


def test_what_was_seen_at_its_moment_is_beside_a_frame(network: ViMo) -> None:
    """With the attention to the evidence cut off, only a frame's own token reaches it."""
    alone = ViMo(dataclasses.replace(TINY, blocks=1)).eval()
    for block in alone.blocks:
        torch.nn.init.zeros_(block.cross_attention.out.weight)
        torch.nn.init.zeros_(block.self_attention.out.weight)
    tokens = torch.randn(1, 10, 32)
    other = tokens.clone()
    other[0, 6] += 1.0
    pooled, x, t = torch.zeros(1, 32), torch.randn(1, 10, 151), torch.tensor([50])
    before, after = alone(x, t, Condition(tokens, pooled)), alone(x, t, Condition(other, pooled))
    changed = (before != after).any(-1)[0]
    assert changed.tolist() == [frame == 6 for frame in range(10)]


def parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def of_config(name: str) -> dict[str, object]:
    settings: dict[str, object] = yaml.safe_load((MODELS / f"{name}.yaml").read_text())
    return settings | {"trained_frames": 150}


def test_sizes_in_use() -> None:
    counts = {name: parameters(ViMo(ViMoConfig(**of_config(name)))) for name in ("vimo_small", "vimo_big")}
    assert counts == {"vimo_small": 1_455_895, "vimo_big": 6_287_767}
    assert abs(parameters(Lifter(LifterConfig(**of_config("lifter")))) / counts["vimo_small"] - 1) < 0.05


def test_a_separate_film_has_three_layers_a_block() -> None:
    """The report's version 2 has three where version 1 has one, of [timestep ; encoding] (2 d) to scale and shift."""
    shared, separate = (ViMo(dataclasses.replace(TINY, film=film)) for film in ("shared", "separate"))
    one = 2 * 32 * 64 + 64
    assert parameters(separate) - parameters(shared) == TINY.blocks * 2 * one
    assert sum(name.endswith("film.1.weight") for name in shared.state_dict()) == TINY.blocks


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"film": "both"}, "shared or separate"),
        ({"latent": 30}, "multiple"),
        ({"blocks": 0}, "whole number"),
        ({"convolutions": 9}, "0 to 8"),
        ({"convolutions": True}, "whole number"),
    ],
)
def test_sizes_that_cannot_be(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ViMoConfig(**wrong)  # type: ignore[arg-type]


def test_the_lifter_sees_as_far_as_it_says() -> None:
    """A frame is told of 3 ^ (blocks + 1) frames around it, and of no other."""
    torch.manual_seed(0)
    model = Lifter(LifterConfig(width=16, blocks=2, dropout=0.0)).eval()
    evidence = views(1, 61, clips=1)
    evidence[..., SEEN] = 1.0
    other = evidence.clone()
    other[0, 0, 30, 0] += 5.0
    changed = (model(evidence) != model(other)).any(-1)[0].nonzero()[:, 0]
    assert (changed.min().item(), changed.max().item()) == (30 - 13, 30 + 13)
