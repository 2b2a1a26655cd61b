"""Checkpoints: whole or not there, checked when read, pruned, one trainer a folder."""

import json
import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from core_vimo.errors import InputError
from core_vimo.training import checkpoint as module
from core_vimo.training.checkpoint import (
    Checkpoint,
    CheckpointStore,
    frozen_hash,
    load,
    locked,
    module_tensors,
    optimizer_tensors,
    restore_module,
    restore_optimizer,
)


def a_checkpoint(step: int) -> Checkpoint:
    tensor = torch.full((3,), float(step))
    return Checkpoint(step, {"w": tensor}, {"w": tensor / 2}, {"w/step": torch.tensor(float(step))}, {"note": [0.1]})


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    store = CheckpointStore(tmp_path / "checkpoints", keep=3)
    for step in (10, 20):
        store.save(a_checkpoint(step))
    return store


def test_comes_back_exactly(store: CheckpointStore) -> None:
    path = store.newest_valid()
    assert path is not None
    back = load(path)
    assert (back.step, back.state["note"]) == (20, [0.1])
    assert torch.equal(back.weights["w"], torch.full((3,), 20.0))
    assert torch.equal(back.ema["w"], torch.full((3,), 10.0))
    assert torch.equal(back.optimizer["w/step"], torch.tensor(20.0))


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 4)


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("weights.safetensors", truncate),
        ("ema.safetensors", flip_a_bit),
        ("optimizer.safetensors", Path.unlink),
        ("state.json", flip_a_bit),
        ("manifest.json", empty),
        ("manifest.json", Path.unlink),
    ],
)
def test_a_damaged_newest_falls_back_naming_the_file(
    store: CheckpointStore, name: str, damage: Callable[[Path], None]
) -> None:
    damage(store.folder / "step-00000020" / name)
    with pytest.warns(UserWarning, match=rf"step-00000020.*{name}"):
        path = store.newest_valid()
    assert path == store.folder / "step-00000010"


def test_nothing_valid_is_none(tmp_path: Path) -> None:
    assert CheckpointStore(tmp_path / "absent", 1).newest_valid() is None


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("raised in serialisation")])
def test_a_failing_writer_leaves_the_earlier_checkpoints(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(module, "write_manifest", fail)
    with pytest.raises((InputError, RuntimeError), match=r"No space left|serialisation"):
        store.save(a_checkpoint(30))
    assert sorted(p.name for p in store.folder.iterdir()) == ["step-00000010", "step-00000020"]


def test_keeps_the_newest_and_the_best(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=2)
    for step, score in ((1, 0.5), (2, 0.1), (3, None), (4, 0.3), (5, None), (6, 0.1)):
        store.save(a_checkpoint(step), score)
    assert [load(p).step for p in store.paths()] == [2, 5, 6]
    assert store.best() == tmp_path / "step-00000002"


def test_sweeping_removes_leftovers_only(store: CheckpointStore) -> None:
    (store.folder / ".step-00000030-writing-x1").mkdir()
    (store.folder / ".step-00000030-writing-x1" / "weights.safetensors").write_bytes(b"half")
    store.sweep()
    assert sorted(p.name for p in store.folder.iterdir()) == ["step-00000010", "step-00000020"]


def test_module_and_optimiser_come_back_bit_for_bit(tmp_path: Path) -> None:
    def trained(steps: int) -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        net[2].bias.requires_grad_(False)
        optimizer = torch.optim.AdamW(p for p in net.parameters() if p.requires_grad)
        for _ in range(steps):
            optimizer.zero_grad()
            net(torch.randn(5, 3)).sum().backward()
            optimizer.step()
        return net, optimizer

    net, optimizer = trained(3)
    other, its_optimizer = trained(0)
    restore_module(other, module_tensors(net), tmp_path)
    restore_optimizer(its_optimizer, other, optimizer_tensors(optimizer, net))
    assert "2.bias" not in module_tensors(net) and "1.running_mean" in module_tensors(net)
    for a, b in ((module_tensors(net), module_tensors(other)), (optimizer.state_dict(), its_optimizer.state_dict())):
        assert repr(a) == repr(b)


def test_another_architecture_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"another model.*bias"):
        restore_module(nn.Linear(3, 2), module_tensors(nn.Linear(3, 2, bias=False)), tmp_path / "step-1")


def test_the_frozen_hash_sees_frozen_weights_only() -> None:
    torch.manual_seed(0)
    net = nn.Linear(3, 2)
    assert frozen_hash(net) is None
    net.weight.requires_grad_(False)
    before = frozen_hash(net)
    nn.init.zeros_(net.bias)
    assert frozen_hash(net) == before
    net.weight[0, 0] += 1e-3
    assert frozen_hash(net) != before


def hold(folder: Path) -> None:
    with locked(folder):
        (folder / "held").touch()
        time.sleep(60)


def test_a_living_trainer_is_respected_and_a_dead_ones_lock_taken_over(tmp_path: Path) -> None:
    child = multiprocessing.get_context("fork").Process(target=hold, args=(tmp_path,))
    child.start()
    deadline = time.monotonic() + 30
    while not (tmp_path / "held").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with pytest.raises(InputError, match=f"process {child.pid} .* already training"), locked(tmp_path):
        pass
    child.kill()
    child.join()
    with locked(tmp_path):
        assert json.loads((tmp_path / "trainer.lock").read_text())["pid"] == os.getpid()
    assert not (tmp_path / "trainer.lock").exists()


def test_a_reused_process_number_is_not_the_holder(tmp_path: Path) -> None:
    with locked(tmp_path):
        held = json.loads((tmp_path / "trainer.lock").read_text())
    (tmp_path / "trainer.lock").write_text(json.dumps(held | {"created": held["created"] - 3600}))
    with locked(tmp_path):
        pass


def test_a_lock_from_another_machine_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "trainer.lock").write_text(json.dumps({"host": "elsewhere", "pid": 1, "created": 0}))
    with pytest.raises(InputError, match="elsewhere"), locked(tmp_path):
        pass
    assert (tmp_path / "trainer.lock").exists()


def test_an_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="choose another output folder"), locked(tmp_path / "file"):
        pass
