"""Five people at once on one studio: their jobs queue, nobody sees another's things, and its memory stays bounded.

Five windows of one browser, each at an address of this machine that is its own (127.0.0.2 …), and so with cookies of
its own. Each test goes on where the one before ended.
"""

from itertools import pairwise

import psutil
import pytest
from studio_person import JOB_S, Person
from studio_server import Server, served
from toy_studio import LONG

pytestmark = pytest.mark.studio

PLACES = range(5)
MOST_GROWN_BYTES = 100 << 20
FETCHED = """
    const [paths, method, done] = arguments;
    const sent = method === "POST" ? { method, body: "RIFF" } : {};
    const asked = async (path) => { const got = await fetch(path, sent); return [got.status, await got.text()]; };
    Promise.all(paths.map(asked)).then(done);
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory, toy_take):
    """For who has the token, which is what tells people apart."""
    yield from served(Server(tmp_path_factory.mktemp("data"), "0.0.0.0", toy_take))


class People:
    def __init__(self, browser, wait_for, server):
        self.server, self._browser, self._wait_for = server, browser, wait_for
        self._first, self._windows = browser.current_window_handle, []
        for place in PLACES:
            browser.switch_to.new_window("window")
            browser.get(f"http://127.0.0.{place + 2}:{server.port}/?token={server.token()}")
            self._windows.append(browser.current_window_handle)

    def __getitem__(self, place):
        """That person's window comes before the others."""
        self._browser.switch_to.window(self._windows[place])
        return Person(self._browser, self._wait_for)

    def fetch(self, place, *paths, method="GET"):
        return self[place].browser.execute_async_script(FETCHED, paths, method)

    def close(self):
        for window in self._windows:
            self._browser.switch_to.window(window)
            self._browser.close()
        self._browser.switch_to.window(self._first)


@pytest.fixture(scope="module")
def people(chromium, wait_for, server):
    everyone = People(chromium, wait_for, server)
    yield everyone
    everyone.close()


@pytest.fixture(scope="module")
def projects(people, song, tmp_path_factory):
    """The id of everyone's project, each with a song of its own."""
    folder, ids = tmp_path_factory.mktemp("songs"), []
    for place in PLACES:
        person = people[place]
        person.type("name", f"piece of {place}")
        person.press("New project")
        person.wait_for("!!window.vimo")
        person.run("vimo.setQuality('low')")
        (folder / f"song of {place}.wav").write_bytes(song.read_bytes())
        person.give(folder / f"song of {place}.wav")
        person.sees("120 beats a minute", JOB_S)
        person.press("Dance")
        ids.append(person.run("return location.pathname.split('/').at(-1)"))
    assert len(set(ids)) == len(PLACES)
    return ids


def make_take(person, steps):
    person.type("how many", "1")
    if not person.run("return document.querySelector(\"input[aria-label='sampling steps']\")?.offsetParent != null"):
        person.run("document.querySelector('.more .q-item').click()")
    person.type("sampling steps", str(steps))
    person.press("Make takes")


def dances(server):
    return [job for job in server.jobs() if job["kind"] == "dance"]


def memory(server):
    return psutil.Process(server.process.pid).memory_info().rss


def test_jobs_of_five_people_queue_and_each_sees_its_own_place(people, projects, server, shot):
    make_take(people[0], LONG)
    people[0].sees("Dancing 1/2", JOB_S)
    for place in PLACES[1:]:
        make_take(people[place], 2)
        people[place].sees("next" if place == 1 else f"waits, {place - 1} before it")
    shot("five_people_wait")
    assert [job["status"] for job in dances(server)] == ["running"] + ["waiting"] * 4
    assert len(psutil.Process(server.process.pid).children()) == 1
    (server.data / "go").touch()
    for place in PLACES:
        people[place].wait_for("document.querySelectorAll('.takes .take').length === 1 && vimo.stage.endS() > 3", JOB_S)
    done = dances(server)
    assert [job["project"] for job in done] == projects and {job["status"] for job in done} == {"done"}
    assert all(before["ended"] <= after["started"] for before, after in pairwise(done))


def test_nobody_is_shown_what_is_anothers(people, projects, server):
    taken = {job["project"]: job["id"] for job in dances(server)}
    for place, own in enumerate(projects):
        heard = [job["settings"]["media"] for job in server.jobs() if job["kind"] == "listen" and job["project"] == own]
        things = [f"/files/{own}/clips/{taken[own]}-dance", f"/files/{own}/media/{heard[0]}"]
        assert {status for status, _ in people.fetch(place, *things)} <= {200, 206}
        for other in set(PLACES) - {place}:
            refused = people.fetch(other, *things, f"/files/{own}/exports/{taken[own]}", f"/p/{own}")
            assert [status for status, _ in refused] == [400, 400, 400, 200]
            assert all("there is no such project" in told and f"of {place}" not in told for _, told in refused)
            assert people.fetch(other, f"/upload/{own}/song", method="POST")[0][0] == 400
        ((_, listed),) = people.fetch(place, "/")
        assert [f"piece of {other}" in listed for other in PLACES] == [other == place for other in PLACES]
    assert len(list((server.data / "projects").glob("*/media/*"))) == len(PLACES)


def test_without_the_token_there_is_nothing_at_all(people, projects, server, chromium):
    assert "there is no such project" not in people.fetch(0, f"/p/{projects[0]}")[0][1]
    chromium.delete_all_cookies()
    assert [status for status, _ in people.fetch(0, f"/p/{projects[0]}", "/", "/files/body")] == [403] * 3


def test_the_studios_memory_does_not_grow_with_jobs_and_pages(people, projects, server):
    """Everyone has danced and watched once, so what is loaded once is there."""
    before = memory(server)
    for _ in range(3):
        for place in PLACES[1:]:
            person = people[place]
            takes = person.count(".takes .take")
            make_take(person, 2)
            person.wait_for(f"document.querySelectorAll('.takes .take').length === {takes + 1}", JOB_S)
            person.browser.refresh()
            person.wait_for("!!window.vimo && vimo.stage.endS() > 3")
            person.press("Dance")
    print(f"memory: {before >> 20} MiB after 5 dances, {memory(server) >> 20} MiB after 12 more, each with a new page")
    assert memory(server) - before < MOST_GROWN_BYTES
    assert psutil.Process(server.process.pid).children() == []
