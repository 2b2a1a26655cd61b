"""A dance interrupted in the middle, in a process of its own: nothing half-written, no process, no traceback."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("filming", [False, True])
def test_an_interrupted_dance(number, filming, tiny_bundle, song, tmp_path):
    out = tmp_path / "out"
    steps = "2" if filming else "100"
    command = [sys.executable, "-m", "stylize", "dance", song, "--bundle", tiny_bundle, "--out", out, "--steps", steps]
    command += ["--size=1920x1080"] if filming else ["--no-video", "--takes=100"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    awaited = ".writing-*/.writing-*.mp4" if filming else ".writing-*"
    end = time.monotonic() + 120
    while not list(out.glob(awaited)) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=60)
    gone, alive = psutil.wait_procs(children, timeout=20)
    assert not alive and len(gone) == len(children)
    assert "Traceback" not in said
    if number == signal.SIGKILL:
        assert not [path for path in out.iterdir() if not path.name.startswith(".writing-")]
    else:
        assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
        assert not out.exists()
