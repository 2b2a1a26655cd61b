"""Adan: adaptive Nesterov momentum (Xie et al. 2022, arXiv:2208.06677, algorithm 1)."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from core_vimo.errors import InputError


class Adan(Optimizer):
    """Adan with the steps of EDGE's trainer.

    With g the gradient and d = g_k - g_{k-1}, `betas` = (b1, b2, b3) being what is *kept* (EDGE and the paper write
    1 - b: 0.02, 0.08, 0.01):

        m = b1 m + (1 - b1) g;   v = b2 v + (1 - b2) d;   n = b3 n + (1 - b3) (g + b2 d)^2
        theta = (theta - lr (m' + b2 v') / (sqrt(n') + eps)) / (1 + lr weight_decay)

    where ' divides by 1 - b^k, k counting from 1.

    What surprises: the first step only records the gradient (m, v and n stay zero, weight decay acts), and k counts
    it, so the next steps are shorter than unbiased ones would be. The second step divides by |g + b2 d| of that step
    alone; where this happens to cancel, a single weight jumps (three of 318 000 by over 100 lr, as measured on a small
    backbone). So warm lr up.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float, float] = (0.98, 0.92, 0.99),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        if lr < 0 or eps < 0 or weight_decay < 0 or not all(0 <= beta < 1 for beta in betas):
            raise InputError(
                f"Adan needs lr, eps and weight_decay >= 0 and betas in [0, 1), not lr={lr}, eps={eps}, "
                f"weight_decay={weight_decay}, betas={betas}"
            )
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for step, params in self._by_step(group["params"]).items():
                self._update(params, step, group)
        return loss

    def _by_step(self, params: list[Tensor]) -> dict[int, list[Tensor]]:
        """Parameters that received the same number of gradients share their bias correction."""
        buckets: dict[int, list[Tensor]] = defaultdict(list)
        for param in params:
            if param.grad is None:
                continue
            state = self.state[param]
            if not state:
                state["step"] = torch.tensor(0.0)
                for name in ("m", "v", "n", "previous_gradient"):
                    state[name] = torch.zeros_like(param)
            state["step"] += 1
            buckets[int(state["step"])].append(param)
        return buckets

    def _update(self, params: list[Tensor], step: int, group: dict[str, Any]) -> None:
        lr, betas, weight_decay = group["lr"], group["betas"], group["weight_decay"]
        gradients = [param.grad for param in params if param.grad is not None]
        if step > 1:
            m, v, n = ([self.state[param][name] for param in params] for name in "mvn")
            previous = [self.state[param]["previous_gradient"] for param in params]
            _accumulate(m, v, n, gradients, previous, betas)
            corrections = [1 / (1 - beta**step) for beta in betas]
            direction = _direction(m, v, n, corrections, betas[1], lr, group["eps"])
            torch._foreach_sub_(params, direction)
        if weight_decay:
            torch._foreach_div_(params, 1 + weight_decay * lr)
        torch._foreach_copy_([self.state[param]["previous_gradient"] for param in params], gradients)


def _accumulate(
    m: list[Tensor],
    v: list[Tensor],
    n: list[Tensor],
    gradients: list[Tensor],
    previous: list[Tensor],
    betas: tuple[float, float, float],
) -> None:
    beta1, beta2, beta3 = betas
    difference = torch._foreach_sub(gradients, previous)
    torch._foreach_lerp_(m, gradients, 1 - beta1)
    torch._foreach_lerp_(v, difference, 1 - beta2)
    torch._foreach_mul_(difference, beta2)
    torch._foreach_add_(difference, gradients)
    torch._foreach_mul_(n, beta3)
    torch._foreach_addcmul_(n, difference, difference, 1 - beta3)


def _direction(
    m: list[Tensor],
    v: list[Tensor],
    n: list[Tensor],
    corrections: list[float],
    beta2: float,
    lr: float,
    eps: float,
) -> list[Tensor]:
    correct_m, correct_v, correct_n = corrections
    step = torch._foreach_mul(m, lr * correct_m)
    torch._foreach_add_(step, v, alpha=lr * beta2 * correct_v)
    scale = torch._foreach_mul(n, correct_n)
    torch._foreach_sqrt_(scale)
    torch._foreach_add_(scale, eps)
    torch._foreach_div_(step, scale)
    return list(step)
