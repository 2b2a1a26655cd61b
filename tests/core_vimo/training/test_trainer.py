"""The trainer's promises: exact resume, processes and accumulation that agree, survival, alarms."""

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from safetensors.torch import load_file
from torch import Tensor, nn
from training_toy import SETTINGS, ToyData, ToyObjective, losses, run

from core_vimo.errors import InputError
from core_vimo.training import trainer as trainer_module
from core_vimo.training.checkpoint import CheckpointStore, load
from core_vimo.training.settings import TrainerSettings
from core_vimo.training.trainer import Trainer

ROOT = Path(__file__).resolve().parents[3]
TOY = Path(__file__).with_name("training_toy.py")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def toy_command(*runs: tuple[Path, dict[str, Any]]) -> list[str]:
    return [str(TOY)] + [word for out, arguments in runs for word in (str(out), json.dumps(arguments))]


def elsewhere(out: Path, **arguments: Any) -> None:
    subprocess.run([sys.executable, *toy_command((out, arguments))], env=ENVIRONMENT, check=True, timeout=120)


def start(out: Path, **arguments: Any) -> subprocess.Popen[str]:
    command = [sys.executable, *toy_command((out, arguments))]
    return subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for_line(out: Path, step: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not ((out / "stats.jsonl").exists() and f'"step": {step},' in (out / "stats.jsonl").read_text()):
        assert time.monotonic() < deadline, "the run did not get going"
        time.sleep(0.01)


def saved(out: Path, step: int) -> dict[str, Tensor]:
    folder = out / "checkpoints" / f"step-{step:08d}"
    return {
        f"{name}:{key}": value
        for name in ("weights", "ema", "optimizer")
        for key, value in load_file(folder / f"{name}.safetensors").items()
    }


def assert_same(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [key for key in a if not torch.equal(a[key], b[key])] == []


# 1. Exact resume


@pytest.mark.parametrize(
    ("parts", "dials"),
    [
        ((2,), {"workers": 0, "accumulation": 1, "optimizer": "adamw", "decay": "cosine"}),
        ((1, 4), {"workers": 2, "accumulation": 3, "log_every": 2, "warmup_steps": 3}),
    ],
)
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(
    tmp_path: Path, parts: tuple[int, ...], dials: dict[str, Any]
) -> None:
    """10 samples in batches of 6: every stop is in mid-epoch, and the run crosses the ends of epochs."""
    dials = dials | {"dropout": 0.3}
    run(tmp_path / "whole", steps=6, **dials)
    for stop in parts:
        # The horizon of a cosine stays; the run is cut by a save and a kill, as it were.
        cut(tmp_path / "parts", stop, **dials)
    run(tmp_path / "parts", steps=6, **dials)
    assert_same(saved(tmp_path / "whole", 6), saved(tmp_path / "parts", 6))
    assert losses(tmp_path / "whole") == losses(tmp_path / "parts")


def cut(out: Path, stop: int, **dials: Any) -> None:
    """A run to 6 steps in another process of which only the checkpoint at `stop` is left."""
    elsewhere(out, steps=6, save_every=1, keep=9, **dials)
    for path in CheckpointStore(out / "checkpoints", 1).paths():
        if path.name != f"step-{stop:08d}":
            for file in path.iterdir():
                file.unlink()
            path.rmdir()


def test_a_finished_run_is_only_loaded(tmp_path: Path) -> None:
    first, second = run(tmp_path), run(tmp_path)
    assert second.step == 6 and len(losses(tmp_path)) == 6
    assert_same(first.ema_state_dict(), second.ema_state_dict())


def test_same_seed_same_run_and_another_seed_another(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run(tmp_path / name, seed=seed, dropout=0.3)
    assert losses(tmp_path / "a") == losses(tmp_path / "b") != losses(tmp_path / "c")


@pytest.mark.parametrize(("dial", "value"), [("seed", 1), ("batch_size", 12), ("length", 11)])
def test_another_run_in_the_same_folder_is_refused(tmp_path: Path, dial: str, value: int) -> None:
    run(tmp_path, steps=1)
    with pytest.raises(InputError, match="begin anew in another folder"):
        run(tmp_path, steps=2, **{dial: value})


def test_another_frozen_part_is_refused(tmp_path: Path) -> None:
    run(tmp_path, steps=1)
    objective = ToyObjective()
    nn.init.zeros_(objective.frozen.weight)
    with pytest.raises(InputError, match="frozen weights"):
        Trainer(objective, ToyData(), SETTINGS, tmp_path).fit()


# 2. Kills and damage


def killed_at_random(out: Path, kills: int) -> None:
    chance = random.Random(0)
    for _ in range(kills):
        child = start(out, steps=100000, save_every=1, keep=2, dropout=0.3)
        wait_for_line(out, _announced(out) + 3)
        time.sleep(chance.random() * 0.3)
        child.kill()
        child.wait(30)
        announced = _announced(out)
        newest = CheckpointStore(out / "checkpoints", 2).newest_valid()
        assert newest is not None and load(newest).step >= announced - 1


def _announced(out: Path) -> int:
    """A step's line is written before its own checkpoint and after that of the step before."""
    if not (out / "stats.jsonl").exists():
        return 0
    return max(json.loads(t)["step"] for t in (out / "stats.jsonl").read_text().split("\n")[:-1])


@pytest.mark.parametrize("kills", [1, pytest.param(6, marks=pytest.mark.slow)])
def test_killed_at_random_times_it_goes_on_as_if_nothing_had_been(tmp_path: Path, kills: int) -> None:
    killed_at_random(tmp_path / "killed", kills)
    steps = _announced(tmp_path / "killed") + 3
    run(tmp_path / "killed", steps=steps, dropout=0.3, keep=2)
    run(tmp_path / "whole", steps=steps, dropout=0.3)
    assert_same(saved(tmp_path / "whole", steps), saved(tmp_path / "killed", steps))
    assert losses(tmp_path / "whole") == losses(tmp_path / "killed")
    assert not [p for p in (tmp_path / "killed" / "checkpoints").iterdir() if p.name.startswith(".")]


def test_a_damaged_newest_checkpoint_costs_only_its_steps(tmp_path: Path) -> None:
    run(tmp_path / "damaged", steps=6, save_every=2)
    weights = tmp_path / "damaged" / "checkpoints" / "step-00000006" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.warns(UserWarning, match=str(weights)):
        run(tmp_path / "damaged", steps=7)
    run(tmp_path / "whole", steps=7)
    assert_same(saved(tmp_path / "whole", 7), saved(tmp_path / "damaged", 7))


# 4. Signals


@pytest.mark.parametrize(
    ("number", "code", "workers"),
    [(signal.SIGTERM, 0, 0), (signal.SIGINT, 130, 2)],
    ids=["term", "ctrl-c-with-workers"],
)
def test_a_signal_finishes_the_step_saves_and_exits(tmp_path: Path, number: int, code: int, workers: int) -> None:
    child = start(tmp_path, steps=100000, pause_s=0.01, workers=workers)
    wait_for_line(tmp_path, 3)
    os.killpg(child.pid, number)  # a terminal's Ctrl-C reaches the workers too
    assert child.wait(60) == code
    newest = CheckpointStore(tmp_path / "checkpoints", 2).newest_valid()
    assert newest is not None and load(newest).step == _announced(tmp_path)
    assert not (tmp_path / "trainer.lock").exists()


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    child = start(tmp_path, steps=100, length=6, pause_s=30)
    wait_for_line(tmp_path, 1)
    child.send_signal(signal.SIGINT)
    assert child.stderr is not None
    while "once more" not in child.stderr.readline():
        assert child.poll() is None
    child.send_signal(signal.SIGINT)
    assert child.wait(20) == -signal.SIGINT
    assert not (tmp_path / "checkpoints").exists()


def test_handlers_are_given_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    run(tmp_path, steps=1)
    assert signal.getsignal(signal.SIGINT) is before


# 8, 9. Processes and accumulation


def close(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    for key in a:
        torch.testing.assert_close(a[key], b[key], atol=1e-6, rtol=1e-5, msg=lambda text, key=key: f"{key}: {text}")


@pytest.mark.parametrize("clip_norm", [0.0, 1.0])  # clipping would hide a wrong scale
def test_accumulation_changes_nothing(tmp_path: Path, clip_norm: float) -> None:
    run(tmp_path / "one", clip_norm=clip_norm)
    run(tmp_path / "three", clip_norm=clip_norm, accumulation=3)
    close(saved(tmp_path / "one", 6), saved(tmp_path / "three", 6))
    assert losses(tmp_path / "three") == pytest.approx(losses(tmp_path / "one"), abs=1e-6)


def test_two_processes_have_the_gradients_and_weights_of_one_and_skip_together(tmp_path: Path) -> None:
    """The state of Adan holds the last gradient, so comparing it compares gradients."""
    runs = {
        "clean": {"clip_norm": 0},
        "accumulated": {"accumulation": 3},
        "poisoned": {"poisoned": [3], "nonfinite_in_a_row": 9},
    }
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    arguments = toy_command(*((tmp_path / "two" / name, dials) for name, dials in runs.items()))
    subprocess.run([sys.executable, *launcher, *arguments], env=ENVIRONMENT, check=True, timeout=180)
    for name, dials in runs.items():
        one, two = tmp_path / "one" / name, tmp_path / "two" / name
        trainer = run(one, **dials)
        assert (trainer.skipped > 0) == (name == "poisoned")
        close(saved(one, 6), saved(two, 6))
        assert losses(two) == pytest.approx(losses(one), abs=1e-6)


# Compiled


class OwnNetwork(nn.Sequential):
    """torch.compile passes over torch's own modules."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


@pytest.fixture
def compilable() -> Iterator[ToyObjective]:
    torch._dynamo.reset()
    objective = ToyObjective()
    objective.net = OwnNetwork(*objective.net)
    yield objective
    torch._dynamo.reset()


def test_a_compiled_run_is_the_same_and_its_checkpoints_fit_both_ways(tmp_path: Path, compilable: ToyObjective) -> None:
    """Three steps compiled, then three as they are, against six as they are."""
    from torch._dynamo.utils import counters
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler as error:
        pytest.skip(f"torch.compile finds no C++ compiler: {error}")
    counters.clear()
    Trainer(compilable, ToyData(), replace(SETTINGS, steps=3, compile=True), tmp_path / "compiled").fit()
    assert counters["stats"]["unique_graphs"] > 0
    run(tmp_path / "plain", steps=3)
    assert saved(tmp_path / "compiled", 3).keys() == saved(tmp_path / "plain", 3).keys()
    for name in ("compiled", "plain"):
        run(tmp_path / name, steps=6)
    assert losses(tmp_path / "compiled") == pytest.approx(losses(tmp_path / "plain"), rel=1e-5)


def test_without_a_compiler_it_is_one_sentence(tmp_path: Path, compilable: ToyObjective) -> None:
    import torch._inductor.config

    trainer = Trainer(compilable, ToyData(), replace(SETTINGS, compile=True), tmp_path)
    with (
        torch._inductor.config.patch({"cpp.cxx": (None, "/not/there")}),
        pytest.raises(InputError, match=r"No working C\+\+ compiler.*take trainer.compile=false") as refused,
    ):
        trainer.fit()
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "trainer.lock").exists()


# The rest


def test_bf16_stays_near_float32_with_float32_weights(tmp_path: Path) -> None:
    run(tmp_path / "full")
    trainer = run(tmp_path / "half", precision="bf16")
    assert losses(tmp_path / "half") == pytest.approx(losses(tmp_path / "full"), rel=0.02)
    assert losses(tmp_path / "half") != losses(tmp_path / "full")
    assert {p.dtype for p in trainer.objective.parameters()} == {torch.float32}


def test_the_learning_rate_warms_up_and_falls(tmp_path: Path) -> None:
    run(tmp_path, steps=20, lr=1.0, warmup_steps=4, decay="cosine", final_lr_fraction=0.1)
    lr = [json.loads(t)["lr"] for t in (tmp_path / "stats.jsonl").read_text().splitlines()]
    assert lr[0] == pytest.approx(0.25) and lr[10] == pytest.approx(0.55)
    assert lr[3:] == sorted(lr[3:], reverse=True) and 0.1 < lr[-1] < 0.11


def test_evaluation_sees_the_ema_and_the_best_checkpoint_stays(tmp_path: Path) -> None:
    seen = []

    def evaluate(objective: nn.Module, step: int) -> dict[str, float]:
        seen.append((step, objective.training, objective.net[0].weight.clone()))
        return {"distance": abs(step - 4.0), "other": 0.0}

    settings = replace(SETTINGS, steps=8, save_every=1, keep=2, evaluate_every=2, best_by="distance")
    trainer = Trainer(ToyObjective(), ToyData(), settings, tmp_path, evaluate=evaluate)
    trainer.fit()
    assert [load(p).step for p in CheckpointStore(tmp_path / "checkpoints", 2).paths()] == [4, 7, 8]
    assert [(step, training) for step, training, _ in seen] == [(2, False), (4, False), (6, False), (8, False)]
    assert torch.equal(seen[1][2], load(tmp_path / "checkpoints" / "step-00000004").ema["net.0.weight"])
    assert torch.equal(trainer.ema_state_dict()["net.0.weight"], seen[-1][2])
    assert not torch.equal(trainer.objective.net[0].weight, seen[-1][2])


def with_best_at_4(out: Path, **dials: Any) -> Trainer:
    settings = replace(SETTINGS, steps=20, save_every=1, keep=1, evaluate_every=2, patience=3, best_by="distance")
    return Trainer(
        ToyObjective(), ToyData(), replace(settings, **dials), out, evaluate=lambda _, step: {"distance": abs(step - 4)}
    )


def test_a_run_without_improvement_ends_and_its_best_is_shipped(tmp_path: Path) -> None:
    whole, parts = with_best_at_4(tmp_path / "whole"), with_best_at_4(tmp_path / "parts", steps=7)
    whole.fit()
    assert whole.step == 10
    state, step = whole.best_ema_state_dict()
    assert step == 4
    assert torch.equal(state["net.0.weight"], load(tmp_path / "whole/checkpoints/step-00000004").ema["net.0.weight"])
    assert torch.equal(state["frozen.weight"], whole.objective.frozen.weight)
    # Evaluations before an interruption count, and a run that has ended stays so.
    parts.fit()
    for _ in range(2):
        parts = with_best_at_4(tmp_path / "parts")
        parts.fit()
        assert parts.step == 10
    assert all(torch.equal(value, state[name]) for name, value in parts.best_ema_state_dict()[0].items())


def test_without_evaluation_the_last_state_is_the_best(tmp_path: Path) -> None:
    trainer = run(tmp_path, steps=2)
    state, step = trainer.best_ema_state_dict()
    assert step == 2 and all(torch.equal(value, state[name]) for name, value in trainer.ema_state_dict().items())


def test_the_shipped_state_is_whole(tmp_path: Path) -> None:
    trainer = run(tmp_path, steps=2)
    fresh = ToyObjective()
    fresh.load_state_dict(trainer.ema_state_dict())
    assert torch.equal(fresh.frozen.weight, trainer.objective.frozen.weight)


def test_a_budget_of_minutes_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock of which each step takes a second; the rate falls by it."""
    seconds = count()
    monkeypatch.setattr(trainer_module, "time", SimpleNamespace(monotonic=lambda: float(next(seconds))))
    trainer = run(tmp_path, steps=None, minutes=0.1, decay="cosine", lr=1.0, final_lr_fraction=0.0)
    assert trainer.step == 6
    lr = [json.loads(line)["lr"] for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    assert lr == pytest.approx([(1 + math.cos(math.pi * second / 6)) / 2 for second in range(6)])
    assert CheckpointStore(tmp_path / "checkpoints", 1).newest_valid() is not None


def test_tensorboard_is_written_when_asked_for(tmp_path: Path) -> None:
    run(tmp_path, steps=2, tensorboard=True)
    assert list((tmp_path / "tensorboard").glob("events.*"))


def test_a_long_run_keeps_memory_of_nothing(tmp_path: Path) -> None:
    process = psutil.Process()
    run(tmp_path / "warm", steps=5)
    before = (process.num_fds(), process.num_threads())
    run(tmp_path / "long", steps=200, save_every=20)
    assert (process.num_fds(), process.num_threads()) == before
    assert len(list((tmp_path / "long" / "checkpoints").iterdir())) == SETTINGS.keep


@pytest.mark.parametrize(
    ("dials", "message"),
    [
        ({"precision": "fp16"}, "needs a GPU"),
        ({"precision": "int4"}, "no or bf16 or fp16"),
        ({"steps": None}, "no end"),
        ({"batch_size": 7, "accumulation": 2}, "multiple of 2"),
        ({"keep": 0}, "at least 1"),
        ({"warmup_steps": -1}, "negative"),
        ({"lr": "fast"}, r"trainer\.lr=fast must be a finite number"),
        ({"lr": float("nan")}, "finite number"),
        ({"batch_size": 2.5}, "batch_size=2.5 must be a whole number"),
        ({"steps": True}, "steps=True must be a whole number or null"),
        ({"evaluate_every": 5}, "nothing evaluates here"),
        ({"patience": -1}, "patience"),
    ],
)
def test_settings_that_cannot_be_are_one_sentence(tmp_path: Path, dials: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(tmp_path, **dials)


def test_the_configs_have_the_settings_keys_and_debug_runs(tmp_path: Path) -> None:
    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        default = compose(overrides=["+trainer=default"]).trainer
        debug = compose(overrides=["+trainer=debug"]).trainer
    assert set(default) == {field.name for field in fields(TrainerSettings)} - {"seed"}
    shipped = TrainerSettings(**OmegaConf.to_container(default) | {"steps": 1})
    assert shipped == TrainerSettings(steps=1)
    trainer = Trainer(ToyObjective(), ToyData(), TrainerSettings(**OmegaConf.to_container(debug)), tmp_path)
    trainer.fit()
    assert trainer.step == 20
