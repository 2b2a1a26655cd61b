"""Who drives the studio's page as a person does, and checks what is on its stage."""

import pytest
import torch

from core_vimo.formats import read_motion
from core_vimo.motion import sample_at
from core_vimo.skeleton import JOINT_NAMES

By = pytest.importorskip("selenium.webdriver.common.by", reason="selenium is not installed: pip install '.[test]'").By
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys

JOB_S = 400
"""What a job may take on a loaded machine."""


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
        place = self.wait_for(
            f"[...document.querySelectorAll('input')].find((one) => one.offsetParent && one.ariaLabel === {field!r})"
        )
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


def open_with(person, song):
    """A new project with the song, which has 120 beats a minute and was listened to."""
    person.press("New project")
    person.wait_for("!!window.vimo")
    person.run("vimo.setQuality('low')")
    person.give(song)
    person.sees("120 beats a minute", JOB_S)


def begin_with(person, song):
    """A new project, in which seconds 4 to 8 of the song are about to be danced."""
    open_with(person, song)
    person.run("vimo.timeline.select([4, 8])")
    person.press("what is selected")
    person.sees("From 0:04 to 0:08")
    person.press("Dance")


def bones_off_m(person, folder, seconds):
    """How far the bones on the stage are from our kinematics of the take that is shown, sought at once."""
    person.run("vimo.seek(arguments[0])", seconds)
    person.wait_for("!vimo.audio.seeking")
    at_s = person.run("vimo.show(); return vimo.stage.time()")
    assert abs(at_s - seconds) < 0.001
    taken = person.run("return [vimo.stage.joints(), document.querySelector('.take.shown .take-name').textContent]")
    shown, label = taken
    stem = "take1" if "take 1" in label else "take2"
    start_s = float(person.run("return vimo.timeline.takes()[0].startS"))
    motion = read_motion(next(path for path in folder.glob("takes/*/*.npz") if path.stem in (stem, "dance")))
    frame = torch.tensor([(at_s - start_s) * motion.fps], dtype=torch.float64).clamp(0, len(motion) - 1)
    x, y, z = sample_at(motion, frame, motion.fps).joints_m()[0].unbind(-1)
    found = torch.tensor([shown[name] for name in JOINT_NAMES])
    return float((found - torch.stack((x, z, -y), dim=-1)).norm(dim=-1).max())
