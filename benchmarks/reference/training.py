"""The reference's training step: one joint after the other, one loss after the other, one tensor after the other."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.reference.network import Told
from core_vimo.codec import MotionCodec
from core_vimo.skeleton import FEET, PARENTS, REST_OFFSETS_M


class PlainTraining:
    """Network, optimiser and running mean of the weights; a step is noise, guess, four losses, update.

    The codec's root is a position, as EDGE's.
    """

    def __init__(
        self,
        network: nn.Module,
        codec: MotionCodec,
        alphas_cumprod: Tensor,
        lambdas: Mapping[str, float],
        condition_drop: float = 0.25,
    ) -> None:
        self.network, self.codec, self.lambdas = network, codec, lambdas
        self.signal, self.spread = alphas_cumprod.sqrt().float(), (1 - alphas_cumprod).sqrt().float()
        self.condition_drop = condition_drop
        self.optimizer = PlainAdan(list(network.parameters()), lr=1e-4, weight_decay=0.02)
        self.mean = [p.detach().clone() for p in network.parameters()]

    def step(self, x0: Tensor, music: Tensor) -> float:
        """x0 `[B, S, 151]` normalised, music `[B, S, C]` -> the loss."""
        t = torch.randint(len(self.signal), (len(x0),))
        noise = torch.randn_like(x0)
        heard = torch.rand(len(x0)) >= self.condition_drop
        loss = self.loss(x0, music, t, noise, heard)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            for mean, p in zip(self.mean, self.network.parameters(), strict=True):
                mean.copy_(mean * 0.9999 + p * 0.0001)
        return loss.item()

    def loss(self, x0: Tensor, music: Tensor, t: Tensor, noise: Tensor, heard: Tensor) -> Tensor:
        x_t = self.signal[t][:, None, None] * x0 + self.spread[t][:, None, None] * noise
        x0_hat = self.network(x_t, t, Told(music, heard))
        terms = plain_losses(x0_hat, x0, self.codec)
        return sum((weight * terms[name] for name, weight in self.lambdas.items()), torch.zeros(()))


def plain_losses(x0_hat: Tensor, x0: Tensor, codec: MotionCodec) -> dict[str, Tensor]:
    """EDGE's equations 4-7 on un-normalised motion, each term averaged over the batch."""
    guess, truth = ((x - codec.offset) / codec.scale for x in (x0_hat, x0))
    guess_steps, truth_steps = (v[:, 1:, 4:] - v[:, :-1, 4:] for v in (guess, truth))
    guess_joints, truth_joints = joints_one_by_one(guess), joints_one_by_one(truth)
    feet = guess_joints[:, :, FEET]
    foot_steps = torch.zeros_like(feet)
    foot_steps[:, :-1] = feet[:, 1:] - feet[:, :-1]
    foot_steps = torch.where(guess[:, :, :4, None] > 0.95, foot_steps, 0.0)
    return {
        "simple": F.mse_loss(x0_hat, x0, reduction="none").reshape(len(x0), -1).mean(1).mean(),
        "velocity": F.mse_loss(guess_steps, truth_steps, reduction="none").reshape(len(x0), -1).mean(1).mean(),
        "joints": F.mse_loss(guess_joints, truth_joints, reduction="none").reshape(len(x0), -1).mean(1).mean(),
        "foot": F.mse_loss(foot_steps, torch.zeros_like(foot_steps), reduction="none").mean(),
    }


def joints_one_by_one(vector: Tensor) -> Tensor:
    """Forward kinematics of un-normalised `[B, S, 151]` (6D by rows) -> `[B, S, 24, 3]` metres."""
    rotations = matrices(vector[..., 7:].reshape(*vector.shape[:2], 24, 6))
    turned: list[Tensor] = []
    placed: list[Tensor] = []
    for joint, parent in enumerate(PARENTS):
        if parent < 0:
            turned.append(rotations[:, :, joint])
            placed.append(vector[..., 4:7])
        else:
            turned.append(turned[parent] @ rotations[:, :, joint])
            placed.append(placed[parent] + (turned[parent] @ REST_OFFSETS_M[joint]))
    return torch.stack(placed, dim=2)


def matrices(sixd: Tensor) -> Tensor:
    """Gram-Schmidt of two rows `[..., 6]` -> `[..., 3, 3]`."""
    first = F.normalize(sixd[..., :3], dim=-1)
    second = F.normalize(sixd[..., 3:] - (first * sixd[..., 3:]).sum(-1, keepdim=True) * first, dim=-1)
    return torch.stack((first, second, torch.cross(first, second, dim=-1)), dim=-2)


class PlainAdan:
    """Adan (Xie et al. 2022), each tensor on its own; betas are what is kept."""

    def __init__(
        self,
        params: list[nn.Parameter],
        lr: float,
        weight_decay: float,
        betas: tuple[float, float, float] = (0.98, 0.92, 0.99),
        eps: float = 1e-8,
    ) -> None:
        self.params, self.lr, self.weight_decay, self.betas, self.eps = params, lr, weight_decay, betas, eps
        self.count = 0
        self.m, self.v, self.n, self.before = ([torch.zeros_like(p) for p in params] for _ in range(4))

    def zero_grad(self) -> None:
        for p in self.params:
            p.grad = None

    @torch.no_grad()
    def step(self) -> None:
        self.count += 1
        b1, b2, b3 = self.betas
        c1, c2, c3 = (1 / (1 - b**self.count) for b in self.betas)
        for p, m, v, n, before in zip(self.params, self.m, self.v, self.n, self.before, strict=True):
            assert p.grad is not None
            if self.count > 1:
                change = p.grad - before
                m.mul_(b1).add_(p.grad * (1 - b1))
                v.mul_(b2).add_(change * (1 - b2))
                n.mul_(b3).add_((p.grad + b2 * change).square() * (1 - b3))
                p.sub_(self.lr * (m * c1 + b2 * v * c2) / ((n * c3).sqrt() + self.eps))
            p.div_(1 + self.lr * self.weight_decay)
            before.copy_(p.grad)
