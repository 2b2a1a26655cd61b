"""The `vimo` command: finds the command's file, prints what went wrong in one sentence."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from core_vimo import __version__
from core_vimo.errors import InputError

COMMANDS = ("dance", "compose", "view", "render", "export", "evaluate", "dataset", "train", "bundle")

DESCRIPTION = """\
Dances from songs: generate them, look at them, take them to Blender, measure them, train your own.

  vimo dance song.mp3 --out my_dance      a dance for your song: MP4, GLB, BVH, NPZ and a count sheet
  vimo view my_dance/dance.npz            its facts and a picture
  vimo COMMAND --help                     what a command does, with an example
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0, 2 for bad input (one sentence on standard error), 130 when interrupted."""
    chosen = _parser().parse_args(arguments)
    try:
        return chosen.run(chosen)
    except InputError as error:
        print(f"vimo: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        # What readers and writers don't foresee: a full disk, a vanished network folder.
        where = f"{error.filename}: " if error.filename else ""
        print(f"vimo: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("vimo: interrupted; nothing was left half-written", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vimo", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"vimo {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        command = importlib.import_module(f"stylize.commands.{name}")
        sub = subparsers.add_parser(
            name,
            help=command.HELP,
            description=f"{command.HELP}\n\nexample:\n  {command.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
