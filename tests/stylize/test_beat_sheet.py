import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

from core_vimo.motion import Motion, turn
from edge_adapter.beats import BeatGrid, shift_counts
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


def test_counts_and_eights_follow_the_music(grid):
    rows = count_sheet(Motion.from_axis_angle(*_standing()), grid)
    assert [row.count for row in rows] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert all(row.eight == 1 and row.travels == row.turns == row.level == "" for row in rows)
    later = shift_counts(grid, 3)
    assert [(row.eight, row.count) for row in count_sheet(Motion.from_axis_angle(*_standing()), later)] == [
        (0, 6), (0, 7), (0, 8), (1, 1), (1, 2), (1, 3), (1, 4), (1, 5)
    ]  # fmt: skip


def test_an_excerpt_goes_on_counting_the_songs_eights(grid):
    song = replace(grid, beats_s=np.arange(24) * 0.5, downbeats_s=np.arange(6) * 2.0)
    excerpt = replace(song, beats_s=song.beats_s - 9.0, downbeats_s=song.downbeats_s - 9.0)
    first = count_sheet(Motion.from_axis_angle(*_standing()), excerpt)[0]
    assert (first.time_s, first.eight, first.count) == (0.0, 3, 3)


def test_a_count_1_a_little_before_the_excerpt_is_its_first(grid):
    """As `stylize.spans` has it, by which styles are laid."""
    song = replace(grid, beats_s=np.arange(24) * 0.5, downbeats_s=np.arange(6) * 2.0)
    for early_s, first in ((0.05, (0.0, 2, 1)), (0.07, (0.43, 2, 2))):
        begins_s = 4.0 + early_s
        excerpt = replace(song, beats_s=song.beats_s - begins_s, downbeats_s=song.downbeats_s - begins_s)
        row = count_sheet(Motion.from_axis_angle(*_standing()), excerpt)[0]
        assert (row.time_s, row.eight, row.count) == first


def test_what_happens_is_named_on_its_count(grid):
    angles, root = _standing()
    angles[15:30, 16, 2] = torch.sin(torch.linspace(0, 6, 15))  # the left shoulder, on count 2
    root[30:45, 0] = torch.linspace(0, 0.5, 15)  # to the left of who faces the audience, on count 3
    root[45:, 0] = 0.5
    root[60:75, 2] = 0.7  # down, on count 5
    rows = count_sheet(Motion.from_axis_angle(angles, root), grid)
    assert rows[1].leads == "left arm"
    assert rows[2].travels == "stage left"
    assert rows[4].level == "low"


@pytest.mark.parametrize(("radians_a_frame", "turned"), [(0.1, "left 80"), (-0.1, "right 80")])
def test_a_turn_is_counted_in_degrees(grid, radians_a_frame, turned):
    still = Motion.from_axis_angle(*_standing())
    turning = [turn(still[i : i + 1], radians_a_frame * max(0, i - 15)).rotations for i in range(30)]
    motion = Motion(torch.cat(turning), still.root_m[:30], still.contacts[:30])
    assert [row.turns for row in count_sheet(motion, grid)] == ["", turned]


def test_the_file_reads_back(grid, tmp_path):
    rows = count_sheet(Motion.from_axis_angle(*_standing()), grid)
    write_count_sheet(rows, tmp_path / "counts.csv")
    with open(tmp_path / "counts.csv", newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["count"] for row in read] == [str(row.count) for row in rows]
    assert [float(row["accent (1 = usual speed)"]) for row in read] == [row.accent for row in rows]


def test_an_accent_of_two_is_twice_the_usual_speed(grid):
    """A dancer who glides at 0.6 m/s, at 1.2 within count 3, and stands still from count 7 on."""
    angles, root = _standing()
    step_m = torch.full((120,), 0.02)
    step_m[35:40], step_m[90:] = 0.04, 0.0
    root[:, 0] = step_m.cumsum(0)
    accents = [row.accent for row in count_sheet(Motion.from_axis_angle(angles, root), grid)]
    assert accents == pytest.approx([1, 1, 2, 1, 1, 1, 0, 0], abs=0.02)
    faster = Motion.from_axis_angle(angles, 3 * root)
    assert [row.accent for row in count_sheet(faster, grid)] == pytest.approx(accents, abs=0.02), (
        "the dance's own scale"
    )
