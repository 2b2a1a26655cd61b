"""How near a model has come to a style: it dances to held-out windows' music, and is compared with their dancing."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from core_vimo.diffusion.guidance import ConditionalModel, guided
from core_vimo.diffusion.sampling import dpmpp_2m
from core_vimo.metrics.style import StyleDistance, style_features
from core_vimo.motion import Motion, smooth
from core_vimo.planting import plant
from core_vimo.randomness import normal_rows
from edge_adapter.build import DanceModel
from edge_adapter.style_data import StyleWindows

_AT_ONCE = 8
"""Windows denoised together."""


class HeldOut:
    """`(objective, step) -> {"style_distance": ...}`, for the trainer; the same noise at every evaluation.

    settings: windows (how many are danced), steps (of sampling), weight (of guidance).
    """

    def __init__(
        self, train: StyleWindows, test: StyleWindows, model: DanceModel, settings: Mapping[str, Any], seed: int
    ) -> None:
        self.codec, self.schedule, self.settings, self.seed = model.codec, model.schedule, settings, seed
        self._train, self._test = train, test
        self._style: StyleDistance | None = None

    def __call__(self, objective: nn.Module, step: int) -> dict[str, float]:
        model: Any = objective.model
        # Other sizes than training's would be compiled anew.
        with torch.compiler.set_stance("force_eager"):
            return {"style_distance": self.distance(model)}

    def distance(self, model: ConditionalModel) -> float:
        """Of what the model dances to the held-out music, where it lies."""
        if self._style is None:
            truth, learnt = style_features(self._test.motions()), style_features(self._train.motions())
            self._style = StyleDistance(truth, torch.cat((truth, learnt)))
        return self._style(style_features(self._dances(model)))

    @torch.no_grad()
    def _dances(self, model: ConditionalModel) -> list[Motion]:
        """Each held-out window's music in turn, as often as there are windows to dance."""
        device = next(model.parameters()).device if isinstance(model, nn.Module) else torch.device("cpu")
        motions: list[Motion] = []
        for numbers in torch.arange(self.settings["windows"]).split(_AT_ONCE):
            music = torch.stack([self._test.read(int(n) % len(self._test))[1] for n in numbers]).to(device)
            shape = (music.shape[1], len(self.codec.scale))
            x0 = dpmpp_2m(
                guided(model, model.encode(music), self.settings["weight"]),
                normal_rows(numbers.tolist(), shape, self.seed, 0, "style-evaluation").to(device),
                self.schedule,
                steps=self.settings["steps"],
                clip=1.0,
            )
            motions += [_as_shown(self.codec.decode(clip)) for clip in x0.cpu()]
        return motions


def _as_shown(motion: Motion) -> Motion:
    """Smoothed by a frame and planted, as dances are: raw, they tremble so much that little else is measured."""
    return plant(smooth(motion, 1 / motion.fps))
