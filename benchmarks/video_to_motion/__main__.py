"""`python -m benchmarks.video_to_motion`: train every variant with every seed, measure, write ablations.json and .md.

A run that is done is not made again: stopped, the same command goes on.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.trained_run import make_all, publish_tables, results_of
from benchmarks.video_to_motion.item import CONDITIONS, Item, Plan, add_plan, plan_of
from benchmarks.video_to_motion.summary import tables
from benchmarks.video_to_motion.variants import VARIANTS


def main() -> int:
    arguments = _parser().parse_args()
    plan = plan_of(arguments)
    items = [Item(plan, variant, seed) for seed in range(arguments.seeds) for variant in arguments.variants]
    failed = make_all([item.run for item in items], arguments.jobs)
    _summarise(items, plan)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.video_to_motion", description=__doc__)
    add_plan(parser)
    parser.add_argument("--variants", nargs="+", choices=tuple(VARIANTS), default=list(VARIANTS), metavar="VARIANT")
    parser.add_argument("--seeds", type=int, default=3, help="runs a variant (default 3)")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, a core each (default 2)")
    return parser


def _summarise(items: Sequence[Item], plan: Plan) -> None:
    """Print and write what is there."""
    results = results_of((item.variant, item.run) for item in items)
    shared = {k: v for k, v in asdict(plan).items() if not isinstance(v, Path)}  # nobody's folders
    made = tables(results, CONDITIONS)
    publish_tables(plan.out / "ablations", "benchmarks.video_to_motion", shared, made, results)


if __name__ == "__main__":
    sys.exit(main())
