"""Which samples make a step."""

import itertools

import pytest
import torch
from training_toy import ToyData

from core_vimo.errors import InputError
from core_vimo.training.plan import BatchPlan, Shard, load_from


def test_every_epoch_visits_every_item_once_and_in_another_order() -> None:
    plan = BatchPlan(seed=3, length=10, batch_size=4)
    stream = [draw for step in range(5) for draw in plan.draws(step)]
    epochs = [[d.item for d in stream if d.epoch == epoch] for epoch in (0, 1)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(10))] * 2
    assert epochs[0] != epochs[1]


def test_every_step_has_a_full_batch_even_from_a_tiny_data_set() -> None:
    plan = BatchPlan(seed=0, length=3, batch_size=8)
    for step in range(4):
        samples = [plan.sample(draw) for draw in plan.draws(step)]
        assert len(set(samples)) == 8  # an item met again has another number, hence other noise
        assert {sample % 3 for sample in samples} == {0, 1, 2}


def test_the_seed_decides_the_order() -> None:
    assert BatchPlan(1, 50, 8).draws(7) == BatchPlan(1, 50, 8).draws(7)
    assert BatchPlan(1, 50, 8).draws(7) != BatchPlan(2, 50, 8).draws(7)


@pytest.mark.parametrize(("processes", "accumulation"), [(1, 1), (2, 1), (1, 3), (2, 3), (3, 4)])
def test_the_global_batch_is_the_same_however_it_is_split(processes: int, accumulation: int) -> None:
    plan = BatchPlan(seed=5, length=31, batch_size=24)
    shards = [Shard(plan, rank, processes, accumulation) for rank in range(processes)]
    parts = [shard.micro_batches(11) for shard in shards]
    joined = [draw for micro in range(accumulation) for rank in range(processes) for draw in parts[rank][micro]]
    assert joined == plan.draws(11)
    assert {len(batch) for part in parts for batch in part} == {24 // (processes * accumulation)}


def test_an_uneven_split_is_refused_with_the_mend() -> None:
    with pytest.raises(InputError, match="multiple of 6"):
        Shard(BatchPlan(0, 10, 8), 0, 2, 3)


def test_an_empty_data_set_is_refused() -> None:
    with pytest.raises(InputError, match="0 samples"):
        BatchPlan(0, 0, 8)


def test_workers_and_a_later_start_change_nothing() -> None:
    shard = Shard(BatchPlan(seed=2, length=7, batch_size=6), accumulation=2)
    alone = [batch["x"] for batch in itertools.islice(load_from(ToyData(7), shard, 0), 12)]
    helped = [batch["x"] for batch in itertools.islice(load_from(ToyData(7), shard, 3, workers=2), 6)]
    assert all(torch.equal(a, b) for a, b in zip(alone[6:], helped, strict=True))
    assert alone[0].shape == (3, 4)
