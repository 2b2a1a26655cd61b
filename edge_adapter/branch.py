"""Style branches: what a few clips teach beside a backbone that stays as it is (ViMo section 3.4; ControlNet).

A branch is a trainable copy of the decoder's last layers. What each of its layers makes joins the frozen stream through
a zero convolution (1x1, so a linear map, whose weights begin as zero) and a strength, which may differ from frame to
frame. Before training, and at strength 0, the output is the backbone's. A style dial, a mix of styles and a timeline
of styles are all strengths; K styles cost K branches beside one backbone.

Shapes: `B` clips, `S` frames, `C` music channels, `K` branches, `d` the latent width.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core_vimo.diffusion.guidance import Condition
from core_vimo.errors import InputError
from core_vimo.transformer import Memory
from edge_adapter.backbone import Backbone

FUSIONS = ("add", "concat")
"""What a zero convolution sees: the copied layer's output, or the frozen layer's beside it."""


@dataclass(frozen=True)
class BranchConfig:
    """layers: how many of the decoder's last layers are copied."""

    layers: int
    fusion: str = "add"

    def __post_init__(self) -> None:
        if type(self.layers) is not int or self.layers < 1:
            raise InputError(f"branch.layers={self.layers!s:.20} must be a whole number, 1 or more")
        if self.fusion not in FUSIONS:
            raise InputError(f"branch.fusion={self.fusion!s:.20} is not known; take {' or '.join(FUSIONS)}")


class Branch(nn.Module):
    """Trainable copies of a backbone's last decoder layers, and a zero convolution each."""

    def __init__(self, backbone: Backbone, config: BranchConfig) -> None:
        super().__init__()
        own = backbone.config.layers
        if config.layers > own:
            raise InputError(f"branch.layers={config.layers}, but the backbone has {own}; take 1 to {own}")
        width = backbone.config.latent
        seen = width if config.fusion == "add" else 2 * width
        self.config = config
        self.first = own - config.layers
        self.layers = nn.ModuleList(copy.deepcopy(layer) for layer in backbone.layers[self.first :])
        zeros = [_zero_convolution(seen, width) for _ in range(config.layers)]
        self.zero_convolutions = nn.ModuleList(zeros).to(backbone.motion_out.weight.device)
        self.requires_grad_(True)

    def forward(self, layer: int, g: Tensor, h: Tensor, memory: Memory, film_code: Tensor) -> tuple[Tensor, Tensor]:
        """One layer of the branch's stream `g [B, S, d]`, beside the frozen layer's output `h`.

        `layer` counts the backbone's layers. Returns the stream's next value, and what it adds to `h` at strength 1.
        """
        g = self.layers[layer - self.first](g, memory, film_code)
        seen = g if self.config.fusion == "add" else torch.cat((h, g), dim=-1)
        return g, self.zero_convolutions[layer - self.first](seen)


def _zero_convolution(seen: int, width: int) -> nn.Linear:
    convolution = nn.Linear(seen, width)
    nn.init.zeros_(convolution.weight)
    nn.init.zeros_(convolution.bias)
    return convolution


class StyledBackbone(nn.Module):
    """A frozen backbone and branches beside it: a `ConditionalModel` as the backbone is, told how strong each style is.

    Its condition `[B, S, C + K]` is the music and then the strengths, frame by frame, so that whatever cuts and joins
    music does the same to them. With the music alone all are 1, the strength a branch is trained at.
    """

    def __init__(self, backbone: Backbone, branches: Sequence[Branch]) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(False)
        self.branches = nn.ModuleList(branches)

    def train(self, mode: bool = True) -> "StyledBackbone":
        """The branches train; the backbone is as it is when it samples."""
        super().train(mode)
        self.backbone.eval()
        return self

    def encode(self, cond: Tensor) -> Condition:
        """`cond [B, S, C]` or `[B, S, C + K]` -> the music encoded by the backbone, and the strengths."""
        channels, styles = self.backbone.config.condition_dim, len(self.branches)
        if cond.shape[-1] not in (channels, channels + styles):
            raise ValueError(
                f"{cond.shape[-1]} channels are neither music, {channels}, nor that and {styles} strengths"
            )
        music, strengths = cond[..., :channels], cond[..., channels:]
        told = self.backbone.encode(music)
        return Condition(told.tokens, told.pooled, strengths if cond.shape[-1] > channels else None)

    def null(self, batch: int, frames: int) -> Condition:
        """No music; the styles at 1, as without strengths."""
        return self.backbone.null(batch, frames)

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """As `Backbone.forward`. A branch whose strengths are all 0 isn't computed."""
        h, memory, film_code = self.backbone.begin(x, t, condition)
        active = self._active(condition.strengths)
        streams: dict[int, Tensor] = {}
        for number, layer in enumerate(self.backbone.layers):
            entering, h = h, layer(h, memory, film_code)
            frozen = h
            for style, strength in active.items():
                branch: Branch = self.branches[style]  # type: ignore[assignment]
                if number >= branch.first:
                    stream = streams.get(style, entering)
                    streams[style], added = branch(number, stream, frozen, memory, film_code)
                    h = h + (added if strength is None else strength.to(added) * added)
        return self.backbone.motion_out(h)

    def _active(self, strengths: Tensor | None) -> dict[int, Tensor | None]:
        """The branches to compute, and their strengths `[B, S, 1]`; None is 1 throughout."""
        if strengths is None:
            return dict.fromkeys(range(len(self.branches)))
        used = (strengths != 0).flatten(0, 1).any(0).tolist()
        return {style: strengths[..., style, None] for style, wanted in enumerate(used) if wanted}
