"""What a training step costs with pixels for a truth, beside one with motion: the same batch, taken in turns.

Reading the data is left out of both; keypoints and cameras are in the batch either way.
"""

import argparse
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import default_collate

from benchmarks.measure import Table, Timing, has_bfloat16, in_turns, machine, publish, ratio, spread
from core_vimo.codec import MotionCodec
from core_vimo.diffusion.objective import build_objective
from core_vimo.diffusion.schedule import build_schedule
from core_vimo.diffusion.supervision import against_keypoints, settings_2d
from core_vimo.losses_2d import Settings2D
from core_vimo.training.adan import Adan
from core_vimo.training.run import fresh, plain
from core_vimo.video_to_motion.filmed_windows import FilmedWindows
from core_vimo.video_to_motion.motion_set import MotionSet
from core_vimo.video_to_motion.network import ViMo, ViMoConfig
from stylize.configuration import compose

FRAMES = 150
KINDS = ("3d", "2d")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="motions: made by `vimo dataset motions`")
    parser.add_argument("--batch", type=int, default=16, help="windows a step (default 16)")
    parser.add_argument("--repeats", type=int, default=7, help="steps of each way (default 7)")


def run(arguments: argparse.Namespace) -> int:
    publish("supervision_cost", [compare(arguments.data, arguments.batch, arguments.repeats)], machine())
    return 0


def compare(data: Path, batch: int, repeats: int) -> Table:
    """Steps of the small ViMo in float32, and in bfloat16 where the processor has it."""
    motions = MotionSet(data)
    codec = MotionCodec.fit(motions.motions(), any_heading=True)
    windows = FilmedWindows(motions, codec, FRAMES, 15, 0, in_2d=Settings2D())
    shown = default_collate([windows[(9 * index % len(windows), index)] for index in range(batch)])
    halves = (False, True) if has_bfloat16() else (False,)
    ways = {f"{kind}, {'bfloat16' if half else 'float32'}": _step(kind, half, codec, shown)
            for half in halves for kind in KINDS}  # fmt: skip
    timings = in_turns(ways, repeats)
    rows = [_row(name, timing, timings[name.replace("2d", "3d")]) for name, timing in timings.items()]
    columns = ("supervision", "wall s a step", "CPU s a step", "times less than in 3D (wall / CPU)")
    notes = [f"The small ViMo, batches of {batch} x {FRAMES} frames, one view."]
    return Table("One training step by supervision", columns, rows, notes, timings)


def _row(name: str, timing: Timing, base: Timing) -> tuple[str, ...]:
    return name, spread(timing.wall_s), spread(timing.cpu_s), ratio(base, timing)


def _step(kind: str, half: bool, codec: MotionCodec, batch: dict[str, torch.Tensor]) -> Callable[[], object]:
    overrides = ["+experiment=vimo_small", f"supervision={kind}", f"data.frames={FRAMES}"]
    settings = plain(compose("vimo", [*overrides, "data.folder=none", "out=none"]))
    in_2d = settings_2d(settings["supervision"])
    objective = build_objective(
        fresh(lambda: ViMo(ViMoConfig(**settings["model"])), 0),
        codec,
        build_schedule(settings["diffusion"]["schedule"], settings["diffusion"]["steps"]),
        diffusion=settings["diffusion"],
        lambdas=settings["loss"],
        condition_drop=settings["condition_drop"],
        seed=0,
        run_steps=settings["trainer"]["steps"],
        compare=against_keypoints(codec, in_2d) if in_2d else None,
    )
    optimizer = Adan(objective.parameters(), lr=settings["trainer"]["lr"])
    samples = torch.arange(len(batch["x"]))

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16) if half else nullcontext():
            losses = objective(batch, samples, 0)
        losses.loss.backward()
        nn.utils.clip_grad_norm_(objective.parameters(), settings["trainer"]["clip_norm"])
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step
