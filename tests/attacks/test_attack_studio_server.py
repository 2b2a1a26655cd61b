"""The studio as it is served, attacked over the network by what no browser would send."""

import base64
import http.client
import io
import json
import os
import re
import socket
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

pytest.importorskip("nicegui", reason="the extra `studio` is not installed")

from stylize.studio.access import Access
from stylize.studio.project import Projects
from stylize.studio.storage import Storage

SERVE = "import sys; from pathlib import Path; from stylize.studio.app import serve; "
SERVE += "serve(int(sys.argv[1]), sys.argv[2], browser=False, data=Path(sys.argv[3]))"
ROOT = Path(__file__).resolve().parents[2]


def beep() -> bytes:
    """A second of a real song."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(range(1, 251)) * 64)
    return file.getvalue()


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


NAMES = [
    "../../../../etc/cron.d/evil.wav",
    "..\\..\\evil.exe",
    "a\r\nset-cookie: evil=1\0.wav",
    "<img src=x onerror=alert(1)>" * 99,
]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_names_are_labels_and_never_names_of_files(name, local):
    project = Projects(Storage(local.data)).create("mine")
    status, told, headers = local.asked(f"/upload/{project.id}/song", "POST", beep(), x_label=quote(name))
    assert status == 200 and "set-cookie" not in headers
    (media,) = project.read().media
    assert json.loads(told) == {"id": media.id} and not set("/\\\r\n\0") & set(media.label) and len(media.label) <= 120
    assert [path.name for path in (project.folder / "media").iterdir()] == [f"{media.id}.wav"]
    page = local.asked(f"/p/{project.id}")[1]
    assert b"<img src=x" not in page
    assert not [path for path in local.data.parent.rglob("*") if "evil" in path.name]


@pytest.mark.slow
def test_mislabelled_uploads_are_refused_in_a_sentence_and_leave_nothing(local):
    project = Projects(Storage(local.data)).create("mine")
    for kind, body in (("song", b"#EXTM3U\n/etc/passwd\n"), ("video", beep()), ("style", beep()), ("page", beep())):
        status, told, _ = local.asked(f"/upload/{project.id}/{kind}", "POST", body, x_label="song.mp3")
        sentence = json.loads(told)["error"]
        assert status == 400 and str(local.data) not in sentence and "Traceback" not in sentence, sentence
    assert project.read().media == () and list((local.data / "uploads").iterdir()) == []


@pytest.mark.slow
def test_people_with_the_token_reach_nothing_of_each_others(shared):
    access = Access.on("0.0.0.0", shared.port, (shared.data / "secret").read_text().strip())
    mine, theirs = ({"cookie": f"{access.cookie}={access.new_cookie()}"} for _ in range(2))
    person = access.person({access.cookie: mine["cookie"].partition("=")[2]})
    project = Projects(Storage(shared.data)).create("a secret piece", person)
    status, told, _ = shared.asked(f"/upload/{project.id}/song", "POST", beep(), **mine)
    assert status == 200
    song = f"/files/{project.id}/media/{json.loads(told)['id']}"
    assert shared.asked(song, **mine)[:2] == (200, beep())
    assert b"a secret piece" in shared.asked("/", **mine)[1]
    assert b"a secret piece" in shared.asked(f"/p/{project.id}", **mine)[1]
    assert shared.asked(song, **theirs)[0] == 400 and shared.asked(song)[0] == 403
    assert shared.asked(f"/upload/{project.id}/song", "POST", beep(), **theirs)[0] == 400
    for page in ("/", f"/p/{project.id}"):
        assert b"a secret piece" not in shared.asked(page, **theirs)[1]
    assert len(project.read().media) == 1


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
