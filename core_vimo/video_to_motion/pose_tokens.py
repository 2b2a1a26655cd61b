"""From the evidence of several views to one token a frame.

The evidence of a frame (`core_vimo.evidence`) is, for each of 17 joints, where it was seen and how surely, and whether
it was seen at all; then how the person moved through the picture, and whether a new shot begins.

Shapes: `B` clips, `V` views, `S` frames, `d` the tokens' width.
"""

import torch
from torch import Tensor, nn

from core_vimo.evidence import EVIDENCE

JOINTS = 17
_XY, _CONFIDENCE, _SEEN, _TRAVEL, _CUT = slice(0, 34), slice(34, 51), slice(51, 68), slice(68, 71), slice(71, 72)


class PoseTokens(nn.Module):
    """Σ over joints of (W_j [x, y, confidence] + e_j) where joint j was seen, of m_j where not; plus travel and cut.

    An unseen joint is so not a joint at the origin: nothing that is said of it is heard. View 0, whose camera the
    motion is to face, carries a mark.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        # One product for all joints: beside x, y and confidence, "seen" carries e_j and "unseen" m_j.
        self.of_joints = nn.Linear(5 * JOINTS, width, bias=False)
        self.of_picture = nn.Linear(4, width)
        self.first_view = nn.Parameter(torch.zeros(width))

    def forward(self, evidence: Tensor) -> Tensor:
        """`[B, V, S, 72]` -> `[B, V, S, d]`."""
        seen = _seen(evidence)
        said = torch.cat((evidence[..., _XY].unflatten(-1, (JOINTS, 2)), evidence[..., _CONFIDENCE, None]), dim=-1)
        heard = torch.where(seen[..., None], said, 0.0).flatten(-2)
        travel = torch.where(seen.any(-1, keepdim=True), evidence[..., _TRAVEL], 0.0)
        joints = self.of_joints(torch.cat((heard, seen.to(heard), (~seen).to(heard)), dim=-1))
        tokens: Tensor = joints + self.of_picture(torch.cat((travel, evidence[..., _CUT]), dim=-1))
        return torch.cat((tokens[:, :1] + self.first_view, tokens[:, 1:]), dim=1)


class ViewFusion(nn.Module):
    """The mean over the views that saw the person in a frame: whatever their number and their order.

    Where none did, over those that saw the person in any other frame, whose tokens a layer over time has filled; where
    there are none either, a learned token.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.nobody = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Tensor, evidence: Tensor) -> Tensor:
        """`tokens [B, V, S, d]` of `evidence [B, V, S, 72]` -> `[B, S, d]`."""
        saw = _seen(evidence).any(-1)
        ever = saw.any(-1, keepdim=True).expand_as(saw)
        counts = torch.where(saw.any(1, keepdim=True), saw, ever)[..., None]
        views = counts.sum(1)
        mean = torch.where(counts, tokens, 0.0).sum(1) / views.clamp(min=1)
        return torch.where(views > 0, mean, self.nobody.to(mean))


def as_views(evidence: Tensor) -> Tensor:
    """`[B, V, S, 72]`, of that or of one view `[B, S, 72]`."""
    views = evidence[:, None] if evidence.ndim == 3 else evidence
    if views.ndim != 4 or views.shape[-1] != EVIDENCE:
        raise ValueError(f"evidence must be [B, V, S, {EVIDENCE}] or [B, S, {EVIDENCE}], not {list(evidence.shape)}")
    return views


def _seen(evidence: Tensor) -> Tensor:
    """Which joints were seen, `[..., 17]` bool."""
    return evidence[..., _SEEN] > 0.5
