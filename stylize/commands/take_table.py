"""The takes that were made, as a table with the numbers they are ranked by, and their files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def print_takes(
    takes: Sequence[Mapping[str, Any]], headings: Mapping[str, str], ranked_by: Mapping[str, str], out: Path
) -> None:
    """`takes` as manifests have them, best first; `headings` and `ranked_by` by the names of their numbers."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    if len(takes) > 1:
        best = ", ".join(f"{way} {headings[name]}".replace("\n", " ") for name, way in ranked_by.items())
        print(f"best take first, by its ranks in {best}")
    # Headings in full, also where a terminal, or a file in its place, is 80 columns wide.
    table = Table("take", "seed", *(headings[name] for name in takes[0]["numbers"]), box=SIMPLE, padding=(0, 1, 0, 0))
    for place, take in enumerate(takes, start=1):
        numbers = ("–" if value is None else f"{value:g}" for value in take["numbers"].values())
        table.add_row(str(place), str(take["seed"]), *numbers)
    Console().print(table)
    for name in (name for take in takes for name in take["files"]):
        print(out / name)
