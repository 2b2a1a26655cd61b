"""The studio by hand: a styled dance, all edits, a part of a video, packages, exports; what keys and dialogs do.

Each test goes on where the one before ended, as a person does. Nobody is looked for in the video: its take is put into
the project as a worker of long ago would have left it.
"""

import json
import os
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from studio_person import JOB_S, By, Keys

from core_vimo.coco_body import coco_joints_m
from core_vimo.footage import Footage, write_footage
from core_vimo.formats import read_motion, write_motion
from core_vimo.formats.gltf import write_glb
from core_vimo.pose2d import Pose2D
from edge_adapter.style import Style
from stylize.motion_from_video import POSES
from stylize.render.video import write_video
from stylize.studio.project import Project, Projects, Take
from stylize.studio.storage import Storage, new_id
from stylize.style_library import find_style
from stylize.style_package import pack

pytestmark = pytest.mark.studio

_STYLE_DROP = 3
_VIDEO_DROP = 4
"""Among the page's drops."""
_FILMED_S = 4.0


@pytest.fixture(scope="module", autouse=True)
def blender(tmp_path_factory):
    """One that copies what it is given; named before the studio begins."""
    if os.name == "nt":
        pytest.skip("the invented Blender is a shell script")
    path = tmp_path_factory.mktemp("blender") / "blender"
    path.write_text('#!/bin/sh\nfor target; do source="$before"; before="$target"; done\ncp "$source" "$target"\n')
    path.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIMO_BLENDER", str(path))
        yield path


@pytest.fixture(scope="module")
def engine(studio, project):
    """The person's project, as the studio's own engine sees it."""
    storage = Storage(studio[1])
    return lambda: Projects(storage).open(project().name)


@pytest.fixture(scope="module")
def downloads(chromium, tmp_path_factory):
    folder = tmp_path_factory.mktemp("downloads")
    chromium.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    return folder


def motion_of(project: Project, take: Take):
    return read_motion(project.take_path(take.id))


def same(one, other):
    return torch.equal(one.rotations, other.rotations) and torch.equal(one.root_m, other.root_m)


def selected(person):
    return person.run("return vimo.timeline.selection()")


def test_a_style_is_laid_on_the_timeline_with_a_weight_and_a_ramp_in_counts(person, song, shot):
    person.press("New project")
    person.wait_for("!!window.vimo")
    person.run("vimo.setQuality('low')")
    person.give(song)
    person.sees("120 beats a minute", JOB_S)
    person.run("vimo.timeline.select([vimo.timeline.snapped(4), vimo.timeline.snapped(10)])")
    person.press("what is selected")
    person.sees("From 0:0")
    person.press("Dance")
    one = person.wait_for("vimo.timeline.eightAt(6.5)[0] || '0'")
    person.run("vimo.timeline.select([vimo.timeline.snapped(6), vimo.timeline.snapped(8)])")
    person.type("weight", "0.8")
    person.type("ramp in counts", "1")
    person.press("lay it there")
    person.sees("count 1: jackson 0.8, ramp 1")
    person.press("lay it there")
    person.sees("is danced there already")
    shot("parts_1_style_laid")
    assert float(one) >= 0


def test_a_dance_wears_the_style(person, engine, shot):
    person.type("how many", "1")
    person.run("document.querySelector('.more .q-item').click()")
    person.wait_for("document.querySelector(\"input[aria-label='sampling steps']\")?.offsetParent")
    person.type("sampling steps", "2")
    person.press("Make takes")
    person.wait_for("document.querySelectorAll('.takes .take').length === 1 && vimo.stage.endS() > 9", JOB_S)
    project = engine()
    (take,) = project.read().state.takes
    manifest = json.loads((project.take_folder(take.folder) / "manifest.json").read_text())
    assert manifest["settings"]["timeline"].endswith("jackson:0.8 ramp 1")
    assert [row["name"] for row in manifest["styles"]] == ["jackson"]
    shot("parts_2_styled_dance")


def test_escape_closes_a_dialog_and_then_selects_nothing(person, chromium):
    body = chromium.find_element(By.TAG_NAME, "body")
    person.run("document.activeElement.blur(); vimo.timeline.select([6, 8])")
    body.send_keys("?")
    person.sees("this list")
    person.run("document.activeElement.blur()")  # wherever the keyboard is
    body.send_keys("5p")
    chromium.switch_to.active_element.send_keys(Keys.ESCAPE)
    person.wait_for("!document.querySelector('[role=dialog]')")
    assert selected(person) == [6, 8] and person.count(".take.pinned") == 0
    person.sees("Make takes")  # keys of a dialog are not the page's
    body.send_keys(Keys.ESCAPE)
    person.wait_for("vimo.timeline.selection() === null")


def test_every_control_has_a_name_and_is_reached_by_tab(person, shot):
    parts = {"Dance": "Style over time", "Edit": "Make it anew", "Teach": "Teach a style", "Video": "A part of the"}
    for part, heads in {"Song": "Danced part", **parts, "Export": "counts in the film"}.items():
        person.press(part)
        person.wait_for(f"document.querySelector('.sheet:not(.hidden)').textContent.includes({heads!r})")
        person.run("document.activeElement.blur()")
        nameless = person.run(
            "return [...document.querySelectorAll('button, input, select, [role=checkbox], [role=slider]')]"
            ".filter((one) => one.offsetParent && one.type !== 'file')"
            ".filter((one) => !(one.ariaLabel || one.textContent.trim() || one.labels?.length"
            " || one.closest('label, .q-field, .q-slider')?.textContent.trim() || one.closest('[aria-label]')))"
            ".map((one) => one.outerHTML.slice(0, 200))"
        )
        unreached = person.run(
            "return [...document.querySelectorAll('button')].filter((one) => one.offsetParent && !one.disabled"
            " && one.tabIndex < 0 && !one.closest('.q-field')).map((one) => one.outerHTML.slice(0, 200))"
        )
        wide = person.run(
            "const panel = document.querySelector('.panel');"
            "return [panel.scrollWidth - panel.clientWidth, document.documentElement.scrollWidth - innerWidth,"
            " document.documentElement.scrollHeight - innerHeight]"
        )
        assert (nameless, unreached) == ([], []) and max(wide) <= 0, part
        shot(f"parts_3_{part.lower()}")


def test_a_video_shows_what_was_seen_in_it_long_after_its_job(person, engine, invented_dance, tmp_path, shot):
    motion = invented_dance(round(30 * _FILMED_S), 7)
    write_video(motion, tmp_path / "me.mp4", size=(160, 160), workers=1)
    person.press("Video")
    person.sees("A part of the movement")
    person.give(tmp_path / "me.mp4", _VIDEO_DROP)
    person.wait_for("document.querySelector('.filmed video')", JOB_S)
    project = engine()
    (video,) = (media for media in project.read().media if media.kind == "video")
    folder = new_id()
    place = project.take_folder(folder)
    place.mkdir(parents=True)
    write_motion(motion, place / "motion.npz")
    write_motion(motion, place / "motion.bvh")
    write_glb(motion, place / "motion.glb")
    coco_m = coco_joints_m(motion.rotations, motion.root_m)
    seen = torch.stack((80 + 30 * coco_m[..., 0], 130 - 60 * coco_m[..., 2], torch.ones_like(coco_m[..., 0])), -1)
    write_footage(Footage(Pose2D(seen, (160, 160), 30.0), source="me.mp4"), place / POSES)
    (place / "manifest.json").write_text(json.dumps({"takes": [{"files": ["motion.npz"]}], "settings": {}}))
    take = Take(f"{folder}-motion", "motion of me", folder, "motion", 0, _FILMED_S, filmed=video.id)
    project.add_takes("motion of me", [take])
    person.wait_for("document.querySelector('.takes .take')?.textContent.includes('motion of me')")
    assert not person.run("return document.querySelector('.take.shown').textContent.includes('motion of me')")
    person.sees("new")  # it takes the stage from no other take
    person.run("document.querySelector('.takes .take-name').click()")
    person.wait_for("document.querySelector('.take.shown')?.textContent.includes('motion of me')")
    person.wait_for("document.querySelector('video[data-in-step]')")
    drawn = (
        "(() => { const over = document.querySelector('.filmed canvas'); if (!over.width) return 0;"
        " const seen = over.getContext('2d').getImageData(0, 0, over.width, over.height).data;"
        " return seen.filter((value, at) => at % 4 === 3 && value).length })()"
    )
    person.wait_for(f"{drawn} > 50")
    shot("parts_4_video")


def test_a_part_of_its_movement_becomes_keyframes(person, engine, shot):
    person.run("vimo.timeline.select([1, 2])")
    person.sees("Selected: 1.0 s of motion of me")
    person.press("as keyframes")
    person.sees("From pose to pose")  # Edit is open
    person.wait_for(
        "[...document.querySelectorAll('.q-field')].some((one) => one.textContent.includes('me, 1.0 to 2.0'))",
        JOB_S,
    )
    project = engine()
    (part,) = (media for media in project.read().media if media.kind == "motion")
    cut = read_motion(project.media_path(part.id))
    assert same(cut, motion_of(project, project.read().state.takes[-1])[30:60]) and part.facts["use"] == "keyframes"
    shot("parts_5_keyframes")


def test_and_another_part_a_clip_of_a_style(person):
    person.press("Video")
    person.run("vimo.timeline.select([0, 4])")
    person.press("as style")
    person.sees("Teach a style")
    person.wait_for(
        "[...document.querySelectorAll('.q-checkbox[aria-checked=true]')].some((one) =>"
        " one.textContent.includes('motion of me, 0.0 to 4.0 s'))",
        JOB_S,
    )
    off = "[...document.querySelectorAll('.q-checkbox[aria-checked=false]')]"
    assert person.run(f"return {off}.some((one) => one.textContent.includes('motion of me, 1.0 to 2.0 s'))")


def _dance_again(person, folder):
    """The dance to the song back on the stage, and its eight selected."""
    person.run(
        "[...document.querySelectorAll('.take-name')].find((one) => one.textContent.startsWith(arguments[0])).click()",
        "Dance 1",
    )
    person.wait_for("document.querySelector('.take.shown')?.textContent.startsWith('Dance 1')")
    person.wait_for("vimo.timeline.takes()[0]?.label.startsWith('Dance 1')")
    person.run("vimo.timeline.select([5, 8.5])")


def test_all_edits_are_there_and_change_nothing_outside_what_they_make(person, engine, chromium, shot):
    """In one line of jobs, each of the take that was on the stage when it was asked for."""
    _dance_again(person, engine())
    person.press("Edit")
    person.type("takes", "1")
    person.type("counts", "2")
    person.run("vimo.seek(6.5)")
    person.press("pin this pose")
    person.sees("Pinned: eight")
    for asked in ("fill", "lay in", "blend", "in-between", "go on", "loop", "foot lock"):
        person.press(asked)
    shot("parts_6_edits_asked")
    project = engine()
    person.wait_for("document.querySelectorAll('.takes .take').length === 9", 3 * JOB_S)
    shot("parts_7_edits_done")
    state = project.read().state
    edits = [take for take in state.takes if take.parent]
    assert len(edits) == 7 and person.count(".job .problem:not(:empty)") == 0
    for take in edits:
        old, new = (motion_of(project, each) for each in (state.take(take.parent), take))
        manifest = json.loads((project.take_folder(take.folder) / "manifest.json").read_text())
        gaps = manifest["made_frames"]
        assert same(new[: gaps[0][0]], old[: gaps[0][0]]), take.label
        if manifest["edit"]["what"] in ("InFill", "FootLock", "LayIn"):
            assert len(new) == len(old) and same(new[gaps[-1][1] :], old[gaps[-1][1] :]), take.label
            assert not same(new, old), take.label
    (filled,) = (take for take in edits if "filled" in take.label)
    made = json.loads((project.take_folder(filled.folder) / "manifest.json").read_text())["made_frames"]
    assert [gap[1] + 1 for gap in made[:-1]] == [gap[0] for gap in made[1:]] == [76]  # the pinned pose, at 6.5 s
    body = chromium.find_element(By.TAG_NAME, "body")
    person.run("document.activeElement.blur()")
    body.send_keys(Keys.CONTROL, "z")
    person.wait_for("document.querySelectorAll('.takes .take').length === 8")
    body.send_keys(Keys.CONTROL, Keys.SHIFT, "z")
    person.wait_for("document.querySelectorAll('.takes .take').length === 9")
    assert project.read().state == state


def test_a_package_is_dropped_on_the_page_and_its_style_is_in_the_palette(person, tmp_path, studio, shot):
    replace(Style.load(find_style("jackson")), name="waltz").save(tmp_path / "waltz")
    pack(tmp_path / "waltz", tmp_path / "waltz.vimostyle")
    with zipfile.ZipFile(tmp_path / "odd.vimostyle", "w") as odd:
        odd.writestr("setup.py", "print('hello')")
    person.press("Song")
    person.give(tmp_path / "odd.vimostyle", _STYLE_DROP)
    _drop_anywhere(person, "odd2.vimostyle", (tmp_path / "odd.vimostyle").read_bytes())
    person.sees("A style from elsewhere")  # Teach is open
    beside = "document.querySelector('.drop-part:has(input[accept=\".vimostyle\"])').parentElement"
    person.wait_for(
        f"[...{beside}.querySelectorAll('.problem')].some((one) => one.textContent.includes('setup.py'))", JOB_S
    )
    said = person.run(f"return [...{beside}.querySelectorAll('.problem')].map((one) => one.textContent).join()")
    assert "Odd2.vimostyle: a packed style is" in said and "/" not in said  # by its owner's name, and by no path
    shot("parts_8_bad_package")
    (tmp_path / "none.vimostyle").write_text("no zip")
    person.give(tmp_path / "none.vimostyle", _STYLE_DROP)
    person.wait_for(f"{beside}.textContent.includes('none.vimostyle: isn')", JOB_S)
    person.give(tmp_path / "waltz.vimostyle", _STYLE_DROP)
    person.sees("waltz is in your library", JOB_S)
    assert Path(studio[1], "styles", "waltz", "style.yaml").is_file()
    assert not person.run(
        f"return [...{beside}.querySelectorAll('.problem')].some((one) => one.offsetParent && one.textContent)"
    )
    person.press("Dance")
    person.wait_for("[...document.querySelectorAll('.dial')].some((one) => one.textContent.includes('waltz'))")
    shot("parts_9_palette")


def _drop_anywhere(person, name, data):
    """On the stage, as a mouse does."""
    person.run(
        "const [name, data] = arguments; const given = new DataTransfer();"
        "given.items.add(new File([new Uint8Array(data)], name));"
        "document.querySelector('.vimo-view').dispatchEvent("
        "  new DragEvent('drop', { dataTransfer: given, bubbles: true, cancelable: true }))",
        name, list(data),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "suffix", "begins"),
    [
        ("GLB", ".glb", b"glTF"),
        ("Page", ".html", b"<!doctype html>"),
        ("BVH", ".bvh", b"HIERARCHY"),
        ("NPZ", ".npz", b"PK"),
        ("Count sheet", ".counts.csv", b"count"),
        ("FBX", ".fbx", b"glTF"),
        ("USD", ".usd", b"glTF"),
        ("Film", ".mp4", b"ftyp"),
    ],
)
def test_every_export_is_offered_made_by_a_job_and_saved(words, suffix, begins, person, engine, downloads, shot):
    """FBX and USD by a Blender that copies."""
    if words == "GLB":
        _dance_again(person, engine())
        person.press("Export")
    person.press(words)
    saved = f"Dance 1 as {suffix.lstrip('.')} is done"
    person.sees(saved, JOB_S)
    assert begins in _saved(downloads, suffix).read_bytes()[:400]
    shot("parts_export")


def _saved(folder, suffix):
    until = time.monotonic() + JOB_S
    while time.monotonic() < until:
        for path in folder.iterdir():
            if path.name.endswith(suffix) and path.stat().st_size:
                return path
        time.sleep(0.1)
    raise AssertionError(f"no {suffix} was saved")


def test_without_a_song_there_is_no_count_sheet(person):
    person.run(
        "[...document.querySelectorAll('.take-name')]"
        ".find((one) => one.firstElementChild.textContent === 'motion of me').click()"
    )
    person.wait_for(
        "[...document.querySelectorAll('button')].find((one) => one.textContent.trim() === 'Count sheet').disabled"
    )
