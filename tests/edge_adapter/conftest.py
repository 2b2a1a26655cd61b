"""A small data set of invented dances: enough to train on, not to learn from."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core_vimo.motion import Motion
from core_vimo.randomness import normal
from edge_adapter.dance_data import PairedDance, write_dance_set


@pytest.fixture(scope="session")
def dance_folder(tmp_path_factory: pytest.TempPathFactory, invented_dance: Callable[[int, int], Motion]) -> Path:
    folder = tmp_path_factory.mktemp("dances") / "set"
    dances = [
        PairedDance(
            f"dance{key}",
            invented_dance(frames, key),
            normal((frames, 35), key, "music") * 10 + 3,
            torch.arange(0, frames / 30, 0.5, dtype=torch.float64),
            "invented",
            "test" if key == 3 else "train",
        )
        for key, frames in enumerate((200, 170, 90, 160))
    ]
    write_dance_set(dances, folder, "librosa35")
    return folder
