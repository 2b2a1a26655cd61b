"""Counts as the page shows them are those that the recipes go by."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_vimo.errors import InputError
from edge_adapter.beats import BeatGrid, double_time, half_time, shift_counts
from stylize.studio.counting import counted, first_count_at, tapped


def told(grid: BeatGrid) -> dict:
    return {"beats_s": grid.beats_s.tolist(), "counts": grid.counts().tolist(), "beats_per_bar": grid.beats_per_bar,
            "tempo_bpm": grid.tempo_bpm}  # fmt: skip


def listened(per_bar: int = 4, first: int = 2, beats: int = 64) -> tuple[dict, dict]:
    times = 0.3 + 0.5 * np.arange(beats)
    heard = BeatGrid(times, times[first::per_bar], 120.0, per_bar)
    grids = {"as heard": heard, "half": half_time(heard), "double": double_time(heard)}
    return grids, {tempo: told(grid) for tempo, grid in grids.items()}


@given(
    st.sampled_from([3, 4]), st.integers(0, 3), st.integers(-16, 16), st.sampled_from(["as heard", "half", "double"])
)
def test_counts_are_shifted_as_the_recipes_shift_them(per_bar, first, shift, tempo):
    grids, found = listened(per_bar, first)
    wanted = shift_counts(grids[tempo], shift)
    pairs = counted(found, tempo, shift)
    assert [second for second, _ in pairs] == wanted.beats_s.tolist()
    # The recipes number from their first downbeat, which may lie a phrase later or earlier.
    assert [count for _, count in pairs] == wanted.counts().tolist()


@given(st.floats(0, 30), st.sampled_from(["as heard", "half", "double"]))
def test_the_beat_that_is_pointed_at_becomes_a_one(second, tempo):
    _, found = listened()
    shift = first_count_at(found, tempo, second)
    beats = counted(found, tempo, shift)
    nearest = min(beats, key=lambda beat: abs(beat[0] - second))
    assert nearest[1] == 1 and abs(shift) <= 4


@pytest.mark.parametrize(("step_s", "tempo"), [(0.5, "as heard"), (1.02, "half"), (0.26, "double"), (0.62, "as heard")])
def test_taps_choose_the_nearest_tempo(step_s, tempo):
    _, found = listened()
    assert tapped(found, [5 + step_s * place + 0.02 * (place % 2) for place in range(8)]) == tempo


@pytest.mark.parametrize(
    "taps", [[], [1.0, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0], [4.0, 3.0, 2.0, 1.0], [1, 2, 3, float("nan")]]
)
def test_too_few_taps_and_a_song_without_beats_are_told(taps):
    _, found = listened()
    with pytest.raises(InputError):
        tapped(found, taps)
    silent = {tempo: {"beats_s": [], "counts": [], "beats_per_bar": 4, "tempo_bpm": 0.0} for tempo in found}
    with pytest.raises(InputError, match="no beats"):
        tapped(silent, [1.0, 2.0, 3.0, 4.0])
    with pytest.raises(InputError, match="no beats"):
        first_count_at(silent, "as heard", 1.0)
    assert counted(silent, "half", 3) == []
