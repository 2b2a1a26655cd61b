"""Workers and studios that are killed, as a person in a real browser sees it. Each goes on where the last ended."""

import json
import os
import shutil
import signal
import time

import pytest
from studio_person import JOB_S, begin_with
from studio_server import Server, served
from toy_studio import LONG

pytestmark = pytest.mark.studio


@pytest.fixture(scope="module")
def server(tmp_path_factory, toy_take):
    yield from served(Server(tmp_path_factory.mktemp("data"), toy=toy_take))


def make_takes(person, steps, times=1):
    person.type("how many", "1")
    if not person.run("return document.querySelector(\"input[aria-label='sampling steps']\")?.offsetParent != null"):
        person.run("document.querySelector('.more .q-item').click()")
    person.type("sampling steps", str(steps))
    for _ in range(times):
        before = person.count(".job")
        person.press("Make takes")
        person.wait_for(f"document.querySelectorAll('.job').length > {before}")


def dances(server):
    return [job for job in server.jobs() if job["kind"] == "dance"]


def running(server):
    """The dance that runs, once its worker is at work."""
    until = time.monotonic() + JOB_S
    while time.monotonic() < until:
        found = [job for job in dances(server) if job["status"] == "running"]
        if found:
            return found[0]
        time.sleep(0.1)
    raise AssertionError(f"nothing runs: {dances(server)}")


def test_a_song_is_there(person, song):
    begin_with(person, song)


def test_a_song_whose_listening_came_to_nothing_is_listened_to_again(person, project, chromium):
    """As after a cancel, or a studio that was killed: what was heard is missing, and no job is under way."""
    for heard in project().glob("listened/*"):
        heard.unlink()
    chromium.refresh()
    person.wait_for("!!window.vimo")
    person.press("Dance")
    person.sees("Let the song be listened to again")
    person.press("Song")
    person.press("Listen to it again")
    person.sees("120 beats a minute", JOB_S)
    person.wait_for(
        "![...document.querySelectorAll('button')].some((one) => one.offsetParent &&"
        " one.textContent.includes('Listen to it'))"
    )
    person.press("Dance")


def test_a_worker_that_is_killed_is_told_in_a_sentence_and_the_next_job_runs(person, server, shot):
    make_takes(person, LONG)
    killed = running(server)
    make_takes(person, 2)
    person.sees("next")
    os.kill(killed["worker"], signal.SIGKILL)
    person.sees("was ended by the system (SIGKILL)")
    shot("killed_worker")
    person.wait_for("document.querySelectorAll('.takes .take').length === 1 && vimo.stage.endS() > 7", JOB_S)
    assert [job["status"] for job in dances(server)] == ["failed", "done"]
    person.press("Cancel")
    person.wait_for("document.querySelectorAll('.job').length === 0")


def test_a_studio_that_is_killed_and_started_again_goes_on_where_it_was(person, server, shot):
    """The page stays open all the time: it says that it lost the studio, and finds it again by itself."""
    make_takes(person, LONG)
    interrupted = running(server)
    make_takes(person, 2)
    server.kill()
    person.wait_for("document.querySelector('#popup')?.getAttribute('aria-hidden') === 'false'")
    server.start()
    person.sees("studio was closed while this ran", JOB_S)
    person.wait_for("document.querySelectorAll('.takes .take').length === 2 && vimo.stage.endS() > 7", JOB_S)
    shot("killed_studio")
    states = {job["id"]: job["status"] for job in dances(server)}
    assert states[interrupted["id"]] == "stopped" and list(states.values())[-1] == "done"
    person.press("Cancel")
    person.wait_for("document.querySelectorAll('.job').length === 0")


def test_its_projects_are_found_with_their_takes(person, server, studio, project, chromium):
    chromium.get(server.address)
    person.sees("2 takes")
    kept = json.loads((project() / "project.json").read_text())
    chromium.get(f"{server.address}/p/{project().name}")
    person.wait_for("!!window.vimo && vimo.stage.endS() > 7")
    assert person.count(".takes .take") == 2
    person.press("Undo (Ctrl Z)")
    person.wait_for("document.querySelectorAll('.takes .take').length === 1")
    assert kept["name"] == "New dance"


def test_a_project_that_was_removed_meanwhile_is_told_of(person, project):
    shutil.rmtree(project())
    person.press("Redo (Ctrl Shift Z)")
    person.sees("The project was removed")
