"""The studio as it is served, attacked over the network by what no browser would send."""

import base64
import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

pytest.importorskip("nicegui", reason="the extra `studio` is not installed")

SERVE = "import sys; from pathlib import Path; from stylize.studio.app import serve; "
SERVE += "serve(int(sys.argv[1]), sys.argv[2], browser=False, data=Path(sys.argv[3]))"
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Served:
    port: int
    url: str
    data: Path
    process: psutil.Process

    def asked(
        self, path: str, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(method, path, skip_host="host" in headers)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        if body is not None and "content_length" not in headers:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        told = answer.read(1 << 20)
        connection.close()
        return answer.status, told, dict(answer.getheaders())

    def handshake(self, origin: str, cookie: str = "") -> int:
        """The status of a websocket's."""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            "GET /_nicegui_ws/socket.io/?EIO=4&transport=websocket HTTP/1.1", f"Host: 127.0.0.1:{self.port}",
            "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
            f"Origin: {origin}", *([f"Cookie: {cookie}"] if cookie else []), "", "",
        ]  # fmt: skip
        with socket.create_connection(("127.0.0.1", self.port), 30) as line:
            line.sendall("\r\n".join(lines).encode())
            return int(line.recv(100).split()[1])


def served(folder: Path, host: str) -> Iterator[Served]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", SERVE, str(port), host, str(folder)]
    # NiceGUI takes a process with this variable for one of its own tests.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "NICEGUI_"))}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        url = re.search(r"http\S+", process.stdout.readline())
        assert url, "the studio did not start"
        end = time.monotonic() + 120
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.1)
        yield Served(port, url[0], folder, psutil.Process(process.pid))
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture(scope="module")
def local(tmp_path_factory) -> Iterator[Served]:
    yield from served(tmp_path_factory.mktemp("local") / "data", "127.0.0.1")


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Iterator[Served]:
    yield from served(tmp_path_factory.mktemp("shared") / "data", "0.0.0.0")


@pytest.mark.slow
def test_this_machine_alone_is_listened_to_and_let_in(local):
    listening = [c for c in local.process.net_connections() if c.status == psutil.CONN_LISTEN]
    assert [connection.laddr.ip for connection in listening] == ["127.0.0.1"]
    assert local.asked("/")[0] == 200
    assert local.handshake(f"http://127.0.0.1:{local.port}") == 101


@pytest.mark.slow
@pytest.mark.parametrize("origin", ["http://evil.org", "null", "http://127.0.0.1:1", "http://localhost:8080"])
def test_other_sites_open_no_websocket_and_send_nothing(origin, local):
    assert local.handshake(origin) == 403
    assert local.asked("/", origin=origin)[0] == 403
    assert local.asked("/upload/0000000000000000/song", "POST", b"x", origin=origin)[0] == 403
    assert local.asked("/_nicegui_ws/socket.io/?EIO=4&transport=polling", origin=origin)[0] == 403


@pytest.mark.slow
def test_rebound_names(local):
    assert local.asked("/", host=f"evil.org:{local.port}")[0] == 421


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd", "/files/../../../etc/passwd", "/files/%2e%2e/%2e%2e/secret",
        "/files/0000000000000000/media/..%2f..%2f..%2fsecret", "/_nicegui/3.18.0/components/../../../secret",
        "/_nicegui/3.18.0/static/..%2f..%2f..%2f..%2fetc%2fpasswd", "/files/..%5c..%5csecret/media/x",
        "/files/%00/media/x", "//etc/passwd", "/files/0000000000000000/exports/%2fetc",
        "/files/styles/..%2fx/windows/0",
    ],
)  # fmt: skip
def test_traversal(path, local):
    secret = (local.data / "secret").read_bytes().strip()
    status, told, _ = local.asked(path)
    assert status in (400, 404, 422, 307, 200) and secret not in told and b"root:" not in told


@pytest.mark.slow
def test_uploads_are_bounded_before_they_are_sent(local):
    target = "/upload/0000000000000000/song"
    assert local.asked(target, "POST", b"", content_length=str(5 << 30))[0] == 413
    assert local.asked(target, "POST", b"0\r\n\r\n", transfer_encoding="chunked", content_length="0")[0] in (400, 411)
    assert local.asked(target, "POST", b"x" * 100)[0] in (400, 404)
    assert list((local.data / "uploads").iterdir()) == []


@pytest.mark.slow
def test_elsewhere_only_with_the_token(shared):
    host = f"127.0.0.1:{shared.port}"
    query = shared.url.partition("?")[2]
    assert re.fullmatch(r"token=[0-9a-f]{64}", query)
    for path in ("/", "/?token=", f"/?token={'0' * 64}", "/files/body", "/_nicegui/3.18.0/static/vue.global.prod.js"):
        assert shared.asked(path)[0] == 403
    assert shared.handshake(f"http://{host}") == 403
    status, _, headers = shared.asked(f"/?{query}")
    assert status == 303 and "token" not in headers["location"]
    cookie = headers["set-cookie"].partition(";")[0]
    assert shared.asked("/", cookie=cookie)[0] == 200
    assert shared.handshake(f"http://{host}", cookie) == 101
    assert shared.handshake("http://evil.org", cookie) == 403
