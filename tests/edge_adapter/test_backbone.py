"""The backbone's own promises: sizes, any window length, timesteps a frame, music encoded once."""

import dataclasses
from pathlib import Path

import pytest
import torch
import yaml

from core_vimo.attention import Attention, rotate
from core_vimo.codec import CHANNELS, MotionCodec
from core_vimo.diffusion.guidance import guided
from core_vimo.diffusion.schedule import cosine_schedule
from core_vimo.diffusion.windows import Windows
from core_vimo.errors import InputError
from edge_adapter.backbone import Backbone, BackboneConfig
from edge_adapter.build import build_model
from edge_adapter.long_song import SongDancer

MODELS = Path(__file__).resolve().parents[2] / "configs" / "model"
TINY = BackboneConfig(condition_dim=35, latent=32, feed_forward=64, layers=2, heads=4, trained_frames=20)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    torch.manual_seed(0)
    return Backbone(TINY).eval()


def parameters(config: BackboneConfig) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in Backbone(config).parameters())


@pytest.mark.parametrize(("name", "count"), [("edge", 49_464_471), ("edge_small", 2_030_103)])
def test_sizes_in_use(name: str, count: int) -> None:
    """`edge` with Jukebox features has the published size, to the parameter."""
    settings = yaml.safe_load((MODELS / f"{name}.yaml").read_text())
    assert parameters(BackboneConfig(**settings)) == count


def test_the_defaults_are_edges() -> None:
    assert BackboneConfig(**yaml.safe_load((MODELS / "edge.yaml").read_text())) == BackboneConfig()


@pytest.mark.parametrize("frames", [1, 7, 20, 21, 63])
@pytest.mark.parametrize("music", [True, False])
def test_any_window_length_is_finite(backbone: Backbone, frames: int, music: bool) -> None:
    condition = backbone.encode(torch.randn(2, frames, 35)) if music else backbone.null(2, frames)
    x0_hat = backbone(torch.randn(2, frames, 151), torch.tensor([0, 999]), condition)
    assert x0_hat.shape == (2, frames, 151)
    assert x0_hat.isfinite().all()


def test_no_music_is_what_was_learned_at_the_trained_length(backbone: Backbone) -> None:
    torch.testing.assert_close(backbone.null(1, 20).tokens, backbone.null_tokens, rtol=0, atol=0)


def test_no_music_shorter_is_the_head_and_longer_repeats(backbone: Backbone) -> None:
    learned = backbone.null_tokens
    torch.testing.assert_close(backbone.null(1, 6).tokens, learned[:, :6], rtol=0, atol=0)
    torch.testing.assert_close(backbone.null(1, 50).tokens[:, 40:], learned[:, :10], rtol=0, atol=0)


def test_equal_timesteps_a_frame_are_one_timestep(backbone: Backbone) -> None:
    x, t, condition = torch.randn(3, 20, 151), torch.tensor([3, 500, 998]), backbone.encode(torch.randn(3, 20, 35))
    a_frame = backbone(x, t[:, None].expand(-1, 20), condition)
    torch.testing.assert_close(a_frame, backbone(x, t, condition), rtol=0, atol=1e-5)


def test_each_frame_feels_its_own_timestep(backbone: Backbone) -> None:
    x, condition = torch.randn(1, 20, 151), backbone.encode(torch.randn(1, 20, 35))
    t = torch.full((1, 20), 10)
    changed = t.clone()
    changed[:, 5] = 900
    moved = (backbone(x, t, condition) - backbone(x, changed, condition)).abs().amax(-1)[0]
    assert moved.argmax() == 5
    assert moved[5] > 3 * moved[torch.arange(20) != 5].max()


def test_a_clip_does_not_depend_on_its_batch_mates(backbone: Backbone) -> None:
    x, cond, t = torch.randn(4, 20, 151), torch.randn(4, 20, 35), torch.tensor([1, 200, 400, 800])
    together = backbone(x, t, backbone.encode(cond))
    alone = backbone(x[2:3], t[2:3], backbone.encode(cond[2:3]))
    torch.testing.assert_close(together[2:3], alone, rtol=0, atol=1e-5)


def test_gradients_reach_every_parameter_and_both_kinds_of_condition() -> None:
    model = Backbone(TINY).train()
    x, t = torch.randn(2, 20, 151), torch.tensor([5, 600])
    heard, silent = model(x, t, model.encode(torch.randn(2, 20, 35))), model(x, t, model.null(2, 20))
    (heard.square().mean() + silent.square().mean()).backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # A key's bias shifts all of a query's scores alike, so softmax cannot see it.
    assert all(name.endswith("key.bias") for name in without)


def test_training_works_after_sampling_in_inference_mode() -> None:
    model = Backbone(dataclasses.replace(TINY, latent=24))
    with torch.inference_mode():
        model(torch.randn(1, 11, 151), torch.tensor([1]), model.null(1, 11))
    model(torch.randn(1, 11, 151), torch.tensor([1]), model.null(1, 11)).sum().backward()
    assert model.motion_in.weight.grad is not None


def test_dropout_acts_in_training_only(backbone: Backbone) -> None:
    x, t, condition = torch.randn(1, 20, 151), torch.tensor([5]), backbone.null(1, 20)
    assert torch.equal(backbone(x, t, condition), backbone(x, t, condition))
    backbone.train()
    assert not torch.equal(backbone(x, t, condition), backbone(x, t, condition))
    backbone.eval()


# Music beside each frame


@pytest.fixture
def beside_only() -> Backbone:
    """Nothing but `music_beside` carries music to motion: no attention over tokens, no decoder layers."""
    torch.manual_seed(0)
    model = Backbone(dataclasses.replace(TINY, music_beside=True)).eval()
    model.music_layers, model.layers = torch.nn.ModuleList(), torch.nn.ModuleList()
    return model


def changed_frames(before: torch.Tensor, after: torch.Tensor) -> list[int]:
    return (before != after).flatten(2).any(-1).any(0).nonzero().flatten().tolist()


@pytest.mark.parametrize("frames", [7, 20, 45])
@torch.no_grad()
def test_a_frame_gets_the_music_of_its_own_moment(beside_only: Backbone, frames: int) -> None:
    x, t, music = torch.randn(2, frames, 151), torch.tensor([3, 900]), torch.randn(2, frames, 35)
    later = music.clone()
    later[:, 5] += 1

    def dance(heard: torch.Tensor, weight: float) -> torch.Tensor:
        return guided(beside_only, beside_only.encode(heard), weight)(x, t)

    for weight in (1.0, 2.0):
        assert changed_frames(dance(music, weight), dance(later, weight)) == [5]
    assert changed_frames(dance(music, 0.0), dance(later, 0.0)) == []


@torch.no_grad()
def test_a_silent_frame_gets_the_silence_of_its_own_moment(beside_only: Backbone) -> None:
    x, t = torch.randn(1, 45, 151), torch.tensor([3])
    before = beside_only(x, t, beside_only.null(1, 45))
    beside_only.null_tokens[:, 5] += 1
    assert changed_frames(before, beside_only(x, t, beside_only.null(1, 45))) == [5, 25]


@pytest.mark.parametrize("windows", [Windows((0,), 13), Windows((0, 9, 25), 20), Windows((0, 20, 41, 50), 31)])
@torch.no_grad()
def test_a_song_is_danced_with_the_music_of_each_moment(beside_only: Backbone, windows: Windows) -> None:
    """Whatever the length of its windows, how many share a moment, and how many are denoised at once."""
    codec = MotionCodec(torch.ones(CHANNELS), torch.zeros(CHANNELS))
    dancer = SongDancer(beside_only, codec, cosine_schedule(), weight=2.0, at_once=2)
    x, t, music = torch.randn(1, windows.frames, 151), torch.tensor([3]), torch.randn(windows.frames, 35)
    for frame in (0, 11, windows.frames - 1):
        later = music.clone()
        later[frame] += 1
        before, after = (dancer.denoiser(heard, windows)(x, t) for heard in (music, later))
        assert changed_frames(before, after) == [frame]


def test_without_music_beside_it_is_edges_network() -> None:
    """Same tensors, and the same numbers as with a `music_beside` that adds nothing."""
    torch.manual_seed(0)
    plain, beside = Backbone(TINY).eval(), Backbone(dataclasses.replace(TINY, music_beside=True)).eval()
    more = {"music_beside.weight": torch.zeros(32, 32), "music_beside.bias": torch.zeros(32)}
    beside.load_state_dict(plain.state_dict() | more)
    x, t, music = torch.randn(2, 20, 151), torch.tensor([3, 500]), torch.randn(2, 20, 35)
    assert torch.equal(plain(x, t, plain.encode(music)), beside(x, t, beside.encode(music)))


def test_settings_from_before_music_beside_still_fit() -> None:
    settings = dataclasses.asdict(TINY)
    del settings["music_beside"]
    built = build_model(settings)
    assert built.state_dict().keys() == Backbone(TINY).state_dict().keys()


@pytest.mark.parametrize("value", [1, "yes", None])
def test_music_beside_is_true_or_false(value: object) -> None:
    with pytest.raises(InputError, match=r"model\.music_beside=.* must be true or false"):
        dataclasses.replace(TINY, music_beside=value)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_each_pair_turns_by_its_position(dtype: torch.dtype) -> None:
    x = torch.randn(2, 30, 8, dtype=torch.float64).to(dtype)
    angles = torch.arange(30.0)[:, None] * 10000.0 ** (-torch.arange(0, 8, 2) / 8)
    even, odd = x[..., ::2].double(), x[..., 1::2].double()
    cos, sin = angles.cos(), angles.sin()
    turned = torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)
    assert rotate(x).dtype == dtype
    torch.testing.assert_close(rotate(x), turned.to(dtype), atol=1e-5, rtol=1e-2 if dtype == torch.bfloat16 else 1e-5)
    assert torch.equal(rotate(x.transpose(0, 1).contiguous().transpose(0, 1)), rotate(x))


def test_rotated_scores_hang_on_distance_alone() -> None:
    query, key = torch.randn(16), torch.randn(16)
    scores = rotate(query.expand(1, 40, 16)) @ rotate(key.expand(1, 40, 16)).transpose(1, 2)
    for offset in (-5, 0, 7):
        diagonal = scores[0].diagonal(offset)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=0, atol=1e-4)


def test_rotation_keeps_lengths_and_the_first_position() -> None:
    x = torch.randn(2, 30, 16)
    torch.testing.assert_close(rotate(x).norm(dim=-1), x.norm(dim=-1))
    assert torch.equal(rotate(x)[:, 0], x[:, 0])


def test_attention_is_torchs_multi_head_attention() -> None:
    ours, theirs = Attention(24, 3, 0.1).eval(), torch.nn.MultiheadAttention(24, 3, batch_first=True).eval()
    stacked = (ours.query, ours.key, ours.value)
    theirs.in_proj_weight.data = torch.cat([p.weight.data for p in stacked])
    theirs.in_proj_bias.data = torch.cat([p.bias.data for p in stacked])
    theirs.out_proj.load_state_dict(ours.out.state_dict())
    query, key, value = torch.randn(2, 9, 24), torch.randn(2, 11, 24), torch.randn(2, 11, 24)
    torch.testing.assert_close(ours(query, key, value), theirs(query, key, value)[0], rtol=0, atol=1e-6)


def test_attention_in_bfloat16_is_the_same_but_for_rounding() -> None:
    attention, x = Attention(32, 4, 0.0).eval(), torch.randn(2, 50, 32)
    with torch.autocast("cpu", torch.bfloat16):
        rough = attention(x, x, x)
    assert rough.dtype == torch.bfloat16
    torch.testing.assert_close(rough.float(), attention(x, x, x), rtol=0, atol=0.02)
