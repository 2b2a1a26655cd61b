"""Which of two styles a movement is in, by a linear classifier that saw real dances only."""

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core_vimo.metrics.measures import Measured

_KINDS = ("k_fixed", "m_fixed")


class StyleClassifier:
    """Logistic regression on kinetic and manual features; both classes weigh the same."""

    def __init__(self, style: Sequence[Measured], others: Sequence[Measured]) -> None:
        self.model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000))
        self.model.fit(_features([*style, *others]), [1] * len(style) + [0] * len(others))

    def __call__(self, clips: Sequence[Measured]) -> np.ndarray:
        """The share of style it sees in each clip, `[N]` in [0, 1]."""
        return np.asarray(self.model.predict_proba(_features(clips))[:, 1])

    def accuracy(self, style: Sequence[Measured], others: Sequence[Measured]) -> float:
        """On clips it hasn't seen, both classes weighing the same."""
        return float(((self(style) > 0.5).mean() + (self(others) <= 0.5).mean()) / 2)


def _features(clips: Sequence[Measured]) -> np.ndarray:
    rows = [torch.cat([clip.features[kind].flatten() for kind in _KINDS]) for clip in clips]
    return torch.stack(rows).double().numpy()
