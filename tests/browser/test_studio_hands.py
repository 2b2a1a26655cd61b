"""What hands do in a hurry: double clicks, keys, files dropped on files; jobs that need no model."""

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from studio_person import JOB_S, By, Keys, open_with
from studio_server import Server, served
from toy_studio import LONG

pytestmark = pytest.mark.studio

_BUTTON = "[...document.querySelectorAll('button')].find((one) => one.offsetParent && one.textContent.endsWith({!r}))"


@pytest.fixture(scope="module")
def server(tmp_path_factory, toy_take):
    yield from served(Server(tmp_path_factory.mktemp("data"), toy=toy_take))


def test_a_song_is_there(person, song):
    open_with(person, song)


_CLIPS = "document.querySelector('.drop-part:has(input[accept*=\".bvh\"][multiple])')"


def _drop(person, *names):
    person.run(
        "const given = new DataTransfer();"
        "for (const name of arguments) given.items.add(new File(['no motion'], name));"
        f"{_CLIPS}.querySelector('.drop').dispatchEvent("
        "  new DragEvent('drop', { dataTransfer: given, bubbles: true, cancelable: true }))",
        *names,
    )


def test_files_that_come_while_others_are_sent_stand_in_line_and_all_is_told(person):
    _drop(person, "one.bvh", "two.bvh")
    person.wait_for(f"{_CLIPS}.textContent.toLowerCase().includes('one.bvh:')", JOB_S)
    _drop(person, "three.bvh")
    person.wait_for(f"!{_CLIPS}.querySelector('.busy')", JOB_S)
    told = person.run(f"return [...{_CLIPS}.querySelectorAll('.problem')].map((one) => one.textContent)")
    assert [sentence.split(":")[0].lower() for sentence in told] == ["one.bvh", "two.bvh", "three.bvh"]
    _drop(person, "four.bvh")
    person.wait_for(f"{_CLIPS}.textContent.toLowerCase().includes('four.bvh:')", JOB_S)
    assert "one.bvh" not in person.run(f"return {_CLIPS}.textContent")


@pytest.mark.parametrize("key", [Keys.ENTER, Keys.SPACE])
def test_a_tap_is_heard_from_the_keyboard(key, person, chromium):
    person.run(f"{_BUTTON.format('tap')}.focus()")
    for left in (3, 2, 1):
        ActionChains(chromium).send_keys(key).pause(0.2).perform()
        person.sees(f"{left} more")
    person.run("document.activeElement.blur()")
    ActionChains(chromium).pause(2.6).perform()  # who pauses begins anew


def test_a_double_click_makes_takes_once_and_the_stage_says_so(person, chromium, server):
    person.press("Dance")
    person.run("document.querySelector('.more .q-item').click()")
    person.type("sampling steps", str(LONG))
    button = person.wait_for(_BUTTON.format("Make takes"))
    ActionChains(chromium).move_to_element(button).click().pause(0.15).click().perform()
    person.sees("Takes are being made")
    person.wait_for(f"!{_BUTTON.format('Make takes')}.disabled")
    assert [job["kind"] for job in server.jobs()].count("dance") == 1
    (server.data / "go").touch()
    person.wait_for("document.querySelector('.take.shown')", JOB_S)
    person.wait_for("document.querySelector('.vimo-empty').hidden")


def test_cancel_is_what_enter_presses_where_a_project_would_be_removed(person, chromium, studio):
    chromium.get(studio[0])
    person.press("Remove")
    person.wait_for("document.querySelector('.q-dialog .b-main')?.textContent === 'Cancel'")
    person.wait_for("document.activeElement?.textContent === 'Cancel'")
    chromium.switch_to.active_element.send_keys(Keys.ENTER)
    person.wait_for("!document.querySelector('.q-dialog')")
    assert len(chromium.find_elements(By.CSS_SELECTOR, ".project")) == 1
    person.press("Remove")
    person.run("[...document.querySelectorAll('.q-dialog button')].find((one) => one.textContent === 'Remove').click()")
    person.wait_for("!document.querySelector('.project')")
