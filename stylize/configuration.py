"""Settings from `configs/` by Hydra's grammar, without Hydra's run directories."""

import re
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from core_vimo.errors import InputError
from stylize.paths import expanded


def config_folder() -> Path:
    """`configs/` inside the installed package, or of the checkout."""
    here = Path(__file__).resolve().parent
    installed = here / "configs"
    return installed if installed.is_dir() else here.parent / "configs"


def compose(
    name: str, overrides: Sequence[str] = (), *, complete: bool = True, shown_by: str | None = None
) -> DictConfig:
    """The settings of `configs/{name}.yaml` with overrides, whose paths may begin with `~`.

    A supervision that names a loss brings it along where the overrides ask for none, whatever an experiment has.
    Raises InputError for unknown keys, which tells the command that they are `shown_by`, and, where they must be
    complete, for those without a value.
    """
    from hydra.errors import HydraException

    given = [_at_home(override) for override in overrides]
    try:
        # Without overrides of terms, which may be those of the loss that the supervision brings.
        named = _composed(name, [override for override in given if not override.lstrip("+~").startswith("loss.")])
        own = OmegaConf.select(named, "supervision.loss")
        asked = any(override.startswith("loss=") for override in given)
        config = _composed(name, [f"loss={own}", *given] if own and not asked else given)
    except (HydraException, OmegaConfBaseException) as error:
        shown_by = shown_by or f"vimo train {name} --show"
        raise InputError(f"these settings don't fit: {_first_line(error)}; see `{shown_by}`") from error
    missing = sorted(OmegaConf.missing_keys(config))
    if missing and complete:
        raise InputError(f"settings without a value: {', '.join(missing)}; give them as key=value")
    return config


def _composed(name: str, overrides: list[str]) -> DictConfig:
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        config = hydra_compose(name, overrides)
        OmegaConf.resolve(config)
    return config


def _at_home(override: str) -> str:
    """`key=~/x` with the home folder in place of `~`, in quotes: Hydra's grammar knows neither `~` nor odd names."""
    found = re.fullmatch(r"([^=]+)=(['\"]?)(~(?:/[^'\"]*)?)\2", override)
    if found is None:
        return override
    path = expanded(found[3]).replace("'", "\\'")
    return f"{found[1]}='{path}'"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")
