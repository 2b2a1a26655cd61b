"""`python -m benchmarks.supervision WHAT`: learning from 2D: is its loss that of 3D, and what is learned by it?"""

import argparse
import sys

from benchmarks.supervision import compare, cost, drawn, equivalence, style
from core_vimo.errors import InputError

PARTS = {"equivalence": equivalence, "cost": cost, "compare": compare, "drawn": drawn, "style": style}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.supervision", description=__doc__)
    kinds = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    for name, part in PARTS.items():
        told = (part.__doc__ or "").strip()
        part.add_arguments(kinds.add_parser(name, help=told.splitlines()[0], description=told))
    arguments = parser.parse_args()
    try:
        return PARTS[arguments.what].run(arguments)
    except InputError as error:
        print(f"benchmarks.supervision: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
