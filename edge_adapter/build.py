"""From settings and bundles to objects; nothing behind these functions knows of Hydra."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core_vimo.bundle import bundle_hash, load_network
from core_vimo.codec import MotionCodec
from core_vimo.diffusion.schedule import Schedule, build_schedule
from core_vimo.errors import InputError
from core_vimo.motion import FPS
from edge_adapter.backbone import Backbone, BackboneConfig
from edge_adapter.branch import StyledBackbone

KIND = "dance"
EXTRACTORS = {"librosa35": 35, "librosa35+beats": 38, "jukebox": 4800}
"""What makes music features, and how many channels they have; with `+beats`, `edge_adapter.beat_phase` adds three."""
SHIPPED = Path(__file__).resolve().parent / "bundles" / "edge_small"
"""The bundle that comes with the suite."""


@dataclass(frozen=True, eq=False)
class DanceModel:
    """A trained backbone ready to sample: evaluation mode, on a device, with what it needs to be understood.

    `styled` is the same backbone with branches beside it.
    """

    backbone: Backbone
    codec: MotionCodec
    schedule: Schedule
    extractor: str
    bundle_hash: str
    per_frame_timesteps: bool = False
    styled: StyledBackbone | None = None

    @property
    def network(self) -> Backbone | StyledBackbone:
        """What dances."""
        return self.backbone if self.styled is None else self.styled


def load_dance_model(folder: Path | str = SHIPPED, device: str = "cpu") -> DanceModel:
    """A backbone from its bundle. Raises InputError where the bundle is damaged or of another kind."""
    bundle, backbone = load_network(folder, KIND, _model_of)
    extractor, channels = bundle.config.get("extractor"), bundle.config["model"]["condition_dim"]
    if not isinstance(extractor, str) or EXTRACTORS.get(extractor) != channels or bundle.codec.fps != FPS:
        raise InputError(
            f"{folder}: was made for music features or a frame rate that this version doesn't have; take another bundle"
        )
    schedule = build_schedule(**bundle.config["diffusion"])
    return DanceModel(
        backbone.to(device), bundle.codec, schedule, extractor, bundle_hash(folder), bundle.per_frame_timesteps
    )


def _model_of(config: dict[str, Any]) -> Backbone:
    build_schedule(**config["diffusion"])  # here, where what is wrong is said of the bundle
    return build_model(config["model"])


def build_model(settings: Mapping[str, Any]) -> Backbone:
    """A fresh backbone of the settings in `configs/model/`."""
    return Backbone(BackboneConfig(**settings))
