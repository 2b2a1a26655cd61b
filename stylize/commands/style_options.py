"""The options by which what is danced gets its styles."""

import argparse
from collections.abc import Sequence
from typing import Any

from stylize.paths import expanded


def add_styles(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--style",
        action="append",
        default=[],
        type=expanded,
        metavar="NAME[:STRENGTH]",
        help="dance in this style of `vimo style list`, from :0, none of it, over :1, as trained, to about :1.5; "
        "several mix",
    )
    parser.add_argument(
        "--timeline",
        default="",
        metavar="TEXT",
        help="styles one after another, in counts or seconds: '0-16 chaplin, 16-32 jackson:0.8 ramp 4, 20s-end waltz'; "
        "count 0 is the first count 1, ramp (default 1) how long the change around 16 takes",
    )


def styles_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """What was given of them, as settings have it."""
    return {"styles": tuple(arguments.style), "timeline": arguments.timeline}


def tell_styles(rows: Sequence[dict[str, Any]]) -> None:
    """Say in which styles it was danced, by the rows of a manifest."""
    for row in rows:
        course = row["strength_at_s"]
        told = f"{course[0][1]:g}"
        if len(course) > 1:
            told = ", ".join(f"{strength:g} at {second:g} s" for second, strength in course)
        print(f"style {row['name']}: {told}")
