"""The running mean of the weights."""

import pytest
import torch
from torch import nn

from core_vimo.errors import InputError
from core_vimo.training.ema import Ema


def module(value: float) -> nn.Linear:
    linear = nn.Linear(2, 1)
    nn.init.constant_(linear.weight, value)
    linear.bias.requires_grad_(False)
    return linear


def test_warms_up_then_keeps_to_its_decay() -> None:
    linear = module(0.0)
    ema = Ema(linear, decay=0.5)
    expected = 0.0
    for n in range(1, 30):
        nn.init.constant_(linear.weight, float(n))
        ema.update()
        decay = min(0.5, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * n
    torch.testing.assert_close(ema.state_dict()["weight"], torch.full((1, 2), expected))


def test_follows_trainable_parameters_only() -> None:
    assert set(Ema(module(1.0), 0.9).state_dict()) == {"weight"}


def test_swapping_in_and_out_is_exact_even_after_an_error() -> None:
    linear = module(1.0)
    ema = Ema(linear, 0.9)
    nn.init.constant_(linear.weight, 0.1)
    with pytest.raises(KeyError), ema.swapped_in():
        assert torch.equal(linear.weight, torch.ones(1, 2))
        raise KeyError
    assert torch.equal(linear.weight, torch.full((1, 2), 0.1))


def test_a_saved_mean_goes_on_exactly() -> None:
    linear, again = module(1.0), module(7.0)
    ema, other = Ema(linear, 0.99), Ema(again, 0.99)
    nn.init.constant_(linear.weight, 0.3)
    ema.update()
    other.load_state_dict(ema.state_dict(), ema.updates)
    nn.init.constant_(again.weight, 0.3)
    ema.update()
    other.update()
    assert torch.equal(ema.state_dict()["weight"], other.state_dict()["weight"])


def test_bfloat16_weights_are_averaged_in_float32() -> None:
    linear = module(1.0).bfloat16()
    ema = Ema(linear, 0.9999)
    nn.init.constant_(linear.weight, 1.0078125)
    ema.update()
    assert ema.state_dict()["weight"].dtype == torch.float32


def test_a_decay_of_one_is_refused() -> None:
    with pytest.raises(InputError, match="decay"):
        Ema(module(0.0), 1.0)
