import pytest
import torch
from torch import Tensor, nn

from core_vimo.diffusion.guidance import Condition, guided, vimo_weight


class Toy(nn.Module):
    """Mixes motion, timestep and condition, and remembers how large its batches were."""

    def __init__(self) -> None:
        super().__init__()
        self.cond_in, self.x_in, self.out = nn.Linear(5, 4), nn.Linear(3, 4), nn.Linear(4, 3)
        self.null_token = nn.Parameter(torch.randn(4))
        self.encoded, self.batches = 0, []

    def encode(self, cond: Tensor) -> Condition:
        self.encoded += 1
        tokens = self.cond_in(cond)
        return Condition(tokens, tokens.mean(1))

    def null(self, batch: int, frames: int) -> Condition:
        return Condition(self.null_token.expand(batch, frames, 4), self.null_token.expand(batch, 4))

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        self.batches.append(len(x))
        times = t.reshape(len(t), -1, 1) / 100
        return self.out(
            (self.x_in(x) + condition.tokens.mean(1, keepdim=True) + condition.pooled[:, None] + times).tanh()
        )


@pytest.fixture
def toy() -> Toy:
    torch.manual_seed(0)
    return Toy().requires_grad_(False)


def inputs(clips: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    return torch.randn(clips, 6, 3), torch.arange(clips) * 10, torch.randn(clips, 6, 5)


@pytest.mark.parametrize("weight", [-0.5, 0.3, 2.0])
@pytest.mark.parametrize("per_frame", [False, True])
def test_guidance_equals_two_separate_calls_in_one_batch(toy: Toy, weight: float, per_frame: bool) -> None:
    x, t, cond = inputs()
    t = t[:, None] + torch.arange(6) if per_frame else t
    condition = toy.encode(cond)
    conditional, unconditional = toy(x, t, condition), toy(x, t, toy.null(2, 6))
    toy.batches.clear()
    torch.testing.assert_close(
        guided(toy, condition, weight)(x, t), unconditional + weight * (conditional - unconditional)
    )
    assert toy.batches == [4]


def test_weights_one_and_zero_cost_one_half_and_are_exact(toy: Toy) -> None:
    x, t, cond = inputs()
    condition = toy.encode(cond)
    expected = {1.0: toy(x, t, condition), 0.0: toy(x, t, toy.null(2, 6))}
    toy.batches.clear()
    for weight, x0_hat in expected.items():
        assert torch.equal(guided(toy, condition, weight)(x, t), x0_hat)
        assert torch.equal(guided(toy, condition, lambda t, w=weight: torch.full(t.shape, w))(x, t), x0_hat)
    assert toy.batches == [2, 2, 2, 2]


def test_a_weight_may_follow_the_timestep_of_each_clip(toy: Toy) -> None:
    x, t, cond = inputs(3)
    condition = toy.encode(cond)
    together = guided(toy, condition, lambda t: t / 10)(x, t)
    for clip in range(3):
        one = slice(clip, clip + 1)
        torch.testing.assert_close(together[one], guided(toy, condition[one], float(clip))(x[one], t[one]))


def test_the_condition_is_encoded_once_for_all_steps(toy: Toy) -> None:
    x, t, cond = inputs()
    denoise = guided(toy, toy.encode(cond), 2.0)
    for _ in range(5):
        x = denoise(x, t)
    assert toy.encoded == 1


def test_a_condition_for_other_clips_is_refused(toy: Toy) -> None:
    x, t, cond = inputs(3)
    with pytest.raises(ValueError, match="3 clips to denoise, but a condition for 2"):
        guided(toy, toy.encode(cond[:2]), 2.0)(x, t)


def test_conditions_join_and_part() -> None:
    first = Condition(torch.randn(2, 6, 4), torch.randn(2, 4))
    second = Condition(torch.randn(3, 6, 4), torch.randn(3, 4))
    both = first.cat(second)
    assert len(both) == 5
    assert torch.equal(both[2:].tokens, second.tokens) and torch.equal(both[:2].pooled, first.pooled)
    assert torch.equal(first[torch.tensor([1, 1, 1])].pooled, first.pooled[[1, 1, 1]])


def test_vimo_writes_the_same_guidance_with_one_less() -> None:
    conditional, unconditional, w = torch.tensor(3.0), torch.tensor(1.25), 1.5
    vimo = (1 + w) * conditional - w * unconditional
    assert float(unconditional + vimo_weight(w) * (conditional - unconditional)) == float(vimo)
