"""Commands of a command, such as `vimo style train`: each says what it does and shows an example."""

import argparse
from typing import Any


def add_kind(kinds: Any, name: str, what: str, example: str, **defaults: object) -> argparse.ArgumentParser:
    """A parser among `kinds`, of `ArgumentParser.add_subparsers`; `defaults` are what its namespace holds besides."""
    parser: argparse.ArgumentParser = kinds.add_parser(
        name,
        help=what,
        description=f"{what}\n\nexample:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(**defaults)
    return parser
