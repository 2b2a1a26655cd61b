import pytest
import torch
from torch import Tensor, nn

from core_vimo.diffusion.guidance import Condition
from core_vimo.diffusion.preconditioning import Preconditioned, _cosines
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


FRAMES = 40


@pytest.fixture
def data() -> Tensor:
    """Windows of slow Gaussian waves in two channels that go together; the third never moves."""
    time = torch.arange(FRAMES) / FRAMES
    rates = torch.tensor([1.0, 2.0, 3.5])
    waves = torch.sin(2 * torch.pi * (time[:, None] * rates + normal((2000, 1, 3), 0, "phase")))
    sizes = normal((2000, 1, 3), 0, "size") * torch.tensor([1.0, 0.5, 0.2])
    first = (waves * sizes).sum(-1)
    second = 0.5 * first + 0.3 * (waves * normal((2000, 1, 3), 1, "size")).sum(-1)
    return torch.stack((first + 1, second - 3, torch.full_like(first, 0.25)), dim=-1)


def _model(data: Tensor, value: float = 0.0) -> Preconditioned:
    model = Preconditioned(_Constant(value), SCHEDULE, FRAMES, 3)
    model.fit(data)
    return model


def _noised(data: Tensor, step: int) -> tuple[Tensor, Tensor]:
    t = torch.full((len(data),), step)
    return SCHEDULE.q_sample(data, t, normal(data.shape, 1)), t


@pytest.mark.parametrize("step", [100, 400, 700])
def test_a_silent_network_leaves_nearly_the_best_linear_guess(data, step):
    x_t, t = _noised(data, step)
    guess = _model(data)(x_t, t, NOTHING)
    # The best affine guess of whole windows from whole windows, by least squares on the very data.
    inputs = torch.cat((x_t[..., :2].flatten(1), torch.ones(len(x_t), 1)), 1).double()
    best = inputs @ torch.linalg.lstsq(inputs, data[..., :2].flatten(1).double()).solution
    error = (guess[..., :2].flatten(1) - data[..., :2].flatten(1)).square().mean()
    least = (best - data[..., :2].flatten(1)).square().mean()
    raw = ((x_t / SCHEDULE.alpha_bar(t[:1]).sqrt().float()) - data)[..., :2].square().mean()
    # These waves fill few dimensions, which their frequencies alone do not tell.
    assert error < 2.5 * least and error < 0.5 * raw


@pytest.mark.parametrize("step", [5, 300, 700, 990])
def test_the_network_sees_and_predicts_numbers_of_size_one(data, step):
    x_t, t = _noised(data, step)
    model = _model(data)
    linear = model(x_t, t, NOTHING)
    assert float(model.model.shown.std()) == pytest.approx(1, abs=0.03)
    signal = float(SCHEDULE.alphas_cumprod[step])
    usual = model.std * ((1 - signal) / (signal * model.std.square() + 1 - signal)).sqrt()
    left = _cosines(FRAMES) @ (data - linear) @ model.axes
    assert float(left.square().mean() / usual.square().mean()) == pytest.approx(1, abs=0.1)


def test_what_trembles_does_not_come_out(data):
    answer = normal(data.shape, 4)

    class Trembling(_Constant):
        def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
            return answer

    model = _model(data)
    model.model = Trembling(0.0)
    x_t, t = _noised(data, 500)
    calm = _model(data)(x_t, t, NOTHING)
    steps = (model(x_t, t, NOTHING) - calm).diff(n=2, dim=1)
    assert steps.std() < 3 * data.diff(n=2, dim=1).std()
    assert steps.std() < 0.1 * answer.diff(n=2, dim=1).std()


def test_a_channel_that_never_moves_is_its_mean(data):
    x_t, t = _noised(data, 999)
    guess = _model(data, 5.0)(x_t, t, NOTHING)
    assert torch.allclose(guess[..., 2], torch.full_like(guess[..., 2], 0.25), atol=1e-4)


@pytest.mark.parametrize("frames", [20, 40, 60])
def test_windows_of_other_lengths_are_guessed_too(data, frames):
    x_t = torch.cat((data, data), 1)[:, :frames]
    guess = _model(data)(x_t, torch.zeros(len(x_t), dtype=torch.long), NOTHING)
    assert guess.shape == x_t.shape and (guess - x_t).square().mean() < 0.01


def test_one_timestep_a_frame_is_refused_unless_it_is_one_a_clip(data):
    model, x = _model(data, 0.3), normal((4, FRAMES, 3), 3)
    t = torch.tensor([5, 300, 700, 990])
    constant = t[:, None].expand(-1, FRAMES)
    assert torch.equal(model(x, t, NOTHING), model(x, constant, NOTHING))
    with pytest.raises(ValueError, match="one timestep a clip"):
        model(x, constant + torch.arange(FRAMES), NOTHING)
