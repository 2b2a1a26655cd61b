"""Small motions with known geometry, and the mannequin drawn small."""

import math

import pytest
import torch

from core_vimo.motion import Motion, ground
from core_vimo.rotations import axis_angle_to_matrix


@pytest.fixture(scope="session")
def dance() -> Motion:
    """Two seconds at 30 fps: facing the audience, left arm raised, swaying, bending the knees, drifting to the left."""
    frames = 60
    time = torch.arange(frames) / 30
    bend = torch.zeros(frames, 24, 3)
    bend[:, 0, 0] = math.pi / 2
    bend[:, 16, 2] = 0.9
    bend[:, 17, 2] = 1.1
    bend[:, (3, 6), 2] = 0.25 * torch.sin(4 * time)[:, None]
    bend[:, (4, 5), 0] = 0.4 * (1 - torch.cos(6 * time))[:, None]
    root_m = torch.stack((0.3 * time, torch.zeros(frames), torch.full((frames,), 0.95)), 1)
    return ground(Motion.from_rotations(axis_angle_to_matrix(bend), root_m))
