import pytest
import torch
from torch import Tensor, nn

from core_vimo.diffusion.guidance import Condition
from core_vimo.diffusion.preconditioning import Preconditioned
from core_vimo.diffusion.schedule import cosine_schedule
from core_vimo.randomness import normal

SCHEDULE = cosine_schedule()
NOTHING = Condition(torch.zeros(4, 1, 1), torch.zeros(4, 1))


class _Constant(nn.Module):
    """Predicts one number everywhere and remembers what it was shown."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        self.shown = x
        return torch.full_like(x, self.value)


@pytest.fixture
def data() -> Tensor:
    """Gaussian channels that go together, of known spread; the last never moves."""
    x0 = normal((4, 5000, 3), 0) * torch.tensor([0.5, 2.0, 0.0])
    x0[..., 0] += 0.3 * x0[..., 1]
    return x0 + torch.tensor([1.0, -3.0, 0.25])


def _model(data: Tensor, value: float = 0.0) -> Preconditioned:
    model = Preconditioned(_Constant(value), SCHEDULE, 3)
    model.fit(data.flatten(0, 1))
    return model


@pytest.mark.parametrize("step", [5, 300, 700, 990])
def test_a_silent_network_leaves_the_best_linear_guess(data, step):
    t = torch.full((4,), step)
    x_t = SCHEDULE.q_sample(data, t, normal(data.shape, 1))
    guess = _model(data)(x_t, t, NOTHING)
    # The best affine guess of x0 from x_t, by least squares on the very data.
    inputs = torch.cat((x_t.flatten(0, 1), torch.ones(x_t[..., :1].numel(), 1)), 1).double()
    best = inputs @ torch.linalg.lstsq(inputs, data.flatten(0, 1).double()).solution
    off = (guess.flatten(0, 1).double() - best).square().mean().sqrt()
    assert off < 0.02 * float(data.std())


@pytest.mark.parametrize("step", [5, 300, 700, 990])
def test_the_network_sees_and_predicts_numbers_of_size_one(data, step):
    t = torch.full((4,), step)
    x_t = SCHEDULE.q_sample(data, t, normal(data.shape, 1))
    model = _model(data)
    linear = model(x_t, t, NOTHING)
    assert torch.allclose(model.model.shown.std((0, 1))[1:], torch.ones(2), atol=0.03)
    scale = (_model(data, 1.0)(x_t, t, NOTHING) - linear) @ model.axes
    left = (data - linear) @ model.axes / scale
    assert torch.allclose(left.std((0, 1))[1:], torch.ones(2), atol=0.05)


def test_a_channel_that_never_moves_is_its_mean(data):
    guess = _model(data, 5.0)(normal(data.shape, 2), torch.full((4,), 999), NOTHING)
    assert torch.allclose(guess[..., 2], torch.full_like(guess[..., 2], 0.25), atol=1e-5)


def test_one_timestep_a_frame_is_the_same_as_one_a_clip(data):
    model, x = _model(data, 0.3), normal(data.shape, 3)
    t = torch.tensor([5, 300, 700, 990])
    per_frame = model(x, t[:, None].expand(-1, 5000), NOTHING)
    assert torch.allclose(model(x, t, NOTHING), per_frame, atol=1e-6)
