"""A signal ends what runs, also where a library loses the exception it raises; tidying up is left in peace."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from stylize.orderly_end import OrderlyEnd


class Falling:
    """The signal comes while this is thrown away, where Python drops every exception."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


def in_del() -> None:
    Falling()


def in_a_callback_from_c() -> None:
    ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGTERM))()


def under_a_bare_except() -> None:
    with suppress(BaseException):
        signal.raise_signal(signal.SIGTERM)


LOSSES = [in_del, in_a_callback_from_c, under_a_bare_except]


@pytest.mark.parametrize("lose", LOSSES)
def test_a_lost_signal_is_raised_again_and_quietly(lose, capfd):
    went_on = []
    with pytest.raises(SystemExit) as ended, OrderlyEnd():
        lose()
        time.sleep(20)
        went_on.append("to the end")
    assert ended.value.code == 143 and not went_on
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("lose", LOSSES)
def test_what_a_library_makes_of_a_lost_signal_is_not_told(lose):
    with pytest.raises(SystemExit) as ended, OrderlyEnd():
        lose()
        raise RuntimeError("no compiled object yet")
    assert ended.value.code == 143


def test_who_ends_before_it_is_raised_again_ends_with_it_too():
    with pytest.raises(SystemExit) as ended, OrderlyEnd():
        in_del()
    assert ended.value.code == 143


def test_a_generator_may_tidy_up():
    tidied = []

    def numbers():
        try:
            yield 1
        finally:
            time.sleep(0.7)
            tidied.append("all")

    with pytest.raises(SystemExit), OrderlyEnd():
        for _ in numbers():
            signal.raise_signal(signal.SIGTERM)
    assert tidied == ["all"]


@pytest.mark.parametrize("number, error", [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_tidying_up_is_not_interrupted(number, error):
    tidied = []
    with pytest.raises(error), OrderlyEnd():
        try:
            signal.raise_signal(number)
        finally:
            try:
                raise OSError("in the way")
            except OSError:
                time.sleep(0.7)
            tidied.append("all")
    assert tidied == ["all"]


def test_other_errors_pass_and_the_handlers_are_those_of_before():
    hook, watched = sys.unraisablehook, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
    before = [signal.getsignal(number) for number in watched]
    with pytest.raises(RuntimeError), OrderlyEnd():
        raise RuntimeError
    assert [signal.getsignal(number) for number in watched] == before
    assert sys.unraisablehook is hook


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with OrderlyEnd():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_ctrl_c_inside_code_made_of_a_string_ends_with_130(tmp_path):
    """Else CPython, run as `python -m`, dies of the signal after all was tidied up."""
    (tmp_path / "interrupted.py").write_text(
        "import sys\n"
        "from argparse import Namespace\n"
        "from stylize import cli\n"
        "chosen = Namespace(run=lambda _: exec('raise KeyboardInterrupt'))\n"
        "cli.parser_of_all_commands = lambda: Namespace(parse_args=lambda _: chosen)\n"
        "sys.exit(cli.main([]))\n"
    )
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    command = [sys.executable, "-m", "interrupted"]
    ended = subprocess.run(command, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True)
    assert ended.returncode == 130 and "interrupted; nothing was left" in ended.stderr
