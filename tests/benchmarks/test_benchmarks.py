"""What is compared does the same work; at toy size, and without a look at any clock."""

import json
import threading
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import features, measure, rendering, sampling, training_step
from benchmarks.material import settings, swaying
from benchmarks.reference.drawing import stick_figures
from benchmarks.reference.training import PlainAdan, joints_one_by_one
from core_vimo.codec import MotionCodec
from core_vimo.training.adan import Adan
from edge_adapter.audio import write_audio
from edge_adapter.build import DanceModel
from edge_adapter.sequencer import make_score, render

TINY = {"latent": 32, "feed_forward": 64, "layers": 2, "heads": 4}


@pytest.fixture(scope="module")
def tiny() -> dict[str, Any]:
    config = settings("edge_small")
    return config | {"model": config["model"] | TINY}


@pytest.fixture
def tiny_model(tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> DanceModel:
    monkeypatch.setattr(sampling, "settings", lambda size: deepcopy(tiny))
    return sampling.random_model("edge_small")


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    piece = render(make_score(seed=3, seconds=6.0))
    path = tmp_path_factory.mktemp("song") / "song.wav"
    write_audio(path, piece.samples[: 6 * piece.rate], piece.rate)
    return path


def test_both_extractors_agree_on_one_slice(song: Path) -> None:
    samples = features.read_audio(song, features.RATE, seconds=5.0)
    apart = features.disagreement(samples)
    assert apart["peaks"] == 0
    assert max(apart.values()) < 1e-3, apart


def test_slices_overlap_by_half(song: Path) -> None:
    assert features.sliced_features(song).shape == (1, 150, 35)
    assert len(features.compare(song, repeats=1).rows) == 2


def test_both_networks_and_losses_agree(tiny: dict[str, Any]) -> None:
    theirs, ours = training_step.losses_of_both(tiny, batch=3)
    assert theirs == pytest.approx(ours, rel=1e-5)


def test_both_kinematics_agree() -> None:
    motion = swaying(5)
    codec = MotionCodec.fit([motion], sixd="rows", root="position")
    torch.testing.assert_close(joints_one_by_one(codec.vector(motion)[None])[0], motion.joints_m(), atol=1e-5, rtol=0)


def test_both_optimisers_agree() -> None:
    torch.manual_seed(0)
    theirs, ours = ([torch.nn.Parameter(torch.ones(3, 2)), torch.nn.Parameter(torch.ones(4))] for _ in range(2))
    plain, fused = PlainAdan(theirs, lr=1e-2, weight_decay=0.1), Adan(ours, lr=1e-2, weight_decay=0.1)
    for _ in range(5):
        for a, b in zip(theirs, ours, strict=True):
            a.grad = torch.randn_like(a)
            b.grad = a.grad.clone()
        plain.step()
        fused.step()
    for a, b in zip(theirs, ours, strict=True):
        torch.testing.assert_close(a, b)


def test_every_training_step_moves_the_weights(tiny: dict[str, Any]) -> None:
    ways = training_step.ways(tiny, batch=2)
    assert len(ways) == 4
    ours = training_step.Ours(tiny, training_step.data_of(tiny, 2)[0], bfloat16=False)
    before = [p.detach().clone() for p in ours.objective.parameters()]
    for step in range(3):  # Adan's first step only looks
        assert ours.count == step
        ours.step(training_step.data_of(tiny, 2)[1])
    assert any(bool((p != b).any()) for p, b in zip(ours.objective.parameters(), before, strict=True))
    for step in ways.values():
        step()


def test_both_samplers_agree(tiny_model: DanceModel) -> None:
    assert sampling.check_fair(tiny_model, seconds=10, steps=5) <= sampling.FAIR


def test_the_check_of_fairness_can_fail(tiny_model: DanceModel, monkeypatch: pytest.MonkeyPatch) -> None:
    other = sampling.plain(tiny_model)
    for weight in other.parameters():
        weight.add_(0.1)
    monkeypatch.setattr(sampling, "plain", lambda model, fused=False: other)
    with pytest.raises(RuntimeError, match="differ"):
        sampling.check_fair(tiny_model, seconds=5, steps=2)


def test_sampling_table_has_a_row_a_way(tiny_model: DanceModel) -> None:
    names = (sampling.REFERENCE, sampling.FUSED, sampling.SAME, sampling.OURS, sampling.HALF)
    table = sampling.compare("Dancing", tiny_model, {5: dict.fromkeys(names, 1), 10: {sampling.REFERENCE: 1}})
    assert [row[:2] for row in table.rows] == [*(("5 s", name) for name in names), ("10 s", sampling.REFERENCE)]


def test_drawing_table(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(rendering.os, "cpu_count", lambda: 1)  # each process would compile its own kernels
    table = rendering.compare(frames=4, stick_frames=2, pixels=64, repeats=1)
    assert len(table.rows) == 4


def test_stick_figures_move() -> None:
    pytest.importorskip("matplotlib")
    first, last = stick_figures(swaying(20).joints_m()[::19].numpy(), pixels=96)
    assert first.shape == (96, 96, 4)
    assert np.any(first != last)


def test_memory_is_the_highest_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that grows by 200 MB, 300 MB and shrinks again, as the watcher looks at it."""
    looks, over = iter([100e6, 300e6, 400e6, 150e6]), threading.Event()

    def memory_info() -> SimpleNamespace:
        now = next(looks, None)
        if now is None:
            over.set()
        return SimpleNamespace(rss=now or 120e6)

    monkeypatch.setattr(measure.psutil, "Process", lambda: SimpleNamespace(memory_info=memory_info))
    timings = measure.in_turns({"way": lambda: over.wait(60)}, 1, warm_up=False)
    assert timings["way"].risen_mb == [300.0]


def test_memory_is_that_of_a_process_of_its_own() -> None:
    """Which holds it to the end, so that no look need come in time."""
    assert 150 < measure.risen_mb(_holding, 200) < 400


_held: list[np.ndarray] = []


def _holding(megabytes: int) -> measure.Way:
    return lambda: _held.append(np.ones(megabytes * 125_000))


def test_ways_take_turns_and_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "OUT", tmp_path)
    taken: list[str] = []
    ways = {name: lambda name=name: taken.append(name) for name in "ab"}
    timings = measure.in_turns(ways, {"a": 1, "b": 2}, warm_up=False)
    assert taken == ["a", "b", "b"]
    table = measure.Table("Title", ("way", "s"), [("a", measure.spread(timings["a"].wall_s))], [], timings)
    measure.publish("toy", [table], measure.machine())
    kept = json.loads((tmp_path / "toy.json").read_text())
    assert len(kept["tables"][0]["timings"]["b"]["wall_s"]) == 2
    assert "| way | s |" in str(table)
