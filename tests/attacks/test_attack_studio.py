"""What strangers send to the studio: names that climb, files that lie about what they are, other sites' pages, forged
cookies, and projects that name each other's things."""

import asyncio
import io
import json
import pickle
import struct
import time
import wave
import zipfile
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

pytest.importorskip("starlette", reason="the extra `studio` is not installed")
pytest.importorskip("itsdangerous")

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from studio_toys import asked, connected, in_pieces

from core_vimo.errors import InputError
from stylize.studio.access import Access, Guard
from stylize.studio.contents import Contents, look
from stylize.studio.project import Projects
from stylize.studio.storage import Limits, Storage
from stylize.studio.tasks import Complete, Dance, Export, Listen, checked, task_of

SECRET = "s" * 43
LOCAL, SHARED = Access.on("127.0.0.1", 8080, SECRET), Access.on("0.0.0.0", 8080, SECRET)


def guarded(access: Access) -> tuple[Guard, list[str]]:
    """An app that notes what reached it."""
    reached: list[str] = []

    async def page(request):
        reached.append(request.url.path)
        return PlainTextResponse("in")

    async def socket(websocket):
        reached.append("socket")
        await websocket.accept()

    routes = [WebSocketRoute("/ws", socket), Route("/{rest:path}", page, methods=["GET", "POST", "PUT", "DELETE"])]
    return Guard(Starlette(routes=routes), access, 1 << 20), reached


FOREIGN = ["http://evil.org", "https://127.0.0.1.evil.org", "null", "http://127.0.0.1:9999", "http://localhost:8080",
           "http://127.0.0.1:8080.evil.org", "http://[", "", "file://", "http://user@127.0.0.1:8080"]  # fmt: skip


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("access", [LOCAL, SHARED])
def test_pages_of_other_sites_reach_nothing(origin, access):
    app, reached = guarded(access)
    cookie = f"{access.cookie}={access.new_cookie()}"
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
        assert asked(app, "/project", method, origin=origin, cookie=cookie)[0] == 403
    assert not connected(app, origin=origin, cookie=cookie)
    assert reached == []


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_sites_may_follow_a_link_here_and_no_more(site):
    app, reached = guarded(LOCAL)
    for mode in ("no-cors", "cors", "websocket"):
        assert asked(app, "/media/song", sec_fetch_site=site, sec_fetch_mode=mode)[0] == 403
    assert asked(app, "/project", "POST", sec_fetch_site=site, sec_fetch_mode="navigate")[0] == 403
    assert not connected(app, sec_fetch_site=site, sec_fetch_mode="websocket")
    assert reached == []
    assert asked(app, "/", sec_fetch_site=site, sec_fetch_mode="navigate")[0] == 200


@pytest.mark.parametrize("host", ["evil.org", "evil.org:8080", "127.0.0.1.evil.org", "localhost.evil.org", "", "[", "0",
                                  "127.0.0.1@evil.org", "evil.org#127.0.0.1", "192.168.1.7"])  # fmt: skip
def test_rebound_names_of_this_machine_are_refused(host):
    app, reached = guarded(LOCAL)
    assert asked(app, host=host)[0] == 421 and not connected(app, host=host, origin=f"http://{host}")
    assert reached == []


def test_two_hosts_are_refused():
    app, reached = guarded(LOCAL)
    pairs = [(b"host", b"127.0.0.1"), (b"host", b"evil.org")]
    told = []

    async def send(message):
        told.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": pairs}
    asyncio.run(app(scope, None, send))
    assert told[0]["status"] == 421 and reached == []


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "0" * 64,
        SHARED.token[:-1],
        SHARED.token + "0",
        SHARED.token.upper() + " ",
        "\u00e9" * 64,
        "%00",
        "%ff%fe",
    ],
)
def test_tokens_that_are_not_the_token(token):
    app, reached = guarded(SHARED)
    assert asked(app, f"/?token={token}", host="10.0.0.5")[0] == 403
    assert asked(app, f"/?token={SHARED.token}", "POST", host="10.0.0.5")[0] == 403
    assert not connected(app, f"/ws?token={SHARED.token}", host="10.0.0.5", origin="http://10.0.0.5")
    assert not SHARED.admits(token) and not LOCAL.admits("") and reached == []


@pytest.mark.parametrize(
    "cookie",
    [
        "", "x", SHARED.token, "a.b.c", SHARED.new_cookie()[:-1], "0" + SHARED.new_cookie(),
        Access.on("0.0.0.0", 8080, "t" * 43).new_cookie(), "\x00", "é",
    ],
    ids=range(9),
)  # fmt: skip
def test_forged_cookies(cookie):
    app, reached = guarded(SHARED)
    pair = f"{SHARED.cookie}={cookie}"
    assert asked(app, host="10.0.0.5", cookie=pair)[0] == 403
    assert not connected(app, host="10.0.0.5", origin="http://10.0.0.5", cookie=pair)
    assert reached == []


def test_old_cookies_end(monkeypatch):
    app, _ = guarded(SHARED)
    pair = f"{SHARED.cookie}={SHARED.new_cookie()}"
    now = time.time()
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + 31 * 24 * 3600)
    assert asked(app, host="10.0.0.5", cookie=pair)[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "/../secret",
        "/media/../../secret",
        "/media/%2e%2e/secret",
        "/..%2fsecret",
        "/a\\..\\secret",
        "/a%5c..%5cb",
        "/a%00b",
    ],
)
def test_paths_that_climb(path):
    app, reached = guarded(LOCAL)
    assert asked(app, path)[0] == 400 and reached == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-length": str(3 << 20)}, 413), ({"content-length": "9" * 30}, 413), ({"content-length": "-1"}, 400),
        ({"content-length": "1e3"}, 400), ({"content-length": "٣"}, 400), ({"transfer-encoding": "chunked"}, 411),
    ],
)  # fmt: skip
def test_bodies_without_bounds_are_refused_before_they_are_read(headers, status):
    app, reached = guarded(LOCAL)
    headers = {name.replace("-", "_"): value.encode().decode("latin-1") for name, value in headers.items()}
    assert asked(app, "/upload", "POST", **headers)[0] == status and reached == []


# --- uploads


@pytest.fixture
def storage(tmp_path) -> Storage:
    return Storage(tmp_path / "data")


def upload(storage: Storage, kind: str, data: bytes, label: str = "song.mp3"):
    return asyncio.run(storage.receive(kind, label, in_pieces(data, 1 << 16)))


def refused(storage: Storage, kind: str, data: bytes, label: str = "song.mp3") -> str:
    """The sentence; nothing may be left, and nothing written anywhere else."""
    with pytest.raises(InputError) as error:
        upload(storage, kind, data, label)
    assert list(storage.uploads.iterdir()) == [] and ".writing-" not in str(error.value)
    return str(error.value)


def sound(seconds: float = 1.0) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(2 * round(8000 * seconds)))
    return file.getvalue()


NAMES = ["../../../etc/passwd", "/etc/passwd", "..\\..\\boot.ini", "C:\\x.wav", "a\0b.wav", "CON", "x" * 5000, ".",
         "..", "", "\u202egpj.exe", "<script>alert(1)</script>.wav", "$(reboot).wav", "-rf", "a\nb.wav",
         "\ud800.wav"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_hostile_file_names_are_labels_and_never_paths(name, storage, tmp_path, monkeypatch):
    monkeypatch.setattr("stylize.studio.storage.inspect", lambda *_about: Contents(".wav"))  # has tests of its own
    monkeypatch.chdir(tmp_path)
    media = upload(storage, "song", sound(), name)
    project = Projects(storage).create(name)
    project.adopt(media)
    assert project.media_path(media.id).parent == project.folder / "media"
    assert project.media_path(media.id).name == f"{media.id}.wav"
    assert project.read().name and len(media.label) <= 120 and media.label.isprintable()
    assert {path.name for path in tmp_path.iterdir()} == {"data"}
    assert all(path.is_relative_to(storage.root) for path in tmp_path.rglob("*") if path.is_file())


def silent_film(path: Path, frames: int = 3, rate: int = 25) -> bytes:
    with av.open(str(path), "w") as film:
        stream = film.add_stream("mpeg4", rate=rate)
        stream.width = stream.height = 64
        for _ in range(frames):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        film.mux(stream.encode())
    return path.read_bytes()


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("../../../evil.py", "import os")
    return file.getvalue()


class Bomb:
    def __reduce__(self):
        return (Path("/tmp/vimo-attack-ran").touch, ())


MISLABELLED = {
    "text": b"no song at all\n" * 100, "html": b"<html><script>alert(1)</script></html>", "zeros": bytes(10_000),
    "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "concat": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio 1 RTP/AVP 0\n",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "elf": b"\x7fELF" + bytes(100), "zip": archive(), "pickle": pickle.dumps(Bomb()),
}  # fmt: skip


@pytest.mark.parametrize("content", MISLABELLED)
def test_mislabelled_songs_are_refused_by_their_content(content, storage):
    assert "song.mp3" in refused(storage, "song", MISLABELLED[content])


@pytest.mark.parametrize("content", ["text", "playlist", "concat", "svg"])
def test_mislabelled_videos_are_refused_by_their_content(content, storage):
    assert "song.mp3" in refused(storage, "video", MISLABELLED[content])


@pytest.mark.parametrize("content", ["pickle", "zip"])
def test_mislabelled_motions_are_refused_and_run_nothing(content, tmp_path):
    """What the process that looks into uploads calls, here without the half minute in which it loads torch."""
    (tmp_path / "dance.pkl").write_bytes(MISLABELLED[content])
    with pytest.raises(InputError, match=r"dance\.pkl"):
        look("motion", tmp_path / "dance.pkl", None)
    assert not Path("/tmp/vimo-attack-ran").exists()


def test_media_of_the_other_kind_are_refused(storage, tmp_path):
    assert "no sound" in refused(storage, "song", silent_film(tmp_path / "film.mp4"))
    assert "song.mp3" in refused(storage, "video", sound())
    assert "style" in refused(storage, "style", sound())
    assert "nothing that can be uploaded" in refused(storage, "../song", sound())


def test_what_lasts_too_long_is_refused_by_its_packets_whatever_its_header_says(tmp_path):
    storage = Storage(tmp_path / "data", Limits(song_s=60, video_s=1))
    long = bytearray(sound(61))
    assert "1 minutes" in refused(storage, "song", bytes(long))
    assert "longer than" in refused(storage, "video", silent_film(tmp_path / "film.mp4", 50))
    long[40:44] = struct.pack("<I", 16000)  # the header says one second
    taken = upload(storage, "song", bytes(long))
    assert taken.facts["seconds"] <= 60


def test_pictures_of_absurd_size_are_refused(storage):
    head = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", 100_000, 100_000) + b"\x08\x02\x00\x00\x00"
    refused(storage, "video", head + bytes(100))


@pytest.mark.parametrize("cut", [10, 50, 300])
def test_broken_media_end_in_a_sentence(cut, storage, tmp_path):
    whole = silent_film(tmp_path / "film.mp4", 30)
    refused(storage, "video", whole[:cut])
    refused(storage, "video", bytes(reversed(whole)))


# --- projects and tasks


IDS = ["", "../../../etc", "..", "/etc/passwd", "0" * 15, "0" * 17, "0" * 15 + "G", "0" * 16 + "\n", "0" * 16 + "/..",
       "%2e%2e", "con", "\0" * 16]  # fmt: skip


@pytest.mark.parametrize("id", IDS)
def test_ids_that_are_none_lead_nowhere(id, storage):
    projects = Projects(storage)
    project = projects.create("mine")
    (storage.root / "project.json").write_text((project.folder / "project.json").read_text())
    for use in (
        projects.open, projects.remove, storage.upload, storage.discard, project.media_path, project.take_path,
        project.export_path, project.listened,
    ):  # fmt: skip
        with pytest.raises(InputError):
            use(id)
    assert project.read().name == "mine"


@pytest.mark.parametrize("suffix", ["", ".py", "/../../project.json", ".json", "\0"])
def test_take_files_have_known_suffixes(suffix, storage):
    project = Projects(storage).create("mine")
    with pytest.raises(InputError):
        project.take_path("0" * 16 + "-take1", suffix)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("dance", {"takes": "4"}), ("dance", {"takes": 4.5}), ("dance", {"takes": True}),
        ("dance", {"song": "/etc/passwd"}),
        ("dance", {"guidance": float("nan")}), ("dance", []), ("dance", None),
        ("complete", {"edit": "regenerate", "sources": "abc"}), ("complete", {"edit": "os.system", "sources": ["x"]}),
        ("export", {"take": "x", "format": "../x"}), ("export", {"take": "x", "format": "mp4", "size": [1]}),
        ("style train", {"name": "x", "overrides": ["_target_=os.system"]}), ("listen", {"media": ["x"]}),
        ("__import__", {}), ("", {}), ("remake", {"take": "x", "at_s": ["a"]}),
        ("complete", {"sources": ["x" * (1 << 20)]}),
    ],
)  # fmt: skip
def test_tasks_of_wrong_shape_are_refused(kind, settings):
    with pytest.raises(InputError):
        task_of(kind, settings)


def test_tasks_name_only_what_is_in_the_project(storage):
    projects = Projects(storage)
    mine, theirs = projects.create("mine"), projects.create("theirs")
    song = theirs.adopt(upload(storage, "song", sound()))
    theirs.change("song", lambda state: replace(state, song=song.id))
    for task in (
        Dance(), Listen(song.id), Listen("../../x"), Export("../x", "npz"), Complete("loop", (song.id,), length="1s"),
        Complete("loop", ("/etc/passwd-take1",), length="1s"), Complete("regenerate", (), span="1s:2s", like="../x"),
    ):  # fmt: skip
        with pytest.raises(InputError):
            checked(task, mine.read())
    assert checked(Listen(song.id), theirs.read()) == Listen(song.id)


def test_a_project_with_links_out_of_itself_gives_nothing_away(storage, tmp_path):
    project = Projects(storage).create("mine")
    media = project.adopt(upload(storage, "song", sound()))
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("precious")
    (project.folder / "takes").mkdir()
    (project.folder / "takes" / ("0" * 16)).symlink_to(tmp_path / "precious")
    project.tidy()
    Projects(storage).remove(project.id)
    assert (tmp_path / "precious" / "file").read_text() == "precious" and media.id


def test_the_page_of_projects_survives_any_project(storage):
    projects = Projects(storage)
    good = projects.create("good")
    for text in ("", "[]", "[" * 100_000, '{"format": 1}', json.dumps({"format": 1, "name": None})):
        folder = projects.create("bad").folder
        (folder / "project.json").write_text(text)
    assert [card.id for card in projects.cards()] == [good.id]
