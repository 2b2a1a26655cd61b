import numpy as np
import pytest
import torch

from core_vimo.motion import Motion


@pytest.fixture(scope="session")
def motion() -> Motion:
    """Two seconds of smooth, large movement of every joint, past half turns, with soft contacts."""
    rng = np.random.default_rng(5)
    seconds = np.arange(60)[:, None, None] / 30
    swing = np.sin(2 * np.pi * rng.uniform(0.3, 1.2, (1, 24, 3)) * seconds + rng.uniform(0, 6, (1, 24, 3)))
    axis_angle = torch.as_tensor(1.2 * swing)
    axis_angle[:, 0, 2] += torch.linspace(0, 7, 60)
    root_m = torch.as_tensor(np.stack([seconds[:, 0, 0], -0.5 * seconds[:, 0, 0], 0.9 + 0 * seconds[:, 0, 0]], 1))
    return Motion.from_axis_angle(axis_angle, root_m, 30.0, torch.as_tensor(rng.uniform(0, 1, (60, 4))))
