"""Training a music-to-dance backbone: a data set and settings become a bundle."""

from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from core_vimo.bundle import Bundle
from core_vimo.codec import MotionCodec
from core_vimo.diffusion.objective import build_objective
from core_vimo.diffusion.schedule import build_schedule
from core_vimo.errors import InputError
from core_vimo.motion_store import data_hash
from core_vimo.training.run import card, fresh, plain, same_run, train_to_bundle
from core_vimo.training.settings import TrainerSettings, checked_settings
from edge_adapter.backbone import Backbone, BackboneConfig
from edge_adapter.build import EXTRACTORS, KIND, build_model
from edge_adapter.dance_data import DanceSet, DanceWindows, fit_codec


def train_dance(config: DictConfig) -> None:
    """Train to the end of the settings, resuming what is in `config.out`, and write the bundle there."""
    settings = plain(config)
    trainer_settings = checked_settings(TrainerSettings, settings["trainer"], "trainer", seed=settings["seed"])
    checked_settings(BackboneConfig, settings["model"], "model")
    out = Path(settings["out"])
    data = settings["data"]
    dances = DanceSet(data["folder"], data["split"], beat_phase=data["beat_phase"])
    wanted, given = settings["model"]["condition_dim"], EXTRACTORS.get(dances.extractor)
    if given is None:
        raise InputError(
            f"{data['folder']}: there is no model of features of kind '{dances.extractor}'; take one of "
            f"{', '.join(EXTRACTORS)}, by data.beat_phase={str(not data['beat_phase']).lower()} perhaps"
        )
    if wanted != given:
        raise InputError(
            f"model.condition_dim={wanted} doesn't fit features of kind '{dances.extractor}', which have {given} "
            "channels; change it, or data.beat_phase"
        )
    codec = fit_codec(dances.motions())
    windows = DanceWindows(dances, codec, data["frames"], data["stride"], settings["seed"])
    schedule = build_schedule(settings["diffusion"]["schedule"], settings["diffusion"]["steps"])
    objective = build_objective(
        _fresh_model(settings, dances),
        codec,
        schedule,
        diffusion=settings["diffusion"],
        lambdas=settings["loss"],
        condition_drop=settings["condition_drop"],
        seed=settings["seed"],
        run_steps=trainer_settings.steps,
    )
    print(f"{len(dances)} dances, {dances.seconds / 60:.1f} min, {len(windows)} windows an epoch; run in {out}")

    def bundle(weights: dict[str, torch.Tensor], steps: int) -> Bundle:
        return _bundle(settings, dances, codec, weights, steps)

    train_to_bundle(objective, windows, trainer_settings, out, bundle, same_run(settings, data_hash(dances.folder)))


def _fresh_model(settings: dict[str, Any], dances: DanceSet) -> Backbone:
    model = fresh(lambda: build_model(settings["model"]), settings["seed"])
    model.fit_music(torch.cat([dances[i].features for i in range(len(dances))]))
    return model


def _bundle(
    settings: dict[str, Any], dances: DanceSet, codec: MotionCodec, weights: dict[str, torch.Tensor], steps: int
) -> Bundle:
    config = {
        "kind": KIND,
        "model": settings["model"],
        "diffusion": {"name": settings["diffusion"]["schedule"], "steps": settings["diffusion"]["steps"]},
        "ptss": settings["diffusion"]["ptss"],
        "clean": settings["diffusion"]["clean"],
        "extractor": dances.extractor,
        "trained": {"steps": steps, "seed": settings["seed"], "data": data_hash(dances.folder)},
    }
    named = sorted({row["name"].split("+")[0] for row in dances.rows})
    facts = [
        f"Data: {len(named)} dances ({dances.seconds / 60:.1f} min with their variants): {', '.join(named)}.",
        f"Music features: {dances.extractor}. Motion: 30 fps, SMPL-24, metres.",
    ]
    return Bundle(weights, config, codec, card("Music-to-dance backbone", facts, settings, steps))
