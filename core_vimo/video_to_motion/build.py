"""From bundles to networks that are ready to be used; nothing here knows of Hydra."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core_vimo.bundle import Bundle, bundle_hash, load_network
from core_vimo.codec import MotionCodec
from core_vimo.diffusion.schedule import Schedule, build_schedule
from core_vimo.errors import InputError
from core_vimo.evidence import EVIDENCE
from core_vimo.motion import FPS
from core_vimo.video_to_motion.lifter import Lifter, LifterConfig
from core_vimo.video_to_motion.network import ViMo, ViMoConfig

KIND = "vimo"
LIFTER = "lifter"
SHIPPED = Path(__file__).resolve().parent / "bundles" / "vimo_small"
"""The bundle that comes with the suite."""


@dataclass(frozen=True, eq=False)
class VideoMotionModel:
    """A trained ViMo ready to sample: evaluation mode, on a device, with what it needs to be understood."""

    network: ViMo
    codec: MotionCodec
    schedule: Schedule
    bundle_hash: str
    per_frame_timesteps: bool = False


@dataclass(frozen=True, eq=False)
class LifterModel:
    """A trained lifter, likewise; it has no noise and so no schedule."""

    network: Lifter
    codec: MotionCodec
    bundle_hash: str


def load_vimo(folder: Path | str = SHIPPED, device: str = "cpu") -> VideoMotionModel:
    """A ViMo from its bundle. Raises InputError where the bundle is damaged or of another kind."""
    bundle, network = load_network(folder, KIND, lambda config: ViMo(ViMoConfig(**_model(config))))
    try:
        schedule = build_schedule(**bundle.config["diffusion"])
    except (InputError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: its config.yaml names no noise schedule ({error}); take a fresh copy") from error
    return VideoMotionModel(
        network.to(device), _codec(bundle, folder), schedule, bundle_hash(folder), bundle.per_frame_timesteps
    )


def load_lifter(folder: Path | str, device: str = "cpu") -> LifterModel:
    """A lifter from its bundle. Raises InputError where the bundle is damaged or of another kind."""
    bundle, network = load_network(folder, LIFTER, lambda config: Lifter(LifterConfig(**_model(config))))
    return LifterModel(network.to(device), _codec(bundle, folder), bundle_hash(folder))


def _model(config: dict[str, Any]) -> dict[str, Any]:
    model: dict[str, Any] = config["model"]
    if config["evidence"] != EVIDENCE:
        raise InputError(f"it takes {config['evidence']!s:.20} channels of evidence, this version makes {EVIDENCE}")
    return model


def _codec(bundle: Bundle, folder: Path | str) -> MotionCodec:
    if bundle.codec.fps != FPS:
        raise InputError(f"{folder}: was made for another frame rate than {FPS:g}; take another bundle")
    return bundle.codec
