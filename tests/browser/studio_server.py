"""The studio as a process of its own, to be opened, killed and started again."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_SUITE = Path(__file__).parents[2]
_PATIENCE_S = 120


class Server:
    """A studio of its own in a data folder of its own, which can be killed and started again at the same address.

    toy: a take for jobs that need no model (toy_studio.py), in place of the real ones.
    """

    def __init__(self, data: Path, host: str = "127.0.0.1", toy: Path | None = None) -> None:
        self.data, self.host, self.toy = data, host, toy
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.printed = data / "printed"

    def start(self) -> None:
        # NiceGUI serves otherwise where it finds itself in a test.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        places = {"VIMO_HOME": str(self.data), "VIMO_STYLES": str(self.data / "styles"), "PYTHONPATH": str(_SUITE)}
        real = ["-m", "stylize", "studio", "--port", str(self.port), "--host", self.host, "--no-browser"]
        toy = [Path(__file__).with_name("toy_studio.py"), "serve", str(self.port), self.host, self.toy]
        command = [sys.executable, *map(str, real if self.toy is None else toy)]
        with self.printed.open("w") as printed:
            self.process = subprocess.Popen(command, cwd=self.data, env=kept | places, stdout=printed)
        self._wait_until_served()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def token(self) -> str:
        return re.findall(r"token=(\w+)", self.printed.read_text())[0]

    def jobs(self) -> list[dict[str, Any]]:
        """As they are noted on the disk, in order."""
        noted = [json.loads(path.read_text()) for path in (self.data / "jobs").glob("*.json")]
        return sorted(noted, key=lambda job: job["created"])

    def _wait_until_served(self) -> None:
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                urllib.request.urlopen(self.address, timeout=30).close()
                return
            except urllib.error.HTTPError:  # it asks for its token
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < until, "the studio did not start"
                time.sleep(0.3)


def served(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.stop()
