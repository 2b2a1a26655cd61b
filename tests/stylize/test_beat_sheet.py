import csv

import numpy as np
import pytest
import torch

from core_vimo.motion import Motion, turn
from edge_adapter.beats import BeatGrid
from stylize.beat_sheet import count_sheet, write_count_sheet


@pytest.fixture
def grid() -> BeatGrid:
    return BeatGrid(
        beats_s=np.arange(8) * 0.5, downbeats_s=np.array([0.0, 2.0]), tempo_bpm=120.0, beats_per_bar=4, confidence=1.0
    )


def _standing(frames: int = 120) -> tuple[torch.Tensor, torch.Tensor]:
    angles = torch.zeros(frames, 24, 3)
    angles[:, 0, 0] = torch.pi / 2
    root = torch.zeros(frames, 3)
    root[:, 2] = 0.95
    return angles, root


def test_counts_and_bars_follow_the_music(grid):
    rows = count_sheet(Motion.from_axis_angle(*_standing()), grid)
    assert [row.count for row in rows] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [row.bar for row in rows] == [1, 1, 1, 1, 2, 2, 2, 2]
    assert all(row.travels == "" and row.turns == 0 and row.level == "" for row in rows)


def test_what_happens_is_named_on_its_count(grid):
    angles, root = _standing()
    angles[15:30, 16, 2] = torch.sin(torch.linspace(0, 6, 15))  # the left shoulder, on count 2
    root[30:45, 0] = torch.linspace(0, 0.5, 15)  # to the audience's right, on count 3
    root[45:, 0] = 0.5
    root[60:75, 2] = 0.7  # down, on count 5
    rows = count_sheet(Motion.from_axis_angle(angles, root), grid)
    assert rows[1].leads == "left arm"
    assert rows[2].travels == "right"
    assert rows[4].level == "low"


def test_a_turn_is_counted_in_degrees(grid):
    still = Motion.from_axis_angle(*_standing())
    turning = [turn(still[i : i + 1], 0.1 * max(0, i - 15)).rotations for i in range(30)]
    motion = Motion(torch.cat(turning), still.root_m[:30], still.contacts[:30])
    assert [row.turns for row in count_sheet(motion, grid)] == [0, pytest.approx(80, abs=1)]


def test_the_file_reads_back(grid, tmp_path):
    rows = count_sheet(Motion.from_axis_angle(*_standing()), grid)
    write_count_sheet(rows, tmp_path / "counts.csv")
    with open(tmp_path / "counts.csv", newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["count"] for row in read] == [str(row.count) for row in rows]
