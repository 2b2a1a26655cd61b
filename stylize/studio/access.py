"""Who may talk to the studio: this machine, or who has the token; never another site's page, never without bound."""

from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

LOCAL = "127.0.0.1"


@dataclass(frozen=True)
class Access:
    """Where the studio listens and what it asks for. token "" is only for this machine.

    hosts: names a browser may call it by in `Host` and `Origin`, beside its addresses.
    """

    host: str
    port: int
    token: str
    secret: str

    @classmethod
    def on(cls, host: str, port: int, secret: str) -> "Access":
        """Without a token on 127.0.0.1, localhost and ::1; with a new one anywhere else."""
        raise NotImplementedError

    def url(self) -> str:
        """What to open: with the token where there is one (it becomes a cookie, and leaves the address bar)."""
        raise NotImplementedError

    def person(self, cookies: dict[str, str]) -> str:
        """Whose projects a request may see: "" without a token (everything on this machine is its user's)."""
        raise NotImplementedError


class Guard:
    """ASGI middleware around everything, websockets too: `app.add_middleware(Guard, access=…, most_bytes=…)`.

    Refuses unknown `Host`s (rebinding), foreign `Origin`s, requests without the token, bodies over `most_bytes`.
    """

    def __init__(self, app: ASGIApp, access: Access, most_bytes: int) -> None:
        raise NotImplementedError

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise NotImplementedError
