"""Convolutions over time, as VideoPose3D stacks them (Pavllo et al. 2019, section 3): each block's kernel is dilated.

Two things differ from the paper, so that they train as everything here does: frames beyond the ends are zeros instead
of being cut off, and layers are normalised frame by frame, for a mean over the batch would hang on batch mates.

Shapes: `B` clips, `S` frames, `c` the width.
"""

import torch.nn.functional as F
from torch import Tensor, nn

KERNEL = 3


class OverTime(nn.Conv1d):
    """A convolution over frames of `[B, S, c]`, as long after it as before."""

    def __init__(self, inputs: int, outputs: int, dilation: int = 1) -> None:
        super().__init__(inputs, outputs, KERNEL, padding=dilation * (KERNEL // 2), dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class DilatedBlock(nn.Module):
    """A dilated and a pointwise convolution, added to what comes in."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.wide_norm, self.point_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.wide, self.point = OverTime(width, width, dilation), nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Tensor) -> Tensor:
        inner = self.dropout(self.wide(F.relu(self.wide_norm(h))))
        added: Tensor = h + self.dropout(self.point(F.relu(self.point_norm(inner))))
        return added


def dilated_blocks(width: int, blocks: int, dropout: float) -> nn.ModuleList:
    """So many, the dilation growing by the kernel: after one `OverTime` a frame is told of KERNEL ** (blocks + 1)."""
    return nn.ModuleList(DilatedBlock(width, KERNEL ** (1 + i), dropout) for i in range(blocks))
