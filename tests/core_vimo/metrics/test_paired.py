"""Differences between two treatments of the same clips."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from core_vimo.metrics.measures import Measured, measure
from core_vimo.metrics.paired import difference_row
from core_vimo.metrics.report import Pool, set_row
from core_vimo.motion import Motion

MakeDance = Callable[..., Motion]
OWN = ("jitter", "float_m")


def measured(name: str, motion: Motion) -> Measured:
    found = measure(name, motion)
    return replace(found, numbers={own: found.numbers[own] for own in OWN})


@pytest.fixture(scope="module")
def dances(make_dance: MakeDance) -> dict[str, Motion]:
    return {f"d{seed}": make_dance(seed, seconds=3) for seed in range(6)}


@pytest.fixture(scope="module")
def calm(dances: dict[str, Motion]) -> list[Measured]:
    return [measured(name, dance) for name, dance in dances.items()]


@pytest.fixture(scope="module")
def trembling(dances: dict[str, Motion]) -> list[Measured]:
    """The same dances, all of them shaken alike."""
    shake = 0.0002 * torch.tensor([1.0, -1.0]).repeat(45)[:, None]
    return [measured(name, replace(dance, root_m=dance.root_m + shake)) for name, dance in dances.items()]


@pytest.fixture(scope="module")
def pool(make_dance: MakeDance, calm: list[Measured]) -> Pool:
    return Pool.of([*calm, *(measured(f"r{seed}", make_dance(seed, seconds=3)) for seed in range(10, 16))])


def test_the_same_clips_differ_by_nothing_at_all(calm: list[Measured], pool: Pool) -> None:
    for metric, e in difference_row("none", calm, calm, pool, 0).metrics.items():
        assert (e.value, e.low, e.high) == (0, 0, 0), metric


def test_a_difference_is_that_of_both_rows(calm: list[Measured], trembling: list[Measured], pool: Pool) -> None:
    rows = [set_row("row", clips, pool, 0) for clips in (trembling, calm)]
    apart = difference_row("apart", trembling, calm, pool, 0)
    assert list(apart.metrics) == list(rows[0].metrics)
    for metric, e in apart.metrics.items():
        expected = rows[0].metrics[metric].value - rows[1].metrics[metric].value
        assert e.value == pytest.approx(expected, abs=1e-6), metric
        assert e.low <= e.value <= e.high and e.clips == 6


def test_pairs_tell_what_two_means_cannot(calm: list[Measured], trembling: list[Measured], pool: Pool) -> None:
    """Dances differ more in jitter than this little trembling makes, which every dance has."""
    rows = [set_row("row", clips, pool, 0).metrics["jitter"] for clips in (calm, trembling)]
    apart = difference_row("apart", trembling, calm, pool, 0).metrics["jitter"]
    assert apart.low > 0
    assert apart.high - apart.low < min(row.high - row.low for row in rows)


def test_the_other_way_round_is_negative(calm: list[Measured], trembling: list[Measured], pool: Pool) -> None:
    there, back = (
        difference_row("one", first, second, pool, 0) for first, second in ((calm, trembling), (trembling, calm))
    )
    for metric in there.metrics:
        assert there.metrics[metric].value == pytest.approx(-back.metrics[metric].value)
    assert there.metrics["jitter"].high < 0


def test_other_clips_are_no_pairs(calm: list[Measured], pool: Pool) -> None:
    with pytest.raises(ValueError, match="same clips"):
        difference_row("wrong", calm, calm[::-1], pool, 0)
