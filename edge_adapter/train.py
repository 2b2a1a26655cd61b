"""Training a music-to-dance backbone: a data set and settings become a bundle."""

from pathlib import Path
from typing import Any

import torch
import yaml
from omegaconf import DictConfig, OmegaConf

from core_vimo.bundle import Bundle
from core_vimo.codec import MotionCodec
from core_vimo.diffusion.preconditioning import Preconditioned
from core_vimo.diffusion.schedule import Schedule, build_schedule
from core_vimo.errors import InputError
from core_vimo.motion_store import data_hash
from core_vimo.randomness import fold
from core_vimo.training.settings import TrainerSettings, checked_settings
from core_vimo.training.trainer import Trainer
from edge_adapter.backbone import Backbone, BackboneConfig
from edge_adapter.build import KIND, build_model, build_objective
from edge_adapter.dance_data import DanceSet, DanceWindows, fit_codec

MEASURED_WINDOWS = 1500
"""Enough to know the deviation at every frequency of every axis to a few per cent."""

BUNDLE = "bundle"
"""The finished bundle's folder inside a run's."""


def train_dance(config: DictConfig) -> None:
    """Train to the end of the settings, resuming what is in `config.out`, and write the bundle there."""
    settings: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    out = Path(settings["out"])
    trainer_settings = checked_settings(TrainerSettings, settings["trainer"], "trainer", seed=settings["seed"])
    checked_settings(BackboneConfig, settings["model"], "model")
    dances = DanceSet(settings["data"]["folder"], settings["data"]["split"])
    codec = fit_codec(dances.motions())
    windows = DanceWindows(dances, codec, settings["data"]["frames"], settings["data"]["stride"], settings["seed"])
    schedule = build_schedule(settings["diffusion"]["schedule"], settings["diffusion"]["steps"])
    objective = build_objective(
        _fresh_model(settings, schedule, dances, windows),
        codec,
        schedule,
        diffusion=settings["diffusion"],
        lambdas=settings["loss"],
        condition_drop=settings["condition_drop"],
        seed=settings["seed"],
        run_steps=trainer_settings.steps,
    )
    print(f"{len(dances)} dances, {dances.seconds / 60:.1f} min, {len(windows)} windows an epoch; run in {out}")
    trainer = Trainer(objective, windows, trainer_settings, out)
    trainer.fit()
    if trainer.accelerator.is_main_process:
        weights = {name.removeprefix("model."): value for name, value in trainer.ema_state_dict().items()}
        _bundle(settings, dances, codec, weights, trainer.step).save(out / BUNDLE)
        print(f"bundle: {out / BUNDLE}")
    # Processes that leave a gloo group standing may abort on exit.
    trainer.accelerator.end_training()


def _fresh_model(
    settings: dict[str, Any], schedule: Schedule, dances: DanceSet, windows: DanceWindows
) -> Backbone | Preconditioned:
    # Initialisers draw from torch's global generator, so it is given the key instead.
    torch.manual_seed(fold(settings["seed"], 0, 0, "init"))
    model = build_model(settings["model"], schedule, precondition=settings["diffusion"]["precondition"])
    backbone: Any = model
    if isinstance(model, Preconditioned):
        if windows.frames != settings["model"]["trained_frames"]:
            raise InputError(
                f"data.frames={windows.frames} and model.trained_frames={settings['model']['trained_frames']} must be "
                "one number for a preconditioned model"
            )
        model.fit(_some_windows(windows))
        backbone = model.model
    backbone.fit_music(torch.cat([dances[i].features for i in range(len(dances))]))
    return model


def _some_windows(windows: DanceWindows) -> torch.Tensor:
    """`MEASURED_WINDOWS` of them, evenly from the first to the last, `[N, S, 151]`."""
    chosen = torch.linspace(0, len(windows) - 1, min(MEASURED_WINDOWS, len(windows))).long().unique()
    return torch.stack([windows[(int(i), 0)]["x"] for i in chosen])


def _bundle(
    settings: dict[str, Any], dances: DanceSet, codec: MotionCodec, weights: dict[str, torch.Tensor], steps: int
) -> Bundle:
    config = {
        "kind": KIND,
        "model": settings["model"],
        "diffusion": {"name": settings["diffusion"]["schedule"], "steps": settings["diffusion"]["steps"]},
        "precondition": settings["diffusion"]["precondition"],
        "extractor": dances.extractor,
        "trained": {"steps": steps, "seed": settings["seed"], "data": data_hash(dances.folder)},
    }
    # Half precision halves what is shipped; vectors (norms, biases, the music's mean) are small and stay exact.
    half = {name: value.half() if value.ndim > 1 else value for name, value in weights.items()}
    return Bundle(half, config, codec, _card(settings, dances, steps))


def _card(settings: dict[str, Any], dances: DanceSet, steps: int) -> str:
    named = sorted({row["name"].split("+")[0] for row in dances.rows})
    # Where the data lay is nobody's business, and the card's words stand above.
    told = {k: v for k, v in settings.items() if k != "out"}
    told["data"] = {k: v for k, v in settings["data"].items() if k not in ("folder", "card")}
    return "\n".join(
        (
            "# Music-to-dance backbone",
            "",
            settings["data"]["card"] or "No word was given on the data and its licence.",
            "",
            f"- Data: {len(named)} dances ({dances.seconds / 60:.1f} min with their variants): {', '.join(named)}.",
            f"- Music features: {dances.extractor}. Motion: 30 fps, SMPL-24, metres.",
            f"- Training: {steps} steps, seed {settings['seed']}, with the settings below.",
            "",
            "```yaml",
            yaml.safe_dump(told, sort_keys=False).strip(),
            "```",
            "",
        )
    )
