"""The dials of a run; `configs/trainer/default.yaml` has the same keys with their units, but for the seed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import NoneType
from typing import Any, TypeVar, get_args

from core_vimo.errors import InputError

T = TypeVar("T")

_CHOICES = {
    "precision": ("no", "bf16", "fp16"),
    "device": ("auto", "cpu"),
    "optimizer": ("adan", "adamw"),
    "decay": ("constant", "cosine"),
}
_NOT_NEGATIVE = (
    "steps", "minutes", "workers", "lr", "weight_decay", "warmup_steps", "clip_norm", "save_every", "save_minutes",
    "evaluate_every", "patience",
)  # fmt: skip
_KINDS = {int: "a whole number", float: "a finite number", str: "a word", bool: "true or false", NoneType: "null"}


@dataclass(frozen=True)
class TrainerSettings:
    """How to train. The run ends after `steps` or `minutes`, whichever comes first; at least one must be given."""

    steps: int | None = None
    minutes: float | None = None  # of training, over all resumed parts
    seed: int = 0  # one for the whole run, so `configs/` have it above the trainer's dials
    batch_size: int = 32  # samples a step, over all processes and micro-batches
    accumulation: int = 1  # micro-batches a step
    workers: int = 0  # processes that load data; 0 loads in the trainer's own
    precision: str = "no"
    compile: bool = False  # the objective's networks, with torch.compile
    device: str = "auto"
    optimizer: str = "adan"
    lr: float = 1e-4
    weight_decay: float = 0.02
    warmup_steps: int = 100
    decay: str = "constant"
    final_lr_fraction: float = 0.05  # of lr, where the cosine ends
    clip_norm: float = 1.0  # 0 does not clip
    ema_decay: float = 0.9999
    log_every: int = 10  # steps
    save_every: int = 1000  # steps; 0 never
    save_minutes: float = 10.0  # 0 never
    keep: int = 3  # newest checkpoints; the best is kept besides
    evaluate_every: int = 0  # steps; 0 never
    best_by: str = "loss"  # which of the evaluation's numbers is to be small
    patience: int = 0  # evaluations without a better one before the run ends; 0: none
    tensorboard: bool = False
    nonfinite_in_a_row: int = 10  # skipped steps before the run stops
    collapse_after: int = 1000  # steps before a small predicted deviation is worth a warning

    def __post_init__(self) -> None:
        for field in fields(self):
            kinds = get_args(field.type) or (field.type,)
            if not _is_one_of(getattr(self, field.name), kinds):
                wanted = " or ".join(_KINDS[kind] for kind in kinds)
                raise InputError(f"trainer.{field.name}={getattr(self, field.name)!s:.20} must be {wanted}")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise InputError(f"trainer.{name}={getattr(self, name)!r} is not known; take {' or '.join(choices)}")
        if self.steps is None and self.minutes is None:
            raise InputError("the run has no end; give trainer.steps or trainer.minutes")
        for name in ("batch_size", "accumulation", "log_every", "keep", "nonfinite_in_a_row"):
            if getattr(self, name) < 1:
                raise InputError(f"trainer.{name}={getattr(self, name)} must be at least 1")
        for name in _NOT_NEGATIVE:
            if (getattr(self, name) or 0) < 0:
                raise InputError(f"trainer.{name}={getattr(self, name)} must not be negative")


def checked_settings(schema: type[T], settings: Mapping[str, Any], section: str, **given: Any) -> T:
    """The settings of a section of `configs/` as the dataclass that takes them, some of whose fields are `given`.

    Raises InputError for unknown keys, for wrong types, and for what isn't the section's to set.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    twice = sorted(given.keys() & settings.keys())
    if twice:
        raise InputError(f"{section}.{twice[0]} can't be set: it is that of the run; give {twice[0]} instead")
    try:
        typed = OmegaConf.structured(schema)
        OmegaConf.set_readonly(typed, False)  # of a frozen dataclass it is
        merged = OmegaConf.merge(typed, dict(settings), given)
        checked: T = OmegaConf.to_object(merged)  # type: ignore[assignment]
    except OmegaConfBaseException as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"these settings of {section} don't fit: {reason}; --show lists those there are") from error
    return checked


def _is_one_of(value: Any, kinds: tuple[Any, ...]) -> bool:
    if type(value) in (int, float) and float in kinds:
        return math.isfinite(value)
    return type(value) in kinds
