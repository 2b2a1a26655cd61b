"""`vimo bundle`: look at a trained model, or take EDGE's checkpoint in without running what is pickled in it."""

import argparse
from pathlib import Path

HELP = "Show a model bundle's card, or convert EDGE's published checkpoint into a bundle, safely."
EXAMPLE = "vimo bundle checkpoint.pt --out models/edge"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", nargs="?", type=Path, help="a bundle's folder, or EDGE's .pt (default: the shipped)")
    parser.add_argument("--out", type=Path, help="folder of the new bundle, for a .pt")
    parser.add_argument("--heads", type=int, help="attention heads, for a .pt not of EDGE's published size")


def run(arguments: argparse.Namespace) -> int:
    from core_vimo.bundle import Bundle, bundle_hash
    from core_vimo.errors import InputError
    from edge_adapter.build import SHIPPED
    from edge_adapter.edge_checkpoint import read_edge_checkpoint

    source: Path = arguments.source or SHIPPED
    if source.is_dir() or not source.exists():
        print(f"{Bundle.load(source).card}\nsha256 {bundle_hash(source)}\n{source}")
        return 0
    if arguments.out is None:
        raise InputError(f"{source}: to become a bundle it needs a place; give it with --out")
    read_edge_checkpoint(source, arguments.heads).bundle().save(arguments.out)
    print(arguments.out)
    return 0
