"""Dances made of sines: smooth, different for every seed, the same on every machine."""

import math
from collections.abc import Callable

import pytest
import torch

from core_vimo.motion import Motion
from core_vimo.randomness import normal
from core_vimo.rotations import axis_angle_to_matrix, y_up_to_z_up

MakeDance = Callable[..., Motion]


def _dance(seed: int, seconds: float = 6.0, fps: float = 30.0) -> Motion:
    time_s = torch.arange(round(seconds * fps)) / fps
    amplitude, phase = normal((2, 1, 24, 3), seed, 0, "test dance").unbind(0)
    pulse_hz = 0.5 + (seed % 5) / 4
    axis_angle = 0.3 * amplitude * torch.sin(2 * math.pi * pulse_hz * time_s[:, None, None] + 3 * phase)
    rotations = axis_angle_to_matrix(axis_angle)
    rotations[:, 0] = y_up_to_z_up() @ rotations[:, 0]
    path = torch.stack((torch.sin(time_s + seed), torch.cos(0.7 * time_s), 0.05 * torch.sin(5 * time_s)), dim=-1)
    return Motion.from_rotations(rotations, 0.5 * path + torch.tensor([0.0, 0.0, 0.95]), fps)


@pytest.fixture(scope="session")
def make_dance() -> MakeDance:
    """`make_dance(seed, seconds=6, fps=30)` -> a Motion."""
    return _dance
