"""One training step: the Trainer's own pieces, beside a plain network, plain losses and a plain optimiser."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.material import fresh_model, music_for, schedule_of, settings, swaying
from benchmarks.measure import Table, Timing, has_bfloat16, in_turns, per_second, ratio, spread
from benchmarks.reference.network import plain_twin
from benchmarks.reference.training import PlainTraining
from core_vimo.codec import MotionCodec
from core_vimo.diffusion.objective import DiffusionObjective, build_objective
from core_vimo.diffusion.timesteps import sample_timesteps
from core_vimo.randomness import normal_rows, uniform_rows
from core_vimo.training.adan import Adan
from core_vimo.training.ema import Ema
from edge_adapter.backbone import Backbone

FRAMES = 150
PUBLISHED_DROPOUT = 0.1
REFERENCE, SAME_DROPOUT = f"plain, float32, dropout {PUBLISHED_DROPOUT}", "plain, float32, our dropout"
OURS, HALF = "ours, float32", "ours, bfloat16"


def run(quick: bool) -> list[Table]:
    if quick:
        return [compare("edge_small", batch=32, repeats=2)]
    return [compare("edge_small", batch=32, repeats=5), compare("edge", batch=8, repeats=2)]


def compare(size: str, batch: int, repeats: int) -> Table:
    """Steps on one batch that lies in memory."""
    timings = in_turns(ways(settings(size), batch), repeats)
    millions = sum(p.numel() for p in fresh_model(settings(size)).parameters()) / 1e6
    rows = [_row(name, timing, timings[REFERENCE], batch) for name, timing in timings.items()]
    columns = ("way", "wall s a step", "CPU s a step", "samples/s", "times less (wall / CPU)")
    notes = [
        f"{size}, {millions:.1f} M parameters, batches of {batch} x {FRAMES} frames; EDGE trains with dropout "
        f"{PUBLISHED_DROPOUT}, this configuration with {settings(size)['model']['dropout']}. Reading the data is "
        "left out of all; clipping the gradient is in ours alone. In bfloat16 are the network's products; losses, "
        "weights and optimiser stay float32."
    ]
    if not has_bfloat16():
        notes.append("This processor has no bfloat16 that torch knows of: the last row says nothing of those that do.")
    return Table(f"One training step, {size}", columns, rows, notes, timings)


def _row(name: str, timing: Timing, base: Timing, batch: int) -> tuple[str, ...]:
    return name, spread(timing.wall_s), spread(timing.cpu_s), per_second(batch, timing), ratio(base, timing)


def ways(config: dict[str, Any], batch: int) -> dict[str, Callable[[], object]]:
    """A step each, on the same batch, from the same weights."""
    codec, data = data_of(config, batch)
    published, same = (_plain(config, codec, p) for p in (PUBLISHED_DROPOUT, config["model"]["dropout"]))
    ours, half = (Ours(config, codec, bfloat16) for bfloat16 in (False, True))
    return {
        REFERENCE: lambda: published.step(data["x"], data["condition"]),
        SAME_DROPOUT: lambda: same.step(data["x"], data["condition"]),
        OURS: lambda: ours.step(data),
        HALF: lambda: half.step(data),
    }


def _plain(config: dict[str, Any], codec: MotionCodec, dropout: float) -> PlainTraining:
    schedule = schedule_of(config)
    network = plain_twin(fresh_model(config), dropout=dropout)
    return PlainTraining(network, codec, schedule.alphas_cumprod, config["loss"], config["condition_drop"])


def data_of(config: dict[str, Any], batch: int) -> tuple[MotionCodec, dict[str, Tensor]]:
    """A codec with EDGE's root, and a batch as the Trainer would hand it over."""
    motions = [swaying(FRAMES, key) for key in range(batch)]
    codec = MotionCodec.fit(motions, sixd="rows", root="position")
    music = music_for(fresh_model(config), batch * FRAMES).unflatten(0, (batch, FRAMES))
    return codec, {"x": torch.stack([codec.encode(m) for m in motions]), "condition": music}


class Ours:
    """What `core_vimo.training.Trainer` does with an objective in one step, without its log and its files."""

    def __init__(self, config: dict[str, Any], codec: MotionCodec, bfloat16: bool) -> None:
        self.objective = objective_of(config, fresh_model(config), codec)
        trainer = config["trainer"]
        self.clip_norm: float = trainer["clip_norm"]
        self.optimizer = Adan(self.objective.parameters(), lr=trainer["lr"], weight_decay=trainer["weight_decay"])
        self.ema = Ema(self.objective, trainer["ema_decay"])
        self.bfloat16, self.count = bfloat16, 0

    def step(self, data: dict[str, Tensor]) -> None:
        with torch.autocast("cpu", torch.bfloat16) if self.bfloat16 else nullcontext():
            losses = self.objective(data, torch.arange(len(data["x"])), self.count)
        losses.loss.backward()
        nn.utils.clip_grad_norm_(self.objective.parameters(), self.clip_norm)
        self.optimizer.step()
        self.ema.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.count += 1


def objective_of(config: dict[str, Any], model: Backbone, codec: MotionCodec) -> DiffusionObjective:
    return build_objective(
        model,
        codec,
        schedule_of(config),
        diffusion=config["diffusion"],
        lambdas=config["loss"],
        condition_drop=config["condition_drop"],
        seed=0,
    )


@torch.no_grad()
def losses_of_both(config: dict[str, Any], batch: int) -> tuple[float, float]:
    """The reference's loss and ours, of one step's draws and no dropout: what shows that both do the same work."""
    codec, data = data_of(config, batch)
    model = fresh_model(config).eval()
    objective = objective_of(config, model, codec)
    keys = list(range(batch))
    t = sample_timesteps(keys, FRAMES, objective.schedule.steps, 0.0, 0, 0)
    noise = normal_rows(keys, data["x"].shape[1:], 0, 0, "noise")
    heard = uniform_rows(keys, 0, 0, "condition-drop") >= config["condition_drop"]
    plain = plain_twin(model).eval()
    reference = PlainTraining(plain, codec, objective.schedule.alphas_cumprod, config["loss"])
    theirs = reference.loss(data["x"], data["condition"], t, noise, heard)
    return float(theirs), float(objective(data, torch.arange(batch), 0).loss)
