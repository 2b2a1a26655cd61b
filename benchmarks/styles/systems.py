"""Who dances: the backbone, one with a branch, one fine-tuned; trained as `vimo style train` does."""

import argparse
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.fit_to_song.excerpts import Excerpt
from core_vimo.training.run import BUNDLE
from edge_adapter.branch import StyledBackbone
from edge_adapter.build import DanceModel, load_dance_model
from edge_adapter.style import STYLE_FILES, Style, build_branch
from edge_adapter.style_training import train_style
from stylize.configuration import compose

BASE, BRANCH, FINETUNE = "base", "branch", "finetune"


def trained(method: str, seed: int, bundle: Path, clips: Path, out: Path, overrides: list[str]) -> Path:
    """The folder of a finished run; made where it isn't there yet, in a process of its own, which training owns."""
    run = out / f"{method}-{seed}"
    if (run / BUNDLE).is_dir() or (run / STYLE_FILES[0]).is_file():
        return run
    recipe = ["+experiment=style_finetune"] if method == FINETUNE else []
    places = [f"backbone='{bundle}'", f"clips='{clips}'", f"out='{run}'"]
    settings = [*recipe, f"name={method}-{seed}", f"seed={seed}", *places, *overrides]
    subprocess.run([sys.executable, "-m", "benchmarks.styles.systems", *settings], check=True)
    return run


def load(method: str, run: Path, base: DanceModel) -> DanceModel:
    """A finished run as a model; a branch's hears its strength as one more channel of music."""
    if method == FINETUNE:
        return load_dance_model(run / BUNDLE)
    branch = build_branch(Style.load(run), base)
    return replace(base, styled=StyledBackbone(base.backbone, [branch]).eval())


def told(excerpts: list[Excerpt], strength: float | torch.Tensor) -> list[Excerpt]:
    """The same music with a branch's strength beside it, one number or `[S]`."""
    return [replace(excerpt, heard=replace(excerpt.heard, features=_beside(excerpt, strength))) for excerpt in excerpts]


def _beside(excerpt: Excerpt, strength: float | torch.Tensor) -> torch.Tensor:
    column = torch.as_tensor(strength).expand(len(excerpt))[:, None]
    return torch.cat((excerpt.heard.features, column), dim=1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.styles.systems", description="One run of training.")
    parser.add_argument("overrides", nargs="+")
    train_style(compose("style", parser.parse_args().overrides))


if __name__ == "__main__":
    main()
