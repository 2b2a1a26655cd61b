"""`python -m benchmarks [SUBJECT ...]`: measure, print the tables, keep them in build/benchmarks/."""

import argparse
import importlib

from benchmarks.measure import machine, publish

SUBJECTS = ("features", "training_step", "sampling", "video", "rendering")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"of {', '.join(SUBJECTS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="minutes on one core: fewer repeats, shorter pieces")
    arguments = parser.parse_args()
    chosen = arguments.subjects or SUBJECTS
    unknown = sorted(set(chosen) - set(SUBJECTS))
    if unknown:
        parser.error(f"no subject is called {', '.join(unknown)}; take of {', '.join(SUBJECTS)}")
    facts = machine()
    print("\n".join(f"{name}: {value}" for name, value in facts.items()))
    for subject in chosen:
        tables = importlib.import_module(f"benchmarks.{subject}").run(arguments.quick)
        publish(subject, tables, facts)


if __name__ == "__main__":
    main()
