"""`vimo evaluate`: dances measured against real ones; motions of videos measured against true ones."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stylize.commands.kinds import add_kind

if TYPE_CHECKING:
    from core_vimo.metrics.measures import Measured
    from core_vimo.metrics.report import Report

HELP = "Measure dances, or a video-to-motion model: the field's metrics with intervals and the ground truth's row."
EXAMPLE = "vimo evaluate dances my_dances/ --reference real_dances/ --songs songs/ --out report.json"

_TABLE_WIDTH = 200
"""For output that isn't a terminal; rich would fold the tables into 80 columns."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(metavar="KIND", required=True)
    dances = add_kind(kinds, "dances", "A folder of dances against real ones.", EXAMPLE, measure=_dances)
    _add_dances(dances)
    motion = add_kind(
        kinds, "motion", "A video-to-motion model on held-out motions that casual cameras filmed.",
        "vimo evaluate motion data/motions --takes 4 --out report.md", measure=_motion,
    )  # fmt: skip
    _add_motion(motion)
    for kind in (dances, motion):
        kind.add_argument(
            "--out",
            type=Path,
            action="append",
            default=[],
            metavar="FILE",
            help="report.json, .csv or .md; may be repeated",
        )


def _add_dances(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dances", type=Path, metavar="DIR", help="folder of generated dances, searched through")
    what = "folder of motion files, or a data set made by `vimo dataset dances`"
    parser.add_argument(
        "--reference", type=Path, required=True, metavar="DIR", help=f"real dances: {what} (test split)"
    )
    parser.add_argument(
        "--songs", type=Path, metavar="DIR", help="songs named like the dances, for those whose folder has no manifest"
    )
    parser.add_argument(
        "--training", type=Path, metavar="DIR", help=f"what the model learned from, to tell copying: {what}"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap and of the ground truth's draws")


def _add_motion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data", type=Path, metavar="DIR", help="data set made by `vimo dataset motions`, some of it held out"
    )
    parser.add_argument("--bundle", type=Path, help="folder of another trained ViMo (default: the shipped one)")
    parser.add_argument("--lifter", type=Path, metavar="BUNDLE", help="a trained lifter to compare with")
    parser.add_argument(
        "--conditions",
        nargs="+",
        metavar="NAME",
        help="what films: static, moving, cut, missing (static, with 30 %% of the joints dropped); default: all four. "
        "Differences are from the first",
    )
    parser.add_argument("--takes", type=int, default=1, help="motions a window; of several the best is measured too")
    parser.add_argument("--steps", type=int, default=10, help="sampling steps (default 10)")
    parser.add_argument("--guidance", type=float, default=1.5, help="how much the video is heeded (default 1.5)")
    parser.add_argument("--windows", type=int, metavar="N", help="at most so many windows of 5 s (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="of the cameras, the motions and the bootstrap")


def run(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from core_vimo.metrics.tables import as_rich, require_report_suffix, write_report

    for path in arguments.out:
        require_report_suffix(path)
    measure: Callable[[argparse.Namespace], Report] = arguments.measure
    report = measure(arguments)
    for path in arguments.out:
        write_report(report, path)
    console = Console() if sys.stdout.isatty() else Console(width=_TABLE_WIDTH)
    console.print(*as_rich(report))
    return 0


def _dances(arguments: argparse.Namespace) -> "Report":
    from dataclasses import replace

    from rich.console import Console

    from core_vimo.metrics.report import summarise
    from stylize.measured_dances import SongBeats, measured_dances

    beats = SongBeats(arguments.songs)
    left_out: list[str] = []
    generated = measured_dances(arguments.dances, "test", beats, left_out)
    reference = measured_dances(arguments.reference, "test", beats, left_out)
    training: Sequence[Measured] = ()
    if arguments.training:
        training = measured_dances(arguments.training, "train", None, left_out)
    with Console(stderr=True).status("Comparing"):
        report = summarise(generated, reference, training, arguments.seed)
    return replace(report, notes=[*report.notes, *left_out, *beats.refused])


def _motion(arguments: argparse.Namespace) -> "Report":
    from core_vimo.video_to_motion.build import SHIPPED, load_lifter, load_vimo
    from core_vimo.video_to_motion.held_out import CONDITIONS
    from stylize.motion_evaluation import EvaluationSettings, evaluate_motion
    from stylize.progress import Progress

    settings = EvaluationSettings(
        tuple(arguments.conditions or CONDITIONS),
        takes=arguments.takes,
        steps=arguments.steps,
        guidance=arguments.guidance,
        windows=arguments.windows,
        seed=arguments.seed,
    )
    vimo = load_vimo(arguments.bundle or SHIPPED)
    lifter = load_lifter(arguments.lifter) if arguments.lifter else None
    with Progress() as progress:
        return evaluate_motion(arguments.data, vimo, lifter, settings, progress, as_shown=True)
