"""What browsers fetch and send, without a browser: everything by ids of the project of who asks."""

import json
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import unquote

import numpy as np
import pytest
import torch

pytest.importorskip("nicegui", reason="nicegui is not installed: pip install '.[studio]'")

from fastapi import FastAPI
from fastapi.testclient import TestClient
from studio_toys import over

from core_vimo.errors import InputError
from edge_adapter.beats import BeatGrid
from stylize.studio.access import Access
from stylize.studio.files import add_files
from stylize.studio.page.session import Session, Studio
from stylize.studio.page.song import part_of
from stylize.studio.page.styles import _in_words, _with_passage, lane
from stylize.studio.page.takes import _newest_first, compare, pin, show_take
from stylize.studio.project import Take
from stylize.studio.tasks import Dance
from stylize.style_timeline import Styling


@pytest.fixture
def studio(storage, projects, queue):
    return Studio(storage, projects, queue, Access.on("127.0.0.1", 8080, storage.secret()))


@pytest.fixture
def client(studio):
    app = FastAPI()
    add_files(app, studio)
    return TestClient(app)


def heard(project, beats=32):
    """A song at 120, of which a worker would have told this."""
    grid = {
        "beats_s": [0.5 * beat for beat in range(beats)],
        "counts": [beat % 8 + 1 for beat in range(beats)],
        "tempo_bpm": 120.0,
        "beats_per_bar": 4,
        "confidence": 0.9,
    }
    path = project.listened_path(project.read().state.song)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"seconds": 16.0, "peaks": [0.5], "as heard": grid, "half": grid, "double": grid}))
    return project


def test_the_body_is_there_for_every_page(client):
    assert len(client.get("/files/body").content) > 100_000


@pytest.mark.parametrize(
    "path",
    [
        "/files/0123456789abcdef/clips/x",
        "/files/{id}/clips/0123456789abcdef-dance",
        "/files/{id}/media/project.json",
        "/files/{id}/exports/0123456789abcdef",
        "/files/{id}/poses/..%2f..%2fproject.json",
        "/files/styles/nobody/windows/0",
    ],
)
def test_what_is_not_there_is_a_sentence_and_no_file(client, with_song, path):
    answer = client.get(path.format(id=with_song().id))
    assert answer.status_code in (400, 404)
    assert answer.status_code == 404 or answer.json()["error"]


@pytest.mark.parametrize("clips", [None, "{}"])
def test_a_style_without_clips_and_one_whose_clips_are_damaged_tell_no_path(clips, client, tmp_path, monkeypatch):
    monkeypatch.setenv("VIMO_STYLES", str(tmp_path / "styles"))
    folder = tmp_path / "styles" / "waltz"
    folder.mkdir(parents=True)
    (folder / "style.yaml").write_text("name: waltz")
    (folder / "branch.safetensors").write_bytes(b"")
    if clips is not None:
        (folder / "clips").mkdir()
        (folder / "clips" / "clips.json").write_text(clips)
    answer = client.get("/files/styles/waltz/windows/0")
    assert answer.status_code == 400 and "waltz" in answer.json()["error"]
    assert str(tmp_path) not in answer.text


def test_a_song_is_sent_in_ranges(client, with_song):
    project = with_song()
    song = project.read().state.song
    answer = client.get(f"/files/{project.id}/media/{song}", headers={"range": "bytes=2-4"})
    assert answer.status_code == 206 and answer.content == b"son"


def test_exports_are_named_after_project_and_take_and_still_come_when_their_job_is_forgotten(
    client, studio, with_song, monkeypatch
):
    project, job = with_song("Gala"), "b" * 16
    take = Take("a" * 16 + "-take2", "Dance 1, take 2", "a" * 16, "take2", 0, 6.0)
    project.add_takes("Dance 1", [take])
    project.export_folder(job).mkdir(parents=True)
    (project.export_folder(job) / "take2.counts.csv").write_text("count")

    def saved_as():
        answer = client.get(f"/files/{project.id}/exports/{job}")
        assert answer.text == "count"
        return unquote(answer.headers["content-disposition"])

    assert "Gala.counts.csv" in saved_as()
    monkeypatch.setattr(studio.queue, "job", lambda _id: SimpleNamespace(settings={"take": take.id}))
    assert "Gala, Dance 1, take 2.counts.csv" in saved_as()


def test_an_upload_joins_the_project_under_a_name_made_here(client, projects, believed):
    project = projects.create("A dance")
    answer = client.post(f"/upload/{project.id}/song", content=b"music", headers={"x-label": "..%2F..%2Fmy%20song.wav"})
    media = project.read().medium(answer.json()["id"])
    assert (media.label, project.media_path(media.id).read_bytes()) == ("my song.wav", b"music")
    assert project.media_path(media.id).parent == project.folder / "media"


@pytest.mark.parametrize("kind", ["picture", "..", "song "])
def test_an_upload_of_no_kind_is_refused(client, projects, kind):
    project = projects.create("A dance")
    answer = client.post(f"/upload/{project.id}/{kind}", content=b"music")
    assert answer.status_code in (400, 404, 405) and project.read().media == ()


def test_a_moment_is_said_as_dancers_count_it(studio, with_song):
    session = Session(studio, heard(with_song()))
    assert session.where(4.1) == "eight 2, count 1"
    assert session.where(7.6) == "eight 2, count 8"


def test_takes_are_being_made_until_their_job_is_over(studio, queue, storage, with_song):
    session = Session(studio, with_song())
    assert not session.making()
    job = session.submit(Dance(), "wait")
    assert session.making()
    (storage.root / "go").touch()
    over(queue, job)
    session.look()
    assert not session.making() and session.shown is not None


def test_a_take_is_new_until_it_was_on_the_stage(studio, with_song):
    project = with_song()
    take1, take2, take3 = (Take("a" * 16 + f"-take{n}", "Dance 1", "a" * 16, f"take{n}", 0, 6.0) for n in (1, 2, 3))
    project.add_takes("Dance 1", [take1])
    session = Session(studio, project)
    assert not session.is_new(take1)  # it was there when the page was opened
    project.add_takes("Dance 2", [take2, take3])
    session.look()
    assert session.shown == take1 and session.is_new(take2) and session.is_new(take3)
    show_take(session, take2.id)
    assert session.shown == take2 and not session.is_new(take2) and session.is_new(take3)
    compare(session, take3.id)
    compare(session, take3.id)
    assert session.beside is None and not session.is_new(take3)
    pin(session, take3.id)
    assert session.state.pinned == take3.id and session.content.undoes == "Dance 2"


def test_a_selection_is_told_in_the_takes_own_seconds(studio, with_song):
    session = Session(studio, heard(with_song()))
    take = Take("a" * 16 + "-dance", "Dance 1", "a" * 16, "dance", 0, 6.0, start_s=4.0)
    assert session.in_take((6.0, 8.0), take) == "2.000s:4.000s"
    assert session.in_take((1.0, 30.0), take) == "0.000s:6.000s"


def test_a_danced_part_starts_no_later_than_the_beat_it_is_snapped_to():
    start_s, seconds = part_of((7.2066, 18.27451))
    assert start_s == 7.206 and start_s + seconds == pytest.approx(18.27451, abs=0.001)
    assert part_of((2.0, 4.0)) == (2.0, 2.0)


def test_passages_lie_on_the_strip_where_they_are_danced(studio, with_song):
    session = Session(studio, heard(with_song()))
    session.change(
        "styles",
        lambda state: replace(state, start_s=4.0, timeline="0-8 jackson, 4.00s-6.00s waltz ramp 2, 16-end pop"),
    )
    assert [(row["from_s"], row["to_s"], row["label"]) for row in lane(session)] == [
        (4.0, 8.0, "jackson"),
        (8.0, 10.0, "waltz"),
        (12.0, 16.0, "pop"),
    ]


@pytest.mark.parametrize(
    ("span", "passage", "words"),
    [
        ((6.0, 8.0), "4c-8c waltz:0.8 ramp 2", "eight 2, count 5 to eight 3, count 1: waltz 0.8, ramp 2"),
        ((6.1, 8.0), "2.10s-8c waltz:0.8 ramp 2", "eight 2, count 5 to eight 3, count 1: waltz 0.8, ramp 2"),
        ((2.0, 30.0), "0c-end waltz:0.8 ramp 2", "eight 2, count 1 to eight 3, count 5: waltz 0.8, ramp 2"),
    ],
)
def test_a_style_is_laid_in_counts_where_what_is_selected_has_any(span, passage, words, studio, with_song):
    """As `vimo dance --timeline` reads it, from the danced part's first 1 on; and said in the song's eights."""
    session = Session(studio, heard(with_song()))
    session.change("danced part", lambda state: replace(state, start_s=4.0, seconds=6.0))
    session.select(span)
    laid = _with_passage(session, "waltz:0.8", 2.0)
    assert laid == passage
    session.change("styles", lambda state: replace(state, timeline=laid))
    assert _in_words(session) == words
    (row,) = lane(session)
    assert (row["from_s"], row["to_s"]) == pytest.approx((max(span[0], 4.0), min(span[1], 10.0)), abs=0.011)
    styling = Styling.of((), laid).strengths(BeatGrid(np.arange(0, 6, 0.5), np.arange(0, 6, 2.0), 120.0), 180, 30.0)
    inside = torch.arange(180) / 30 + 4
    middle = (inside > row["from_s"] + 0.6) & (inside < row["to_s"] - 0.6)
    assert middle.any() and torch.all(styling[middle] == torch.tensor(0.8))


@pytest.mark.parametrize("span", [None, (0.0, 3.0), (5.0, 6.5)])
def test_a_style_is_not_laid_on_nothing_nor_on_another(span, studio, with_song):
    session = Session(studio, heard(with_song()))
    session.change("styles", lambda state: replace(state, start_s=4.0, timeline="0-4 jackson"))
    session.select(span)
    with pytest.raises(InputError):
        _with_passage(session, "waltz", 2.0)


def test_the_last_jobs_takes_come_first_and_of_each_the_best():
    takes = tuple(
        Take(f"{folder * 16}-take{place}", "", folder * 16, f"take{place}", 0, 1.0)
        for folder in "ab"
        for place in (1, 2)
    )
    assert [take.id[0] + take.id[-1] for take in _newest_first(takes)] == ["b1", "b2", "a1", "a2"]
