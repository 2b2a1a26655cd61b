"""A dance model that wears styles: their branches beside its backbone, their strengths beside the music."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from core_vimo.bundle import bundle_hash
from core_vimo.errors import InputError
from core_vimo.motion import FPS
from edge_adapter.beats import BeatGrid
from edge_adapter.branch import StyledBackbone
from edge_adapter.build import DanceModel
from edge_adapter.style import Style, build_branch
from stylize.style_library import find_style
from stylize.style_timeline import Styling


@dataclass(frozen=True, eq=False)
class Outfit:
    """The styles that a model wears, and how strong each is when; `sha256` are theirs, in the order of their names."""

    styling: Styling
    sha256: tuple[str, ...]

    def beside(self, music: Tensor, grid: BeatGrid) -> Tensor:
        """Music `[S, C]` of these beats with the strengths `[S, K]` beside it: what the model is told.

        Raises InputError for a timeline that doesn't suit this music.
        """
        strengths = self.styling.strengths(grid, len(music), FPS)
        return torch.cat((music, strengths.to(music)), dim=-1)

    def rows(self, told: Tensor) -> list[dict[str, Any]]:
        """What a manifest says of the styles: names, sha256, and strengths as they go on from second to second."""
        columns = told[:, told.shape[-1] - len(self.sha256) :].T
        return [
            {"name": name, "sha256": sha256, "strength_at_s": _course(column)}
            for name, sha256, column in zip(self.styling.names, self.sha256, columns, strict=True)
        ]


def styled(model: DanceModel, styling: Styling) -> tuple[DanceModel, Outfit]:
    """The model with these styles of the library. Raises InputError where one is unknown or of another backbone."""
    folders = [find_style(name) for name in styling.names]
    styles = [Style.load(folder) for folder in folders]
    usual = {name: style.facts["strength"]["usual"] for name, style in zip(styling.names, styles, strict=True)}
    outfit = Outfit(styling.settled(usual), tuple(map(bundle_hash, folders)))
    for name, style in zip(styling.names, styles, strict=True):
        _check_strengths(outfit.styling, name, style.facts["strength"]["most"])
    if not styles:
        return model, outfit
    branches = [build_branch(style, model) for style in styles]
    return replace(model, styled=StyledBackbone(model.backbone, branches).eval()), outfit


def check_styles(known: Mapping[str, str], where: Path) -> None:
    """Raise InputError unless these styles, with their sha256 as a manifest has them, are in the library."""
    for name, sha256 in known.items():
        if bundle_hash(find_style(name)) != sha256:
            raise InputError(f"the style '{name}' is not that of {where} (its sha256 differs); install that one again")


def _check_strengths(styling: Styling, name: str, most: float) -> None:
    asked = max(float(dial.strength or 0) for dial in styling.all_dials if dial.style == name)
    if asked > most:
        raise InputError(f"the style '{name}' at strength {asked:g} is beyond what it can; it goes from 0 to {most:g}")


def _course(strengths: Tensor) -> list[list[float]]:
    """`[S]` as [second, strength] where it begins and where each of its changes begins and ends."""
    moving = F.pad((strengths.diff() != 0).int(), (1, 1))
    frames = [0, *moving.diff().nonzero()[:, 0].tolist()]
    return [[round(frame / FPS, 2), round(float(strengths[frame]), 3)] for frame in dict.fromkeys(frames)]
