"""What the studio's tests share."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import unquote

from stylize.studio.jobs import Job, JobQueue


async def in_pieces(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.01)


def over(queue: JobQueue, job: Job, seconds: float = 60.0) -> Job:
    until(lambda: queue.job(job.id).over, seconds)
    return queue.job(job.id)


def asked(
    app: Any, target: str = "/", method: str = "GET", body: bytes = b"", host: str = "127.0.0.1:8080", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an app's answer, asked without a network. Underscores in names become dashes."""
    told: list[dict[str, Any]] = []
    given = {"host": host, **({"content-length": str(len(body))} if body else {}), **headers}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    asyncio.run(app(_scope("http", target, given) | {"method": method}, receive, send))
    answered = {name.decode(): value.decode() for name, value in told[0]["headers"]}
    return told[0]["status"], answered, b"".join(message.get("body", b"") for message in told[1:])


def connected(app: Any, target: str = "/ws", host: str = "127.0.0.1:8080", **headers: str) -> bool:
    """Whether an app accepts a websocket."""
    told: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        told.append(message["type"])

    scope = _scope("websocket", target, {"host": host, **headers}) | {"subprotocols": []}
    asyncio.run(app(scope, receive, send))
    return told[0] == "websocket.accept"


def _scope(kind: str, target: str, headers: dict[str, str]) -> dict[str, Any]:
    path, _, query = target.partition("?")
    pairs = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {
        "type": kind, "http_version": "1.1", "scheme": "http", "path": unquote(path), "raw_path": path.encode(),
        "query_string": query.encode(), "headers": pairs, "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 8080),
        "root_path": "", "asgi": {"version": "3.0"},
    }  # fmt: skip
