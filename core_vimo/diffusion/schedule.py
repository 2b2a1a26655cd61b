"""How much of the clean motion is left at each timestep, and the forward process that follows from it.

Timesteps count from 0 (almost clean) to T-1 (almost noise); -1 stands for the clean motion itself, where ᾱ = 1.
They are int64, `[B]` (one a clip) or `[B, S]` (one a frame). B clips, S frames, D channels, T timesteps.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core_vimo.errors import InputError

CLEAN = -1


@dataclass(frozen=True, eq=False)
class Schedule:
    """ᾱ_t = Π_{i ≤ t} (1 - β_i) of DDPM (Ho et al. 2020, eq. 4); all else derives from it.

    `alphas_cumprod` is `[T]` float64 on the CPU, falling within (0, 1). Tables and coefficients are computed there
    in float64 and only then moved to the data, so every device sees the same numbers.
    """

    name: str
    alphas_cumprod: Tensor

    def __post_init__(self) -> None:
        table = self.alphas_cumprod
        if table.dtype != torch.float64 or table.ndim != 1 or table.device.type != "cpu":
            raise ValueError(f"alphas_cumprod must be [T] float64 on the CPU, not {table.dtype} {tuple(table.shape)}")
        if not (len(table) and table[0] < 1 and table[-1] > 0 and bool((table.diff() < 0).all())):
            raise ValueError(f"alphas_cumprod of schedule '{self.name}' must fall strictly within (0, 1)")

    @property
    def steps(self) -> int:
        """T, the number of timesteps."""
        return len(self.alphas_cumprod)

    def alpha_bar(self, t: Tensor) -> Tensor:
        """ᾱ at the timesteps `t` (any shape, -1 for clean), float64 on the CPU."""
        t = t.cpu()
        if bool(((t < CLEAN) | (t >= self.steps)).any()):
            raise ValueError(f"timesteps {t.tolist()} leave {CLEAN}..{self.steps - 1} of schedule '{self.name}'")
        with_clean = torch.cat([self.alphas_cumprod, self.alphas_cumprod.new_ones(1)])
        return with_clean[t]

    def q_sample(self, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """x_t = √ᾱ_t x0 + √(1-ᾱ_t) noise (DDPM eq. 4; the report's Algorithm 1), `[B, S, D]`.

        Where t is -1 the result is x0, bit for bit.
        """
        alpha_bar = self.alpha_bar(t)
        return per_frame(alpha_bar.sqrt(), x0) * x0 + per_frame((1 - alpha_bar).sqrt(), x0) * noise

    def snr(self) -> Tensor:
        """Signal-to-noise ratio ᾱ/(1-ᾱ), `[T]` float64."""
        return self.alphas_cumprod / (1 - self.alphas_cumprod)


def per_frame(values: Tensor, x: Tensor) -> Tensor:
    """`values` `[B]` or `[B, S]` shaped, cast and moved to multiply `x` `[B, S, D]`."""
    if values.ndim not in (1, 2) or values.shape != x.shape[: values.ndim]:
        raise ValueError(f"timesteps or weights {list(values.shape)} do not fit x {list(x.shape)}: give [B] or [B, S]")
    return values.to(device=x.device, dtype=x.dtype).reshape(values.shape + (1,) * (x.ndim - values.ndim))


def linear_schedule(steps: int = 1000, beta_start: float = 1e-4, beta_end: float = 0.02) -> Schedule:
    """β rises linearly from `beta_start` to `beta_end` (Ho et al. 2020, §4; ViMo)."""
    return _from_betas("linear", torch.linspace(beta_start, beta_end, steps, dtype=torch.float64, device="cpu"))


def cosine_schedule(steps: int = 1000, offset: float = 8e-3, beta_max: float = 0.999) -> Schedule:
    """ᾱ falls as cos² (Nichol and Dhariwal 2021, eq. 17), β held below `beta_max`; EDGE's schedule."""
    progress = (torch.arange(steps + 1, dtype=torch.float64, device="cpu") / steps + offset) / (1 + offset)
    squared_cosine = (progress * math.pi / 2).cos().square()
    return _from_betas("cosine", (1 - squared_cosine[1:] / squared_cosine[:-1]).clamp(max=beta_max))


def _from_betas(name: str, betas: Tensor) -> Schedule:
    return Schedule(name, (1 - betas).cumprod(0))


_MOST_STEPS = 100_000
SCHEDULES: dict[str, Callable[[int], Schedule]] = {"linear": linear_schedule, "cosine": cosine_schedule}


def build_schedule(name: str, steps: int = 1000) -> Schedule:
    """The schedule that a config or a bundle names."""
    if name not in SCHEDULES:
        raise InputError(f"there is no noise schedule '{name}'; choose one of {', '.join(SCHEDULES)}")
    if type(steps) is not int or not 1 <= steps <= _MOST_STEPS:
        raise InputError(f"a noise schedule needs at least 1 step and at most {_MOST_STEPS}, not {steps!s:.20}")
    return SCHEDULES[name](steps)
