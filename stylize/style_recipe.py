"""What the training of a style in one's own library is told: `configs/style.yaml`, and what the library knows of it."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from core_vimo.clip_set import ClipSet
from core_vimo.errors import InputError
from stylize.configuration import compose
from stylize.style_library import clips_of, own_folder


def training_config(name: str, overrides: Sequence[str] = ()) -> DictConfig:
    """The settings that `train_style` takes: the style's clips, where they are from, and its folder; overrides win.

    Raises InputError for what is no name of a style, and for overrides that don't fit.
    """
    folder = own_folder(name)
    config = compose("style", overrides, complete=False, shown_by=f"vimo style train {name} --show")
    # Not by Hydra's grammar, to which names such as 1920 and null are no text.
    for key, value in {"name": name, "clips": str(clips_of(folder)), "out": str(folder)}.items():
        if OmegaConf.is_missing(config, key):
            config[key] = value
    if Path(config.clips).is_dir():
        told = ClipSet(config.clips).index
        for fact in ("source", "licence"):
            config.data[fact] = config.data[fact] or told.get(fact, "")
    return config


def require_clips(config: DictConfig, name: str) -> None:
    """Raise InputError where there is nothing yet to learn from."""
    if not Path(config.clips).is_dir():
        raise InputError(f"the style '{name}' has no clips; `vimo style add {name} clips/` first")
