"""The benchmark of videos, at toy size and without a look at any clock."""

import numpy as np
import pytest
import torch

from benchmarks import __main__ as command
from benchmarks import video
from core_vimo.evidence import CONFIDENT


@pytest.fixture(scope="module")
def tiny():
    return video.random_model(latent=16, feed_forward=32, blocks=1, heads=2)


def test_it_is_one_of_the_subjects():
    assert "video" in command.SUBJECTS


def test_a_row_a_length_and_precision(tiny):
    table = video.motions_table("Moving", tiny, {2: 1, 8: 1})
    assert [row[:2] for row in table.rows] == [
        (f"{seconds} s", half) for seconds in (2, 8) for half in (video.FULL, video.HALF)
    ]
    assert "4 takes, 10 steps, guidance 1.5" in table.notes[0]


def test_what_is_measured_is_what_the_command_makes(tiny):
    takes = video.making(tiny, 2, half=False)()
    assert len(takes) == video.TAKES and all(len(take.motion) == 60 for take in takes)


def test_the_footage_shows_somebody_and_is_cut():
    footage = video.footage_of(10)
    assert len(footage) == 300 and footage.cuts
    assert (footage.pose.confidence >= CONFIDENT).float().mean() > 0.5


def test_the_model_is_of_the_shipped_recipe():
    assert 1.2e6 < sum(p.numel() for p in video.random_model().network.parameters()) < 1.8e6


def test_without_mediapipe_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(video.importlib.util, "find_spec", lambda name: None)
    table = video.pose_table(tmp_path / "film.mp4", 1)
    assert table.rows == [("not measured",)] and "MediaPipe isn't installed" in table.notes[0]


def test_without_the_video_it_says_so(monkeypatch):
    monkeypatch.setattr(video.importlib.util, "find_spec", lambda name: object())
    assert "VIMO_DATA" in video.pose_table(None, 1).notes[0]


def test_poses_are_looked_for_in_every_picture(monkeypatch, tmp_path):
    """With an estimator that counts, and pictures that need no film."""
    looked: list[np.ndarray] = []

    class Counting:
        def __call__(self, rgb: np.ndarray) -> torch.Tensor:
            looked.append(rgb)
            return torch.zeros(0, 17, 3)

        def close(self) -> None:
            looked.append(np.zeros(0))

    class Facts:
        def shown_size(self, longest: int) -> tuple[int, int]:
            return 4, 3

    monkeypatch.setattr(video.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(video, "estimator", lambda name: Counting())
    monkeypatch.setattr(video, "frames", lambda path, **_: iter(np.zeros((5, 3, 4, 3), np.uint8)))
    monkeypatch.setattr(video, "probe", lambda path: Facts())
    table = video.pose_table(tmp_path / "film.mp4", 2)
    assert len(looked) == 2 * 3 * 5 + 1, "two ways look, warmed up and repeated twice; closed once"
    assert len(table.rows) == 3 and "5 pictures of 4x3" in table.notes[0]
