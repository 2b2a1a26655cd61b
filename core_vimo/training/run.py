"""From a config's settings to a trained bundle: what the training of every model shares."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
import yaml
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from core_vimo.bundle import Bundle
from core_vimo.errors import InputError
from core_vimo.randomness import fold
from core_vimo.training.plan import Dataset
from core_vimo.training.settings import TrainerSettings
from core_vimo.training.trainer import Trainer

Network = TypeVar("Network", bound=nn.Module)

BUNDLE = "bundle"
"""The finished bundle's folder inside a run's."""

_PRIVATE = ("folder", "card")
"""Of the settings of data: where it lay is nobody's business, and the card's words stand above them."""
_WORDS = ("source", "licence")
"""Of the settings of data what is only told: mended words don't make another run."""


def plain(config: DictConfig) -> dict[str, Any]:
    """The settings as dictionaries, lists and numbers."""
    settings: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    return settings


def fresh(build: Callable[[], Network], seed: int) -> Network:
    """A network whose first weights are a function of the seed."""
    # Initialisers draw from torch's global generator, so it is given the key instead.
    torch.manual_seed(fold(seed, 0, 0, "init"))
    return build()


def train_to_bundle(
    objective: nn.Module,
    dataset: Dataset,
    trainer_settings: TrainerSettings,
    out: Path,
    bundle: Callable[[dict[str, Tensor], int], Bundle],
    told: Mapping[str, Any],
) -> None:
    """Train to the end of the settings, resuming what is in `out`, and write what `bundle(weights, steps)` makes there.

    The weights are the running means of `objective.model`'s, matrices in half precision; told: see `same_run`. Where
    there is nothing left to train, the bundle stays as it is: its card tells with which settings it was made.
    """
    trainer = Trainer(objective, dataset, trainer_settings, out, told=told)
    trainer.fit()
    if trainer.step == trainer.began and _steps_of(out / BUNDLE) == trainer.step:
        if trainer.accelerator.is_main_process:
            print(f"nothing is left to train after {trainer.step} steps; bundle: {out / BUNDLE}")
    elif trainer.accelerator.is_main_process:
        state = trainer.ema_state_dict()
        weights = {name.removeprefix("model."): value for name, value in state.items()}
        bundle(half(weights), trainer.step).save(out / BUNDLE)
        print(f"bundle: {out / BUNDLE}")
    # Processes that leave a gloo group standing may abort on exit.
    trainer.accelerator.end_training()


def _steps_of(bundle: Path) -> int | None:
    """How many steps made what lies there; None where no bundle does, or a damaged one."""
    try:
        return Bundle.load(bundle).config["trained"]["steps"] if bundle.is_dir() else None
    except InputError:
        return None


def same_run(settings: Mapping[str, Any], examples: str) -> dict[str, Any]:
    """Of a config's settings those that a run can't change and stay the same run, by their dotted names: what it
    began as, how examples are made and what is asked of them; examples: the hash of what they are made of. Of
    `TrainerSettings` the trainer knows itself."""
    told = {name: settings[name] for name in _OF_A_RUN if name in settings}
    for name in told.keys() & {"data", "prior"}:
        told[name] = {key: value for key, value in told[name].items() if key not in (*_PRIVATE, *_WORDS)}
    return dict(_dotted(told)) | {"the data": examples[:16]}


_OF_A_RUN = (
    "init", "model", "data", "prior", "diffusion", "supervision", "loss", "condition_drop", "weighting", "branch",
)  # fmt: skip


def _dotted(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def half(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Half precision halves what is shipped; vectors (norms, biases, means) are small and stay exact."""
    return {name: value.half() if value.ndim > 1 else value for name, value in weights.items()}


def card(title: str, facts: list[str], settings: dict[str, Any], steps: int) -> str:
    """A bundle's Markdown: what its maker says of the data, facts as a list, and the settings."""
    told = {k: v for k, v in settings.items() if k != "out"}
    told["data"] = {k: v for k, v in settings["data"].items() if k not in _PRIVATE}
    return "\n".join(
        (
            f"# {title}",
            "",
            settings["data"]["card"] or "No word was given on the data and its licence.",
            "",
            *(f"- {fact}" for fact in facts),
            f"- Training: {steps} steps, seed {settings['seed']}, with the settings below.",
            "",
            "```yaml",
            yaml.safe_dump(told, sort_keys=False).strip(),
            "```",
            "",
        )
    )
