"""The door: who gets in, with what, and what every answer says."""

import asyncio
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from studio_toys import asked, connected

from stylize.studio.access import Access, Guard

SECRET = "s" * 43
LOCAL = Access.on("127.0.0.1", 8080, SECRET)
SHARED = Access.on("0.0.0.0", 8080, SECRET)
MOST = 10 << 20


async def page(request):
    return PlainTextResponse(f"{request.url.path} {len(await request.body())}")


async def socket(websocket):
    await websocket.accept()
    await websocket.send_text("hello")


def studio(access: Access) -> Guard:
    routes = [Route("/{rest:path}", page, methods=["GET", "POST"]), WebSocketRoute("/ws", socket)]
    return Guard(Starlette(routes=routes), access, MOST)


def test_this_machine_needs_no_token_and_other_addresses_do():
    assert [Access.on(host, 1, SECRET).token for host in ("127.0.0.1", "localhost", "::1")] == [""] * 3
    assert len(SHARED.token) == 64 and SHARED.token == Access.on("192.168.1.7", 1, SECRET).token
    assert Access.on("0.0.0.0", 1, "t" * 43).token != SHARED.token
    assert LOCAL.url() == "http://127.0.0.1:8080/" and SHARED.token in SHARED.url()
    assert Access.on("::", 8080, SECRET).url().count("0.0.0.0") == 0


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:8080", "127.0.0.1:9999"])
def test_this_machine_is_let_in_by_its_names_and_through_forwarded_ports(host):
    status, headers, body = asked(studio(LOCAL), host=host)
    assert (status, body) == (200, b"/ 0")
    assert headers["x-frame-options"] == "DENY" and headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert connected(studio(LOCAL), host=host, origin=f"http://{host}")


def test_the_token_becomes_a_cookie_and_leaves_the_address_bar():
    app = studio(SHARED)
    assert asked(app, host="192.168.1.7:8080")[0] == 403
    status, headers, _ = asked(app, f"/project?x=1&token={SHARED.token}", host="192.168.1.7:8080")
    assert status == 303 and headers["location"] == "/project?x=1"
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and SHARED.token not in cookie
    pair = cookie.split(";")[0]
    assert asked(app, "/project", host="192.168.1.7:8080", cookie=pair)[0] == 200
    assert connected(app, host="192.168.1.7:8080", origin="http://192.168.1.7:8080", cookie=pair)


def test_a_cookie_goes_on_working_after_a_restart_and_tells_people_apart():
    one, other = SHARED.new_cookie(), SHARED.new_cookie()
    again = Access.on("0.0.0.0", 8080, SECRET)
    people = {again.person({again.cookie: cookie}) for cookie in (one, other)}
    assert len(people) == 2 and again.person({again.cookie: one}) in people
    assert LOCAL.person({}) == ""


def test_what_a_link_leads_to_is_always_this_studio():
    for path in ("//evil.org/", "///evil.org", "/%2F/evil.org"):
        status, headers, _ = asked(studio(SHARED), f"{path}?token={SHARED.token}", host="192.168.1.7")
        assert status == 303 and urlsplit(headers["location"]).netloc == ""
        assert not headers["location"].startswith("//")


def test_uploads_up_to_the_limit_come_through():
    status, _, body = asked(studio(LOCAL), method="POST", body=bytes(1000))
    assert (status, body) == (200, b"/ 1000")


def test_what_is_neither_http_nor_websocket_passes():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    asyncio.run(Guard(app, SHARED, MOST)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]
