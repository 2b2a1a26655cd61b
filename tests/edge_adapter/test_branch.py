"""Style branches: no change before training or at strength 0, only the branch learns, k styles cost k branches."""

import copy
from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import Tensor

from completion.completing import Manner, complete
from completion.filler import Filler
from completion.masks import span
from core_vimo.codec import CHANNELS, MotionCodec
from core_vimo.diffusion.guidance import Condition, guided
from core_vimo.diffusion.schedule import cosine_schedule
from core_vimo.diffusion.windows import Windows
from core_vimo.errors import InputError
from core_vimo.training.checkpoint import frozen_hash
from core_vimo.transformer import DecoderLayer
from edge_adapter.backbone import Backbone, BackboneConfig
from edge_adapter.branch import FUSIONS, Branch, BranchConfig, StyledBackbone
from edge_adapter.long_song import SongDancer

C, S = 7, 20
CONFIG = BackboneConfig(condition_dim=C, latent=16, feed_forward=32, layers=3, heads=2, trained_frames=S, dropout=0.1)
CODEC = MotionCodec(torch.full((CHANNELS,), 0.5), torch.zeros(CHANNELS), sixd="columns", root="velocity")


@pytest.fixture
def backbone() -> Backbone:
    torch.manual_seed(0)
    return Backbone(CONFIG).eval()


def branches(backbone: Backbone, *, layers: tuple[int, ...] = (2,), fusion: str = "add", learnt: bool) -> list[Branch]:
    made = [Branch(backbone, BranchConfig(count, fusion)) for count in layers]
    if learnt:
        for branch in made:
            for parameter in branch.parameters():
                parameter.data = torch.randn_like(parameter) * 0.3
    return made


def inputs(batch: int = 2, styles: int = 1) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(1)
    x, music = torch.randn(batch, S, 151, generator=g), torch.randn(batch, S, C, generator=g)
    return x, torch.arange(batch) * 7 + 3, music, torch.rand(batch, S, styles, generator=g) * 1.5


@torch.no_grad()
def guess(model: Backbone | StyledBackbone, x: Tensor, t: Tensor, cond: Tensor) -> Tensor:
    return model(x, t, model.encode(cond))


@pytest.mark.parametrize(("fusion", "layers"), list(product(FUSIONS, [(1,), (3,), (2, 3)])))
def test_untrained_branches_change_nothing(backbone: Backbone, fusion: str, layers: tuple[int, ...]) -> None:
    x, t, music, strengths = inputs(styles=len(layers))
    wanted = guess(backbone, x, t, music)
    styled = StyledBackbone(backbone, branches(backbone, layers=layers, fusion=fusion, learnt=False)).eval()
    for cond in (music, torch.cat((music, strengths), -1)):
        assert float((guess(styled, x, t, cond) - wanted).abs().max()) == 0.0


@pytest.mark.parametrize("fusion", FUSIONS)
def test_strength_0_is_the_backbone_bit_for_bit(backbone: Backbone, fusion: str) -> None:
    x, t, music, strengths = inputs(styles=2)
    styled = StyledBackbone(backbone, branches(backbone, layers=(2, 3), fusion=fusion, learnt=True)).eval()
    off = guess(styled, x, t, torch.cat((music, 0 * strengths), -1))
    assert torch.equal(off, guess(backbone, x, t, music))
    assert not torch.allclose(off, guess(styled, x, t, music))
    untold, told = guess(styled, x, t, music), guess(styled, x, t, torch.cat((music, torch.ones(2, S, 2)), -1))
    assert torch.equal(untold, told)


def test_one_of_two_styles_at_strength_0_is_the_other_alone(backbone: Backbone) -> None:
    x, t, music, strengths = inputs(styles=2)
    pair = branches(backbone, layers=(3, 2), learnt=True)
    alone = guess(StyledBackbone(backbone, pair[1:]).eval(), x, t, torch.cat((music, strengths[..., 1:]), -1))
    strengths[..., 0] = 0
    assert torch.equal(guess(StyledBackbone(backbone, pair).eval(), x, t, torch.cat((music, strengths), -1)), alone)


def test_strengths_are_each_frames_own(backbone: Backbone) -> None:
    """In the last layer alone nothing mixes frames after the zero convolution, so a frame at 0 is the backbone's."""
    x, t, music, strengths = inputs()
    styled = StyledBackbone(backbone, branches(backbone, layers=(1,), learnt=True)).eval()
    strengths[:, :8] = 0
    moved, base = guess(styled, x, t, torch.cat((music, strengths), -1)), guess(backbone, x, t, music)
    assert torch.equal(moved[:, :8], base[:, :8])
    assert not (moved[:, 8:] == base[:, 8:]).all(-1).any()


@pytest.mark.parametrize("fusion", FUSIONS)
def test_gradients_reach_zero_convolutions_first_and_copies_next(backbone: Backbone, fusion: str) -> None:
    styled = StyledBackbone(backbone, branches(backbone, layers=(3,), fusion=fusion, learnt=False)).train()
    before, (branch,) = frozen_hash(styled), styled.branches
    optimizer = torch.optim.AdamW(branch.parameters(), lr=1e-2)
    x, t, music, _ = inputs()
    reached = []
    for _ in range(3):
        optimizer.zero_grad()
        (styled(x, t, styled.encode(music)) - x).square().mean().backward()
        reached.append([_reached(part) for part in (branch.zero_convolutions, branch.layers)])
        optimizer.step()
    assert reached == [[True, False], [True, True], [True, True]]
    assert before == frozen_hash(styled) and not any(p.grad is not None for p in backbone.parameters())


def _reached(part: torch.nn.Module) -> bool:
    """Whether every parameter has a gradient, where none may."""
    reached = {bool((p.grad != 0).any()) for p in part.parameters()}
    assert len(reached) == 1
    return reached.pop()


def test_only_the_branch_trains_and_the_backbone_has_no_dropout(backbone: Backbone) -> None:
    copied = copy.deepcopy(backbone).requires_grad_(False)
    styled = StyledBackbone(copied, [Branch(copied, BranchConfig(2))]).train()
    assert {n.split(".")[0] for n, p in styled.named_parameters() if p.requires_grad} == {"branches"}
    assert styled.branches.training and not any(m.training for m in copied.modules())
    assert all(torch.equal(a, b) for a, b in zip(
        styled.branches[0].layers.parameters(), copied.layers[1:].parameters(), strict=True
    ))  # fmt: skip


@pytest.mark.parametrize(("told", "layers"), [((1, 1), 3 + 2 + 1), ((0, 1), 3 + 1), ((1, 0), 3 + 2), ((0, 0), 3)])
def test_k_styles_cost_k_branches(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch, told: tuple[int, int], layers: int
) -> None:
    calls = 0
    forward = DecoderLayer.forward

    def counted(*arguments: object) -> Tensor:
        nonlocal calls
        calls += 1
        return forward(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(DecoderLayer, "forward", counted)
    x, t, music, _ = inputs()
    styled = StyledBackbone(backbone, branches(backbone, layers=(2, 1), learnt=True)).eval()
    guess(styled, x, t, torch.cat((music, torch.tensor(told).expand(2, S, 2)), -1))
    assert calls == layers


def test_guidance_keeps_the_style_without_music(backbone: Backbone) -> None:
    x, t, music, strengths = inputs()
    styled = StyledBackbone(backbone, branches(backbone, learnt=True)).eval()
    condition = styled.encode(torch.cat((music, strengths), -1))
    null = replace(backbone.null(2, S), strengths=strengths)
    with torch.no_grad():
        unconditional, conditional = styled(x, t, null), styled(x, t, condition)
        assert torch.equal(guided(styled, condition, 0.0)(x, t), unconditional)
        torch.testing.assert_close(
            guided(styled, condition, 2.0)(x, t), unconditional + 2 * (conditional - unconditional)
        )


def test_conditions_carry_strengths() -> None:
    with_strengths, without = _condition(2, torch.rand(2, S, 1)), _condition(3, None)
    assert torch.equal(with_strengths[torch.tensor([1, 1])].strengths, with_strengths.strengths[[1, 1]])
    assert torch.equal(without.cat(with_strengths).strengths[:3], torch.ones(3, S, 1))
    assert torch.equal(with_strengths.cat(without).strengths[:2], with_strengths.strengths)
    assert without.cat(without).strengths is None and without[:1].strengths is None


def _condition(batch: int, strengths: Tensor | None) -> Condition:
    return Condition(torch.randn(batch, S, 4), torch.randn(batch, 4), strengths)


WINDOWS = Windows((0, 10, 20, 30), 20)


@pytest.fixture
def dancer(backbone: Backbone) -> SongDancer:
    styled = StyledBackbone(backbone, branches(backbone, layers=(1,), learnt=True)).eval()
    return SongDancer(styled, CODEC, cosine_schedule(50), steps=4, at_once=3)


def timeline(strengths: Tensor) -> Tensor:
    music = torch.randn(WINDOWS.frames, C, generator=torch.Generator().manual_seed(2))
    return torch.cat((music, strengths[:, None]), -1)


def test_a_song_is_cut_with_its_strengths(dancer: SongDancer, backbone: Backbone) -> None:
    x = torch.randn(1, WINDOWS.frames, 151)
    t = torch.tensor([20])
    strengths = (torch.arange(WINDOWS.frames) >= 25).float()
    plain = replace(dancer, model=backbone)
    styled = dancer.denoiser(timeline(strengths), WINDOWS)(x, t)
    base = plain.denoiser(timeline(strengths)[:, :C], WINDOWS)(x, t)
    torch.testing.assert_close(styled[:, :25], base[:, :25])
    assert not torch.isclose(styled[:, 25:], base[:, 25:]).all(-1).any()


def test_a_song_at_strength_0_is_the_backbones_dance(dancer: SongDancer, backbone: Backbone) -> None:
    off = timeline(torch.zeros(WINDOWS.frames))
    base = replace(dancer, model=backbone).dance(off[:, :C], WINDOWS, seed=3)
    assert torch.equal(dancer.dance(off, WINDOWS, seed=3).rotations, base.rotations)
    on = dancer.dance(timeline(torch.ones(WINDOWS.frames)), WINDOWS, seed=3)
    assert not torch.allclose(on.rotations, base.rotations)


def test_a_window_is_danced_anew_in_a_style(dancer: SongDancer, backbone: Backbone) -> None:
    plain, off = replace(dancer, model=backbone), timeline(torch.zeros(WINDOWS.frames))
    motion = plain.dance(off[:, :C], WINDOWS, seed=3)
    base = plain.remake(motion, off[:, :C], WINDOWS, 2, seed=4)
    assert torch.equal(dancer.remake(motion, off, WINDOWS, 2, seed=4).rotations, base.rotations)
    styled = dancer.remake(motion, timeline(torch.ones(WINDOWS.frames)), WINDOWS, 2, seed=4)
    assert torch.equal(styled.rotations[:20], motion.rotations[:20])
    assert not torch.allclose(styled.rotations[20:40], base.rotations[20:40])


def test_a_gap_is_completed_in_a_style(dancer: SongDancer, backbone: Backbone) -> None:
    plain, off = replace(dancer, model=backbone), timeline(torch.zeros(WINDOWS.frames))
    motion = plain.dance(off[:, :C], WINDOWS, seed=3)
    manner, kept = Manner(takes=1), ~span(20, 35)
    base = complete(motion, kept, Filler.to_song(plain, off[:, :C]), manner)[0]
    same = complete(motion, kept, Filler.to_song(dancer, off), manner)[0]
    assert torch.equal(same.rotations, base.rotations)
    styled = complete(motion, kept, Filler.to_song(dancer, timeline(torch.ones(WINDOWS.frames))), manner)[0]
    assert torch.equal(styled.rotations[:20], motion.rotations[:20])
    assert not torch.allclose(styled.rotations[20:35], base.rotations[20:35])


def test_what_does_not_fit_is_said(backbone: Backbone) -> None:
    with pytest.raises(InputError, match="the backbone has 3; take 1 to 3"):
        Branch(backbone, BranchConfig(4))
    with pytest.raises(InputError, match="whole number"):
        BranchConfig(0)
    with pytest.raises(InputError, match="take add or concat"):
        BranchConfig(1, "multiply")
    with pytest.raises(ValueError, match="9 channels"):
        StyledBackbone(backbone, branches(backbone, learnt=False)).encode(torch.zeros(1, S, 9))
