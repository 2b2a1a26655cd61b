"""From settings and bundles to objects; nothing behind these functions knows of Hydra."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from core_vimo.bundle import Bundle, bundle_hash
from core_vimo.codec import CHANNELS, MotionCodec
from core_vimo.diffusion.preconditioning import Preconditioned
from core_vimo.diffusion.schedule import Schedule, build_schedule
from core_vimo.diffusion.timesteps import build_ptss
from core_vimo.diffusion.weighting import WEIGHTINGS
from core_vimo.errors import InputError
from edge_adapter.backbone import Backbone, BackboneConfig
from edge_adapter.objective import DanceObjective

KIND = "dance"
EXTRACTORS = {"librosa35": 35, "jukebox": 4800}
"""What makes music features, and how many channels they have."""
FPS = 30.0
"""Of those features, so of the dances too."""
SHIPPED = Path(__file__).resolve().parent / "bundles" / "edge_small"
"""The bundle that comes with the suite."""


@dataclass(frozen=True, eq=False)
class DanceModel:
    """A trained backbone ready to sample: evaluation mode, on a device, with what it needs to be understood."""

    backbone: Backbone | Preconditioned
    codec: MotionCodec
    schedule: Schedule
    extractor: str
    bundle_hash: str


def load_dance_model(folder: Path | str = SHIPPED, device: str = "cpu") -> DanceModel:
    """A backbone from its bundle. Raises InputError where the bundle is damaged or of another kind."""
    bundle = Bundle.load(folder)
    if bundle.config.get("kind") != KIND:
        raise InputError(f"{folder}: holds a '{bundle.config.get('kind')!s:.20}' model, a '{KIND}' model is needed")
    extractor = bundle.config.get("extractor")
    try:
        schedule = build_schedule(**bundle.config["diffusion"])
        channels = bundle.config["model"]["condition_dim"]
        _check_fit(bundle, schedule)
        backbone = _model_of(bundle, schedule)
        backbone.load_state_dict(bundle.weights)
    except (InputError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: its config.yaml is not that of a backbone ({error}); take a fresh copy") from error
    if not isinstance(extractor, str) or EXTRACTORS.get(extractor) != channels or bundle.codec.fps != FPS:
        raise InputError(
            f"{folder}: was made for music features or a frame rate that this version doesn't have; take another bundle"
        )
    return DanceModel(
        backbone.eval().requires_grad_(False).to(device), bundle.codec, schedule, extractor, bundle_hash(folder)
    )


def _model_of(bundle: Bundle, schedule: Schedule) -> Backbone | Preconditioned:
    return build_model(bundle.config["model"], schedule, precondition=bool(bundle.config["precondition"]))


def _check_fit(bundle: Bundle, schedule: Schedule) -> None:
    """Before memory is taken for what config.yaml claims."""
    with torch.device("meta"):
        wanted = {name: value.shape for name, value in _model_of(bundle, schedule).state_dict().items()}
    given = {name: value.shape for name, value in bundle.weights.items()}
    other = sorted(name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name))
    if other:
        raise InputError(f"{len(other)} of its tensors don't fit, the first is '{other[0]:.60}'")


def build_model(settings: Mapping[str, Any], schedule: Schedule, *, precondition: bool) -> Backbone | Preconditioned:
    """A fresh backbone of the settings in `configs/model/`, on a linear guess or, as EDGE's, on its own."""
    backbone = Backbone(BackboneConfig(**settings))
    return Preconditioned(backbone, schedule, backbone.config.trained_frames, CHANNELS) if precondition else backbone


def build_objective(
    backbone: Backbone | Preconditioned,
    codec: MotionCodec,
    schedule: Schedule,
    *,
    diffusion: Mapping[str, Any],
    lambdas: Mapping[str, float],
    condition_drop: float,
    seed: int,
    run_steps: int | None = None,
) -> DanceObjective:
    """The training loss of the settings in `configs/diffusion/` and `configs/loss/`, over a run of so many steps."""
    if diffusion["weighting"] not in WEIGHTINGS:
        raise InputError(
            f"diffusion.weighting={diffusion['weighting']} is not known; take one of {', '.join(WEIGHTINGS)}"
        )
    ptss = build_ptss(diffusion["ptss"], run_steps)
    if ptss.ever and isinstance(backbone, Preconditioned):
        raise InputError(
            f"diffusion.ptss={diffusion['ptss']} gives frames timesteps of their own, which a preconditioned model "
            "can't take; add diffusion.precondition=false, or take diffusion.ptss=0"
        )
    weighting: torch.Tensor = WEIGHTINGS[diffusion["weighting"]](schedule)
    return DanceObjective(
        backbone,
        codec,
        schedule,
        weighting=weighting,
        lambdas=lambdas,
        condition_drop=condition_drop,
        ptss=ptss,
        seed=seed,
    )
