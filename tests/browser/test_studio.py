"""The story of a dance, in a real browser on a real studio: song, counts, takes, edits, export; what is refused.

Each test goes on where the one before ended, as a person does. `make test` goes the short way of test_studio_short.py.
"""

import pytest
import torch
from studio_person import JOB_S, By, Keys, bones_off_m

from core_vimo.formats import read_motion

pytestmark = pytest.mark.studio


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


def test_a_song_is_heard_and_counted(person, song, shot, picture):
    person.give(song)
    person.sees("beats a minute", JOB_S)
    assert "120 beats a minute" in person.run("return document.body.innerText")
    assert "my <i>song.wav" in person.run("return document.body.innerText")  # a name is text, never HTML
    person.wait_for("vimo.timeline.countAt(8) !== null && vimo.audio.readyState >= 1")
    assert person.run("return vimo.audio.duration") == pytest.approx(16, abs=0.1)
    shot("3_song")
    picture("song")


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
    person.wait_for("document.querySelectorAll('.takes .take').length === 2", JOB_S)
    person.wait_for("vimo.stage.endS() > 9")
    shot("5_takes")


@pytest.mark.parametrize("seconds", [4.2, 5.0, 6.35, 8.9, 9.7])
def test_the_bones_are_where_our_kinematics_puts_them(person, project, seconds):
    assert bones_off_m(person, project(), seconds) < 0.001


def test_two_takes_dance_side_by_side(person, shot, picture):
    person.press("Beside the take on the stage (B)")
    person.wait_for("document.querySelector('.vimo-legend .take-1')")
    person.run("vimo.setQuality('high'); vimo.seek(7)")
    picture("compare")
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


def test_an_edit_changes_what_is_selected_and_nothing_else(person, project, shot, picture):
    person.run("vimo.timeline.select([6, 8])")
    person.type("takes", "1")
    person.press("new arms, same legs")
    person.press("Make anew")
    person.wait_for("document.querySelectorAll('.takes .take').length === 3", JOB_S)
    person.wait_for("document.querySelector('.take.shown').textContent.includes('legs, torso, path and turn kept')")
    shot("7_edited")
    person.run("vimo.setQuality('high'); vimo.seek(7)")
    picture("edit")
    person.run("vimo.setQuality('low')")
    edited, before = _edited_and_its_parent(project())
    start, stop = (round((second - 4.0) * 30) for second in (6, 8))
    outside = [*range(start - 1), *range(stop + 1, len(before))]
    assert torch.equal(edited.rotations[outside], before.rotations[outside])
    legs = [0, 1, 2, 4, 5, 7, 8, 10, 11]  # with the pelvis, so that they stay where they are and face where they did
    assert torch.equal(edited.rotations[start:stop, legs], before.rotations[start:stop, legs])
    assert torch.equal(edited.root_m[start:stop], before.root_m[start:stop])
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
    person.sees("is done: save it again", JOB_S)
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
