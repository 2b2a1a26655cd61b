"""The shortest way through the studio, in a real browser: a song, a dance, a moment of it, a file to take along."""

import pytest
from studio_person import JOB_S, begin_with, bones_off_m

pytestmark = pytest.mark.slow


def test_a_song_becomes_a_dance_that_is_sought_and_taken_along(person, project, song, shot):
    begin_with(person, song)
    person.type("how many", "1")
    person.run("document.querySelector('.more .q-item').click()")
    person.type("sampling steps", "2")
    person.press("Make takes")
    person.wait_for("document.querySelectorAll('.takes .take').length === 1 && vimo.stage.endS() > 7", JOB_S)
    assert bones_off_m(person, project(), 6.35) < 0.001
    shot("short_dance")
    person.press("Export")
    person.press("BVH")
    person.sees("is done: save it again", JOB_S)
    assert next(project().glob("exports/*/*.bvh")).read_text().startswith("HIERARCHY")
