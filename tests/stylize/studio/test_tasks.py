"""What a task is looked at for before it stands in line."""

from dataclasses import replace

import pytest

from core_vimo.errors import InputError
from stylize.studio.project import Content, Take
from stylize.studio.storage import Media
from stylize.studio.tasks import Complete, checked

TAKE = Take("a" * 16 + "-dance", "Dance 1", "a" * 16, "dance", 0, 8.0)
CLIP = Media("b" * 16, "motion", "me", ".npz", 1, "", {"seconds": 2.0})


@pytest.fixture
def content():
    empty = Content("A dance", media=(CLIP,))
    return empty.after("Dance 1", replace(empty.state, takes=(TAKE,)))


@pytest.mark.parametrize(
    ("span", "said"),
    [
        ("2.000s:4.000s", "the clip lasts 2.0 s and the span 2.0 s.*select at least 2.4 s"),
        ("0.000s:4.000s", "must begin after the motion's start"),
        ("6.000s:8.000s", "come there; select at least 2.2 s"),
        ("4.000s:3.000s", "doesn't run forwards"),
        ("4.000s:9.000s", "outside the clip"),
    ],
)
def test_a_clip_that_cannot_be_laid_in_is_refused_at_once_and_in_seconds(content, span, said):
    with pytest.raises(InputError, match=said) as refused:
        checked(Complete("lay in", (TAKE.id, CLIP.id), span=span), content)
    assert "frame" not in str(refused.value)


@pytest.mark.parametrize("span", ["2.000s:4.400s", "5.800s:8.000s", "1c:2c"])
def test_a_clip_that_fits_stands_in_line_and_so_does_what_only_the_song_tells(content, span):
    task = Complete("lay in", (TAKE.id, CLIP.id), span=span)
    assert checked(task, content) == task
    assert checked(replace(task, sources=(TAKE.id, TAKE.id), span="1c:2c"), content)
