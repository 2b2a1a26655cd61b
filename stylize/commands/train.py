"""`vimo train WHAT key=value …`: Hydra's override grammar, composed through its API; no run-directory magic."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig

HELP = "Train a model; settings are Hydra overrides, and a stopped run goes on where it was."
EXAMPLE = """vimo train dance model=edge_small data.folder=data/free out=runs/edge_small trainer.steps=3000
  vimo train vimo +experiment=vimo_small supervision=2d init=shipped data.folder=data/taught out=runs/taught"""

WHAT = {
    "dance": "music to dance backbone",
    "vimo": "video to motion",
    "lifter": "video to motion, the plain baseline",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    told = ", ".join(f"{name} ({what})" for name, what in WHAT.items())
    parser.add_argument("what", choices=tuple(WHAT), help=f"what to train: {told}")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="Hydra overrides, such as trainer.steps=500")
    parser.add_argument(
        "--show", action="store_true", help="print every setting, ??? where one must be given, and stop"
    )


def run(arguments: argparse.Namespace) -> int:
    from omegaconf import OmegaConf

    from stylize.configuration import compose

    config = compose(arguments.what, arguments.overrides, complete=not arguments.show)
    if arguments.show:
        print(OmegaConf.to_yaml(config))
        return 0
    _trainer_of(arguments.what)(config)
    return 0


def _trainer_of(what: str) -> Callable[["DictConfig"], None]:
    """Imported when needed, and only that one."""
    if what == "dance":
        from edge_adapter.train import train_dance

        return train_dance
    from core_vimo.video_to_motion.train import train_lifter, train_vimo

    return {"vimo": train_vimo, "lifter": train_lifter}[what]
