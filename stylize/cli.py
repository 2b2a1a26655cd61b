"""The `vimo` command: finds the command's file, prints what went wrong in one sentence."""

import argparse
import importlib
import math
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TextIO

from core_vimo import __version__
from core_vimo.errors import InputError
from stylize.orderly_end import OrderlyEnd
from stylize.paths import expanded

COMMANDS = (
    "studio", "dance", "motion", "inbetween", "infill", "blend", "edit", "continue", "loop",
    "style", "compose", "view", "render", "export", "evaluate", "dataset", "train", "bundle",
)  # fmt: skip

DESCRIPTION = """\
Dances from songs, motions from videos: make them, look at them, take them to Blender, measure them, train your own.

  vimo dance song.mp3 --out my_dance      a dance for your song: MP4, GLB, BVH, NPZ and a count sheet
  vimo motion clip.mp4 --out my_motion    how the person in a video moves, in 3D: GLB, BVH, NPZ
  vimo blend a.bvh b.mp4 --transition 2s  one motion, a transition, another; see also edit, infill, continue, loop
  vimo view my_dance/dance.npz            its facts and a picture
  vimo COMMAND --help                     what a command does, with an example
"""

_OUR_MODULES = r"(core_vimo|edge_adapter|completion|stylize)\."
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_MOST_DIGITS = 100
_READER_LEFT = 128 + 13  # what a shell calls a process that SIGPIPE ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns 0, 2 for bad input (one sentence on standard error), 130 when interrupted. SIGTERM and a closed terminal
    clean up as Ctrl-C does and raise SystemExit with 128 + the signal.
    """
    _print_odd_names()
    with _quiet_libraries():
        try:
            with OrderlyEnd():
                chosen = parser_of_all_commands().parse_args(arguments)
                code = chosen.run(chosen)
                sys.stdout.flush()
                return code
        except InputError as error:
            return _refuse(str(error))
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _READER_LEFT
        except OSError as error:
            # What readers and writers don't foresee: a full disk, a vanished network folder.
            return _refuse(f"{error.filename or 'the system'}: {error.strerror or error}; check it and try again")
        except MemoryError:
            return _refuse("there is not enough memory for this; try a shorter excerpt or a smaller file")
        except KeyboardInterrupt:
            # One that passed through code made of a string, as libraries make dataclasses and kernels, is noted by
            # CPython, which under `python -m` then dies of the signal although it was caught. The next such code clears
            # the note.
            exec("")
            print("vimo: interrupted; nothing was left half-written", file=sys.stderr)
            return 130


def _refuse(sentence: str) -> int:
    print(f"vimo: {_one_line(sentence)}", file=sys.stderr)
    return 2


def _one_line(text: str) -> str:
    """Line breaks and terminal codes, which file names may hold, spelt out."""
    return _INVISIBLE.sub(lambda found: repr(found[0])[1:-1], text)


def _print_odd_names() -> None:
    """File names need not be text in any encoding; printing one must not fail."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Our own warnings as one line each; those of libraries speak to programmers and appear with `python -W` only."""
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
            warnings.filterwarnings("default", category=UserWarning, module=_OUR_MODULES)
            warnings.showwarning = _tell_warning
        yield


def _tell_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int,
    file: TextIO | None = None, line: str | None = None,
) -> None:  # fmt: skip
    print(f"vimo: {_one_line(str(message))}", file=sys.stderr)


class _Parser(argparse.ArgumentParser):
    """Numbers are finite, paths may begin with `~`, and a mistake is answered in one line."""

    _mixes = False

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.register("type", float, _number)
        self.register("type", int, _whole)
        self.register("type", Path, _path)

    def add_argument(self, *arguments: Any, **settings: Any) -> argparse.Action:
        action = super().add_argument(*arguments, **settings)
        self._mixes |= not action.option_strings and action.nargs == argparse.ZERO_OR_MORE
        return action

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As in the library, but that words of which there may be any number also stand on both sides of options."""
        if not self._mixes:
            return super().parse_known_args(args, namespace)
        self._mixes = False  # the library comes back here
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixes = True

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"vimo: {_one_line(message)}; see `{self.prog} --help`\n")


def _path(text: str) -> Path:
    if not text:  # what an unset shell variable leaves; Path would take it for the current folder
        raise argparse.ArgumentTypeError("a name is empty")
    return Path(expanded(text))


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"'{text:.40}' is not a number")
    return number


def _whole(text: str) -> int:
    if not re.fullmatch(r"\s*[+-]?[0-9]+\s*", text) or len(text) > _MOST_DIGITS:
        raise argparse.ArgumentTypeError(f"'{text:.40}' is not a whole number")
    return int(text)


def parser_of_all_commands() -> argparse.ArgumentParser:
    parser = _Parser(prog="vimo", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
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
        sub.set_defaults(run=command.run, command=name)
    return parser


if __name__ == "__main__":
    sys.exit(main())
