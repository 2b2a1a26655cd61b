"""Who may talk to the studio: this machine, or who has the token; never another site's page, never without bound.

A page of another site can make a browser send requests here, open websockets, which no same-origin policy stops, and
call this machine by a name of its own (DNS rebinding). What tells them is what no script can forge: `Host`, `Origin`
and `Sec-Fetch-Site`.
"""

import hashlib
import hmac
import ipaddress
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import itsdangerous
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL = "127.0.0.1"
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
_COOKIE_S = 30 * 24 * 3600
_SPARE_BYTES = 1 << 20
"""What a form takes beside the file in it."""

_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-security-policy": "frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
"""Of every answer: nothing is taken for what it isn't, framed, told of elsewhere or read elsewhere."""


@dataclass(frozen=True)
class Access:
    """Where the studio listens and what it asks for. token "" is only for this machine.

    The token is made of the data folder's secret, so a link that was sent goes on working after a restart.
    """

    host: str
    port: int
    token: str
    secret: str

    @classmethod
    def on(cls, host: str, port: int, secret: str) -> "Access":
        """Without a token on 127.0.0.1, localhost and ::1; with one anywhere else."""
        made = hmac.new(secret.encode(), b"token", hashlib.sha256).hexdigest()
        return cls(host, port, "" if host in _THIS_MACHINE else made, secret)

    @property
    def cookie(self) -> str:
        """Its name: cookies don't know ports, and there may be two studios on one machine."""
        return f"vimo-studio-{self.port}"

    def url(self) -> str:
        """What to open: with the token where there is one (it becomes a cookie, and leaves the address bar)."""
        host = _own_address() if self.host in ("0.0.0.0", "::", "") else self.host
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self.port}/" + (f"?token={self.token}" if self.token else "")

    def person(self, cookies: Mapping[str, str]) -> str:
        """Whose projects a request may see: "" without a token, since everything on this machine is its user's.

        With one it is who first came with this browser. Raises PermissionError for a request that has no business here.
        """
        if not self.token:
            return ""
        try:
            return self._signer().unsign(cookies.get(self.cookie, ""), max_age=_COOKIE_S).decode()
        except itsdangerous.BadData as error:
            raise PermissionError("the link with its token has to be opened first") from error

    def admits(self, token: str) -> bool:
        """Whether this is the token; takes as long for a nearly right one."""
        return bool(self.token) and hmac.compare_digest(token.encode("utf-8", "replace"), self.token.encode())

    def new_cookie(self) -> str:
        return self._signer().sign(secrets.token_hex(8)).decode()

    def _signer(self) -> itsdangerous.TimestampSigner:
        return itsdangerous.TimestampSigner(self.secret, salt="vimo-studio", digest_method=hashlib.sha256)


class Guard:
    """ASGI middleware around everything, websockets too: `app.add_middleware(Guard, access=…, most_bytes=…)`.

    Refuses unknown `Host`s, foreign `Origin`s, requests without the token, bodies over `most_bytes` or of no told
    length, and paths that climb.
    """

    def __init__(self, app: ASGIApp, access: Access, most_bytes: int) -> None:
        self._app, self._access, self._most_bytes = app, access, most_bytes + _SPARE_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _refuse(scope, receive, send, *refusal)
        elif self._known(headers):
            await self._app(scope, receive, _with_headers(send))
        else:
            await self._let_in(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """A status and a sentence for what is refused whoever asks."""
        if len(headers.getlist("host")) != 1 or not self._is_ours(headers["host"]):
            return 421, "the studio isn't known by this name; open the address that it printed"
        if _is_foreign(scope, headers):
            return 403, "another site's page may not talk to the studio"
        if ".." in scope["path"].split("/") or any(part in scope["path"] for part in ("\\", "\0")):
            return 400, "there is no such page"
        if scope["type"] == "http":
            return self._oversized(headers)
        return None

    def _is_ours(self, host: str) -> bool:
        """With a token a stranger's name gains nothing, as the browser keeps our cookie for our own."""
        return bool(self._access.token) or _name(host) in _THIS_MACHINE

    def _oversized(self, headers: Headers) -> tuple[int, str] | None:
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers:
            return 411, "an upload must tell its length"
        if not (length.isascii() and length.isdigit()):
            return 400, "an upload must tell its length"
        if len(length) > 18 or int(length) > self._most_bytes:
            return 413, f"larger than {self._most_bytes >> 20} MiB, the most that is taken; give a shorter file"
        return None

    def _known(self, headers: Headers) -> bool:
        try:
            self._access.person(_cookies(headers))
        except PermissionError:
            return False
        return True

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Who brings the token gets a cookie, and is sent to the same page without it."""
        query = parse_qsl(scope["query_string"].decode("latin-1"))
        brought = [value for name, value in query if name == "token"]
        if scope["type"] != "http" or scope["method"] != "GET" or not any(map(self._access.admits, brought)):
            await _refuse(scope, receive, send, 403, "open the link that the studio printed; it holds the token")
            return
        rest = urlencode([pair for pair in query if pair[0] != "token"])
        # One leading slash: `//elsewhere.org` would be another site.
        page = "/" + quote(scope["path"].lstrip("/"))
        answer = RedirectResponse(page + (f"?{rest}" if rest else ""), status_code=303)
        answer.set_cookie(
            self._access.cookie, self._access.new_cookie(), max_age=_COOKIE_S, httponly=True, samesite="lax"
        )
        await answer(scope, receive, _with_headers(send))


def _is_foreign(scope: Scope, headers: Headers) -> bool:
    """Whether a page of another origin asks. Following a link here is all that it may."""
    origin = headers.get("origin")
    if origin is not None and origin.lower().partition("://")[2] != headers["host"].lower():
        return True
    site = headers.get("sec-fetch-site", "none")
    followed = scope["type"] == "http" and scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"
    return site not in ("same-origin", "none") and not followed


def _name(host: str) -> str:
    """A `Host` without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _cookies(headers: Headers) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def _own_address() -> str:
    """The address that others in the network reach this machine by; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation, nobody's
            return str(ipaddress.ip_address(probe.getsockname()[0]))
        except (OSError, ValueError):
            return socket.gethostname()


def _with_headers(send: Send) -> Send:
    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return told


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, sentence: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": sentence})  # before it is accepted: a 403
        return
    answer = PlainTextResponse(sentence + "\n", status_code=status, headers={"connection": "close"})
    await answer(scope, receive, _with_headers(send))
