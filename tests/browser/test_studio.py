"""The story of a dance, in a real browser on a real studio: song, counts, takes, edits, export; then what is refused.

Each test goes on where the one before ended, as a person does.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import torch

from core_vimo.formats import read_motion
from core_vimo.motion import sample_at
from core_vimo.skeleton import JOINT_NAMES
from edge_adapter.audio import write_audio
from edge_adapter.sequencer import make_score, render

By = pytest.importorskip("selenium.webdriver.common.by").By
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
_STARTS_S = 180
_JOB_S = 400


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    track = render(make_score(3, 16.0, "pop", 120.0), 22050)
    path = tmp_path_factory.mktemp("song") / "my <i>song.wav"
    write_audio(path, track.samples, track.rate)
    return path


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """(address, data folder) of a studio of its own."""
    data = tmp_path_factory.mktemp("data")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # NiceGUI serves otherwise where it finds itself in a test.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = kept | {"VIMO_HOME": str(data), "VIMO_STYLES": str(data / "styles"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "stylize", "studio", "--port", str(port), "--no-browser"]
    with subprocess.Popen(command, cwd=data, env=environment) as server:
        try:
            _wait_until_served(f"http://127.0.0.1:{port}/", server)
            yield f"http://127.0.0.1:{port}", data
        finally:
            server.terminate()
            server.wait(30)


def _wait_until_served(address, server):
    until = time.monotonic() + _STARTS_S
    while True:
        try:
            urllib.request.urlopen(address, timeout=30).close()
            return
        except OSError:
            assert server.poll() is None and time.monotonic() < until, "the studio did not start"
            time.sleep(0.3)


class Person:
    """Presses what is written on buttons, types into named fields, reads what is shown."""

    def __init__(self, browser, wait_for):
        self.browser, self.wait_for = browser, wait_for

    def press(self, words):
        found = self.wait_for(
            "[...document.querySelectorAll('button')].find((button) => button.offsetParent && !button.disabled "
            f"&& (button.textContent.trim().endsWith({words!r}) || button.ariaLabel === {words!r}))"
        )
        self.browser.execute_script("arguments[0].click()", found)

    def type(self, field, words):
        place = self.browser.find_element(By.CSS_SELECTOR, f"input[aria-label='{field}']")
        self.browser.execute_script("arguments[0].focus()", place)
        place.send_keys(Keys.CONTROL, "a")
        place.send_keys(words, Keys.TAB)

    def give(self, path, place=0):
        self.browser.find_elements(By.CSS_SELECTOR, "input[type=file]")[place].send_keys(str(path))

    def sees(self, words, seconds=120):
        self.wait_for(f"document.body.innerText.includes({words!r})", seconds)

    def count(self, selector):
        return self.browser.execute_script(f"return document.querySelectorAll({selector!r}).length")

    def run(self, script, *values):
        return self.browser.execute_script(script, *values)


@pytest.fixture(scope="module")
def person(chromium, wait_for, studio):
    address, _ = studio
    chromium.get(address)
    return Person(chromium, wait_for)


@pytest.fixture(scope="module")
def project(studio):
    """The one project's folder, once there is one."""
    _, data = studio
    return lambda: next(path for path in (data / "projects").iterdir() if path.is_dir())


def test_a_new_project_says_what_to_do(person, shot):
    person.sees("No project yet")
    person.press("New project")
    person.wait_for("!!window.vimo")
    person.sees("Drop a song on the left")
    person.run("vimo.setQuality('low')")
    shot("1_empty")


def test_what_is_no_song_is_refused_beside_the_drop(person, tmp_path, shot):
    (tmp_path / "essay.mp3").write_text("Once upon a time" * 100)
    person.give(tmp_path / "essay.mp3")
    person.wait_for("document.querySelector('.drop-part .problem')?.textContent.includes('essay.mp3')")
    shot("2_refused")


def test_a_song_is_heard_and_counted(person, song, shot):
    person.give(song)
    person.sees("beats a minute", _JOB_S)
    assert "120 beats a minute" in person.run("return document.body.innerText")
    assert "my <i>song.wav" in person.run("return document.body.innerText")  # a name is text, never HTML
    person.wait_for("vimo.timeline.countAt(8) !== null && vimo.audio.readyState >= 1")
    assert person.run("return vimo.audio.duration") == pytest.approx(16, abs=0.1)
    shot("3_song")


def test_the_first_count_is_moved_and_moved_back(person):
    before = person.run("return vimo.timeline.countAt(8).count")
    person.press("Count 1 a beat later")
    person.wait_for(f"vimo.timeline.countAt(8).count === {(before - 2) % 8 + 1}")
    person.press("Undo (Ctrl Z)")
    person.wait_for(f"vimo.timeline.countAt(8).count === {before}")


def test_a_selection_becomes_the_danced_part_and_a_dance(person, shot):
    person.run("vimo.timeline.select([vimo.timeline.snapped(4), vimo.timeline.snapped(10)])")
    person.press("what is selected")
    person.sees("From 0:0")
    person.press("Dance")
    person.type("how many", "2")
    person.run("document.querySelector('.more .q-item').click()")
    person.wait_for("document.querySelector(\"input[aria-label='sampling steps']\")?.offsetParent")
    person.type("sampling steps", "2")
    person.press("Make takes")
    person.wait_for("document.querySelector('.job')")
    shot("4_dancing")
    person.wait_for("document.querySelectorAll('.takes .take').length === 2", _JOB_S)
    person.wait_for("vimo.stage.endS() > 9")
    shot("5_takes")


@pytest.mark.parametrize("seconds", [4.2, 5.0, 6.35, 8.9, 9.7])
def test_the_bones_are_where_our_kinematics_puts_them(person, project, seconds):
    person.run("vimo.seek(arguments[0])", seconds)
    person.wait_for("!vimo.audio.seeking")
    at_s = person.run("vimo.show(); return vimo.stage.time()")
    assert abs(at_s - seconds) < 0.001
    taken = person.run("return [vimo.stage.joints(), document.querySelector('.take.shown .take-name').textContent]")
    shown, label = taken
    stem = "take1" if "take 1" in label else "take2"
    start_s = float(person.run("return vimo.timeline.takes()[0].startS"))
    motion = read_motion(next(project().glob(f"takes/*/{stem}.npz")))
    frame = torch.tensor([(at_s - start_s) * motion.fps], dtype=torch.float64).clamp(0, len(motion) - 1)
    x, y, z = sample_at(motion, frame, motion.fps).joints_m()[0].unbind(-1)
    found = torch.tensor([shown[name] for name in JOINT_NAMES])
    assert (found - torch.stack((x, z, -y), dim=-1)).norm(dim=-1).max() < 0.001


def test_two_takes_dance_side_by_side(person, shot):
    person.press("Beside the take on the stage (B)")
    person.wait_for("document.querySelector('.vimo-legend .take-1')")
    person.run("vimo.setQuality('high'); vimo.seek(7)")
    left, right = (person.run(f"return vimo.stage.joints({place}).pelvis[0]") for place in (0, 1))
    assert left < right
    shot("6_side_by_side")
    person.run("vimo.setQuality('low')")


def test_keys_play_and_halve_and_choose(person, chromium):
    body = chromium.find_element(By.TAG_NAME, "body")
    person.run("document.activeElement.blur(); vimo.seek(4.5)")
    body.send_keys("h ")
    person.wait_for("!vimo.audio.paused && vimo.audio.playbackRate === 0.5 && vimo.audio.currentTime > 4.6")
    body.send_keys(" h")
    person.wait_for("vimo.audio.paused && vimo.audio.playbackRate === 1")
    body.send_keys("p")
    person.wait_for("document.querySelector('.take.shown.pinned')")
    body.send_keys("3")
    person.sees("Make it anew")


def test_an_edit_changes_what_is_selected_and_nothing_else(person, project, shot):
    person.run("vimo.timeline.select([6, 8])")
    person.type("takes", "1")
    person.press("legs")
    person.press("Make anew")
    person.wait_for("document.querySelectorAll('.takes .take').length === 3", _JOB_S)
    person.wait_for("document.querySelector('.take.shown').textContent.includes('legs kept')")
    shot("7_edited")
    edited, before = _edited_and_its_parent(project())
    start, stop = (round((second - 4.0) * 30) for second in (6, 8))
    outside = [*range(start - 1), *range(stop + 1, len(before))]
    assert torch.equal(edited.rotations[outside], before.rotations[outside])
    assert torch.equal(edited.rotations[start:stop, [1, 2, 4, 5]], before.rotations[start:stop, [1, 2, 4, 5]])
    assert not torch.equal(edited.rotations[start:stop, 16], before.rotations[start:stop, 16])


def _edited_and_its_parent(folder):
    import json

    content = json.loads((folder / "project.json").read_text())
    takes = {take["id"]: take for take in content["takes"].values()} if isinstance(content["takes"], dict) else {
        take["id"]: take for take in content["takes"]
    }  # fmt: skip
    edited = next(take for take in takes.values() if take["parent"])
    files = [takes[id] for id in (edited["id"], edited["parent"])]
    return [read_motion(folder / "takes" / take["folder"] / f"{take['stem']}.npz") for take in files]


def test_undo_takes_the_edit_back_and_redo_brings_it_again(person, chromium):
    body = chromium.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.CONTROL, "z")
    person.wait_for("document.querySelectorAll('.takes .take').length === 2")
    body.send_keys(Keys.CONTROL, Keys.SHIFT, "z")
    person.wait_for("document.querySelectorAll('.takes .take').length === 3")


def test_a_job_is_cancelled_at_once(person):
    person.press("Dance")
    person.type("sampling steps", "200")
    person.type("how many", "12")
    person.press("Make takes")
    person.wait_for("document.querySelector('.job')")
    person.press("Cancel")
    person.sees("cancelled", 30)
    person.press("Cancel")
    person.wait_for("!document.querySelector('.job')")


def test_the_dance_is_exported_as_a_page(person, project, shot):
    person.press("Export")
    person.press("Page")
    person.sees("is done: save it again", _JOB_S)
    shot("8_export")
    (page,) = project().glob("exports/*/*.html")
    assert page.stat().st_size > 1_000_000


def test_the_project_is_as_it_was_after_a_reload(person, chromium, shot):
    chromium.refresh()
    person.wait_for("!!window.vimo && vimo.stage.endS() > 9")
    assert person.count(".takes .take") == 3
    shot("9_reopened")


def test_a_page_for_no_project_says_so(person, chromium, studio):
    chromium.get(f"{studio[0]}/p/0123456789abcdef")
    person.sees("there is no such project")
