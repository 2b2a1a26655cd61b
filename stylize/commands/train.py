"""`vimo train dance key=value …`: Hydra's override grammar, composed through its API; no run-directory magic."""

import argparse

HELP = "Train a model; settings are Hydra overrides, and a stopped run goes on where it was."
EXAMPLE = "vimo train dance model=edge_small data.folder=data/free out=runs/edge_small trainer.steps=3000"

WHAT = ("dance",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=WHAT, help="what to train: dance (music to dance backbone)")
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
    from edge_adapter.train import train_dance

    train_dance(config)
    return 0
