"""Adan against a plain transcription of its algorithm."""

import numpy as np
import pytest
import torch

from core_vimo.errors import InputError
from core_vimo.randomness import generator, normal
from core_vimo.training.adan import Adan


def plain_adan(
    theta: np.ndarray, gradients: list[np.ndarray], lr: float, decay: float, eps: float = 1e-8
) -> list[np.ndarray]:
    """Algorithm 1 with the paper's small betas, its moments debiased, the first step spent on recording g."""
    b1, b2, b3 = 0.02, 0.08, 0.01
    m = v = n = np.zeros_like(theta)
    path = []
    for k, g in enumerate(gradients, start=1):
        if k > 1:
            d = g - gradients[k - 2]
            m = (1 - b1) * m + b1 * g
            v = (1 - b2) * v + b2 * d
            n = (1 - b3) * n + b3 * (g + (1 - b2) * d) ** 2
        m_hat, v_hat, n_hat = m / (1 - (1 - b1) ** k), v / (1 - (1 - b2) ** k), n / (1 - (1 - b3) ** k)
        theta = (theta - lr / (np.sqrt(n_hat) + eps) * (m_hat + (1 - b2) * v_hat)) / (1 + lr * decay)
        path.append(theta)
    return path


@pytest.mark.parametrize("decay", [0.0, 0.02])
def test_follows_the_algorithm_over_many_steps(decay: float) -> None:
    shapes = [(3, 4), (5,), ()]
    params = [torch.nn.Parameter(normal(s, i, "start").double()) for i, s in enumerate(shapes)]
    gradients = [[normal(s, i, k, "gradient").double() for k in range(40)] for i, s in enumerate(shapes)]
    wanted = [
        plain_adan(p.detach().numpy(), [g.numpy() for g in gs], 4e-3, decay)
        for p, gs in zip(params, gradients, strict=True)
    ]
    optimizer = Adan(params, lr=4e-3, weight_decay=decay)
    for k in range(40):
        for param, gs in zip(params, gradients, strict=True):
            param.grad = gs[k].clone()
        optimizer.step()
        for param, path in zip(params, wanted, strict=True):
            np.testing.assert_allclose(param.detach().numpy(), path[k], rtol=1e-10, atol=1e-12)


def test_the_first_step_moves_nothing_but_by_weight_decay() -> None:
    plain, decayed = (torch.nn.Parameter(torch.full((2,), 3.0)) for _ in range(2))
    for param, decay in ((plain, 0.0), (decayed, 0.5)):
        param.grad = torch.ones(2)
        Adan([param], lr=0.1, weight_decay=decay).step()
    assert torch.equal(plain, torch.full((2,), 3.0))
    torch.testing.assert_close(decayed.detach(), torch.full((2,), 3.0 / 1.05))


def test_parameters_without_a_gradient_keep_still_and_count_their_own_steps() -> None:
    early, late = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    optimizer = Adan([early, late], lr=0.1)
    for step in range(4):
        early.grad = torch.ones(2)
        late.grad = torch.ones(2) if step > 1 else None
        optimizer.step()
    assert (int(optimizer.state[early]["step"]), int(optimizer.state[late]["step"])) == (4, 2)
    alone = torch.nn.Parameter(torch.ones(2))
    other = Adan([alone], lr=0.1)
    for _ in range(2):
        alone.grad = torch.ones(2)
        other.step()
    assert torch.equal(late, alone)


def test_finds_the_bottom_of_a_skewed_valley() -> None:
    target = torch.randn(6, generator=generator(0, "target"))
    x = torch.nn.Parameter(torch.zeros(6))
    optimizer = Adan([x], lr=0.05)
    for _ in range(600):
        optimizer.zero_grad()
        ((x - target).square() * torch.logspace(-2, 2, 6)).sum().backward()
        optimizer.step()
    torch.testing.assert_close(x.detach(), target, atol=5e-2, rtol=0)


def test_a_beta_of_one_is_refused() -> None:
    with pytest.raises(InputError, match="betas"):
        Adan([torch.nn.Parameter(torch.ones(1))], betas=(0.98, 0.92, 1.0))
