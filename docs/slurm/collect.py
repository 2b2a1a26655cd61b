"""Clips collected by many processes of a cluster; see docs/slurm.md."""

from pathlib import Path

import hydra
from omegaconf import DictConfig, OmegaConf
from submitit.helpers import TorchDistributedEnvironment

from stylize.style_clips.collect import CollectSettings, collect


@hydra.main(version_base="1.3", config_path=".", config_name="collect")
def main(config: DictConfig) -> None:
    TorchDistributedEnvironment().export(overwrite=True)  # who is who, as Accelerate reads it
    settings = OmegaConf.to_container(config.settings)
    settings = CollectSettings(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})
    print(collect([Path(place) for place in config.places], Path(config.folder), settings))


if __name__ == "__main__":
    main()
