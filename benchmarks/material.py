"""What several benchmarks work on: the settings in use, a made-up dance, backbones, music."""

import math
from typing import Any

import torch
from omegaconf import OmegaConf
from torch import Tensor

from core_vimo.diffusion.schedule import Schedule, build_schedule
from core_vimo.motion import FPS, Motion
from core_vimo.randomness import fold, normal
from edge_adapter.backbone import Backbone
from edge_adapter.build import build_model
from stylize.configuration import compose


def settings(size: str) -> dict[str, Any]:
    """Those of `vimo train dance`: edge_small as it ships, edge as EDGE published it (49.46 M)."""
    config = compose("dance", [f"model={size}", "data.folder=none", "out=none"])
    return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]


def swaying(frames: int, key: int = 0) -> Motion:
    """A smooth random dance, upright."""
    time_s = torch.arange(frames)[:, None, None] / FPS
    angles = 0.3 * torch.sin(time_s * (2 + normal((24, 3), key, "rate").abs()) + normal((24, 3), key, "phase"))
    angles[:, 0] = torch.tensor([math.pi / 2, 0.0, 0.0])
    path_m = torch.stack((time_s[:, 0, 0].sin(), time_s[:, 0, 0].cos(), torch.full((frames,), 0.95)), dim=-1)
    return Motion.from_axis_angle(angles, path_m)


def schedule_of(config: dict[str, Any]) -> Schedule:
    return build_schedule(config["diffusion"]["schedule"], config["diffusion"]["steps"])


def fresh_model(config: dict[str, Any]) -> Backbone:
    """Random weights, the same ones each time."""
    torch.manual_seed(fold(0, "benchmark"))  # initialisers draw from torch's global generator
    return build_model(config["model"])


def music_for(model: Backbone, frames: int) -> Tensor:
    """Features `[frames, C]` with the means and spreads of the model's music; no time hangs on their values."""
    return model.music_mean + model.music_std * normal((frames, model.config.condition_dim), 0, "music")
