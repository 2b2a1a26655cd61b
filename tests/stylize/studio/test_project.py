"""Projects: what undo and redo promise, whoever writes at the same time, and what lies on disk."""

import json
import multiprocessing
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from core_vimo.errors import InputError
from stylize.studio.project import Content, Projects, State, Take, read_content, write_content
from stylize.studio.storage import Storage


def a_take(number: int) -> Take:
    folder = f"{number:016x}"
    return Take(
        f"{folder}-take1", f"take {number}", folder, "take1", number, 2.0, made_s=((0.5, 1.0),), said=("moved",)
    )


EDITS = st.one_of(
    st.integers(1, 5).map(lambda n: ("take", n)),
    st.integers(-8, 8).map(lambda n: ("count", n)),
    st.sampled_from(["half", "double", "as heard"]).map(lambda tempo: ("tempo", tempo)),
    st.sampled_from([("undo", None), ("redo", None)]),
)


def edited(state: State, what: str, value) -> State:
    if what == "tempo":
        return replace(state, tempo=value)
    if what == "count":
        return replace(state, first_count=value)
    take = a_take(value)
    return replace(state, takes=(*(t for t in state.takes if t != take), take), shown=take.id)


@settings(max_examples=60)
@given(st.lists(EDITS, max_size=30))
def test_undo_and_redo_walk_through_exactly_the_states_there_were(edits):
    """Against two stacks, the textbook's way."""
    content, done, undone = Content("a"), [], []
    for what, value in edits:
        before = content.state
        if what == "undo":
            content = content.moved(-1)
            if done:
                undone.append(before)
                assert content.state == done.pop()
            else:
                assert content.state == before and content.undoes is None
        elif what == "redo":
            content = content.moved(1)
            if undone:
                done.append(before)
                assert content.state == undone.pop()
            else:
                assert content.state == before and content.redoes is None
        else:
            content = content.after(what, edited(before, what, value))
            if content.state != before:
                done.append(before)
                undone.clear()
                assert content.undoes == what


@settings(max_examples=30, deadline=None)
@given(st.lists(EDITS, max_size=12))
def test_a_project_reads_as_it_was_written(tmp_path_factory, edits):
    content = Content("Ü's \N{MAN DANCING}", "0123")
    for what, value in edits:
        content = content.after(what, edited(content.state, what, value)) if value is not None else content.moved(-1)
    folder = tmp_path_factory.mktemp("project")
    write_content(folder, content)
    assert read_content(folder) == content


def test_an_edit_leaves_every_other_part_of_the_state_and_every_file_as_it_was(with_song):
    project = with_song()
    before = project.read().state
    files = {path: path.read_bytes() for path in project.folder.rglob("*") if path.is_file() and path.suffix != ".json"}
    after = project.change("counts", lambda state: replace(state, first_count=3)).state
    assert replace(after, first_count=before.first_count) == before
    assert project.undo().state == before and project.redo().state == after
    assert all(path.read_bytes() == content for path, content in files.items())


def test_a_take_that_was_undone_can_still_be_seen_and_comes_back(with_song):
    project = with_song()
    folder = project.take_folder("0" * 15 + "1")
    folder.mkdir(parents=True)
    (folder / "take1.npz").write_text("motion")
    project.add_takes("dance", [a_take(1)])
    project.undo()
    assert project.read().state.takes == () and project.take_path(a_take(1).id).read_text() == "motion"
    project.tidy()
    assert project.redo().state.shown == a_take(1).id and project.take_path(a_take(1).id).is_file()


def test_what_no_state_names_any_more_is_tidied_away_but_not_what_a_job_is_making(with_song):
    project = with_song()
    for number in (1, 2, 3):
        project.take_folder(f"{number:016x}").mkdir(parents=True)
    project.add_takes("dance", [a_take(1)])
    project.undo()
    project.change("another way", lambda state: replace(state, first_count=1))  # what could be redone is gone
    project.tidy(busy={f"{2:016x}"})
    assert [path.name for path in (project.folder / "takes").iterdir()] == [f"{2:016x}"]


def three_takes_and_what_was_undone(project):
    """Takes 1 to 3, the counts moved after them and that undone; what is shown is take 1."""
    project.add_takes("dance", [a_take(number) for number in (1, 2, 3)])
    project.change("count 1", lambda state: replace(state, first_count=3))
    return project.undo()


LOOKS = {
    "choose": lambda state: replace(state, shown=a_take(2).id),
    "compare": lambda state: replace(state, beside=a_take(2).id),
    "pin": lambda state: replace(state, pinned=a_take(2).id),
}


@pytest.mark.parametrize("look", LOOKS)
def test_looking_at_takes_is_no_step_and_drops_nothing_that_could_be_redone(look, with_song):
    project = with_song()
    before = three_takes_and_what_was_undone(project)
    after = project.look(LOOKS[look])
    assert after.state == LOOKS[look](before.state) != before.state and after.revision > before.revision
    assert (len(after.history), after.position) == (len(before.history), before.position)
    redone = project.redo().state
    assert redone == LOOKS[look](replace(before.state, first_count=3))  # the stage doesn't jump back
    assert project.undo().state == after.state
    assert project.undo().state.takes == ()


def test_what_is_compared_is_never_what_is_shown(with_song):
    project = with_song()
    three_takes_and_what_was_undone(project)
    project.look(LOOKS["compare"])
    project.look(LOOKS["choose"])
    assert project.read().state.beside is None and project.redo().state.beside is None


def test_takes_that_land_after_an_undo_leave_what_can_be_redone(with_song):
    project = with_song()
    before = three_takes_and_what_was_undone(project)
    landed = project.add_takes("more", [a_take(4), a_take(5)])
    all_takes = tuple(map(a_take, (1, 2, 3, 4, 5)))
    assert (landed.undoes, landed.redoes, landed.state.takes) == ("more", "count 1", all_takes)
    redone = project.redo().state
    assert redone.first_count == 3 and redone.takes == all_takes
    project.undo()
    assert project.undo().state == before.state  # as one step
    assert project.add_takes("none", [a_take(1)]) == project.read() and project.read().redoes == "more"


def test_the_first_takes_stay_on_the_stage_when_what_was_undone_before_is_redone(with_song):
    project = with_song()
    project.change("count 1", lambda state: replace(state, first_count=3))
    project.undo()
    project.add_takes("dance", [a_take(1)])
    assert project.redo().state.shown == a_take(1).id


@pytest.mark.parametrize(("on_the_stage", "shown"), [(None, 4), (1, 4), (2, 2)])
def test_a_take_is_shown_where_the_stage_holds_the_take_it_was_made_from_or_none(on_the_stage, shown, with_song):
    project = with_song()
    three_takes_and_what_was_undone(project)
    on_it = on_the_stage and a_take(on_the_stage).id
    project.change("on the stage", lambda state: replace(state, shown=on_it))
    state = project.add_takes("an edit", [replace(a_take(4), parent=a_take(1).id)]).state
    assert state.shown == a_take(shown).id and state.takes[-1].id == a_take(4).id
    assert project.undo().state.shown == on_it


def test_takes_that_land_keep_the_history_bounded(with_song):
    content = with_song().read().landed("dance", [a_take(1)])
    for number in range(1, 300):
        content = content.after(str(number), replace(content.state, first_count=number))
    landed = content.moved(-3).landed("more", [a_take(2)])
    assert len(landed.history) == 200 and (landed.undoes, landed.redoes) == ("more", "297")
    assert len(content.moved(-1000).landed("more", [a_take(2)]).history) == 200


def test_the_history_is_bounded(with_song):
    content = with_song().read()
    for number in range(300):
        content = content.after(str(number), replace(content.state, first_count=number))
    assert len(content.history) == 200 and content.state.first_count == 299
    assert content.moved(-1000).state.first_count == 100


def _count_up(root: str, id: str, times: int) -> None:
    project = Projects(Storage(Path(root))).open(id)
    for _ in range(times):
        project.change("one more", lambda state: replace(state, first_count=state.first_count + 1))


def test_writers_in_threads_and_processes_lose_nothing(storage, with_song):
    project = with_song()
    steps = len(project.read().history)
    others = [
        multiprocessing.get_context("spawn").Process(target=_count_up, args=(str(storage.root), project.id, 10))
        for _ in range(2)
    ]
    for other in others:
        other.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: _count_up(str(storage.root), project.id, 10), range(2)))
    for other in others:
        other.join(60)
    content = project.read()
    assert content.state.first_count == 40 and len(content.history) == steps + 40
    assert content.revision >= 40


def test_readers_beside_a_writer_always_see_a_whole_project(storage, with_song):
    project = with_song()
    with ThreadPoolExecutor(2) as pool:
        writing = pool.submit(_count_up, str(storage.root), project.id, 30)
        seen = [project.revision()]
        counts = [project.read().state.first_count]
        while not writing.done():
            counts.append(project.read().state.first_count)
            seen.append(project.revision())
        writing.result()
    assert counts == sorted(counts) and len(set(seen)) > 1
    assert project.read().state.first_count == 30


def test_every_change_is_noticed(with_song):
    project = with_song()
    seen = set()
    for number in range(50):
        project.change("count", lambda state, n=number: replace(state, first_count=n + 1))
        seen.add(project.revision())
        assert project.revision() == project.read().revision
    assert len(seen) == 50


def test_people_see_their_own_projects_and_one_machine_all(projects):
    mine, yours = projects.create("mine", "me"), projects.create("yours", "you")
    assert [card.name for card in projects.cards("me")] == ["mine"]
    assert {card.name for card in projects.cards()} == {"mine", "yours"}
    for refused in (projects.open, projects.remove):
        with pytest.raises(InputError, match="no such project"):
            refused(yours.id, "me")
    projects.remove(mine.id, "me")
    assert [card.id for card in projects.cards()] == [yours.id]


def test_a_project_that_was_removed_is_told_and_never_made_anew(projects, receive, storage):
    project = projects.create("short-lived")
    upload = receive()
    projects.remove(project.id)
    for use in (
        project.read, project.revision, project.undo, project.tidy, lambda: project.adopt(upload),
        lambda: project.add_takes("x", [a_take(1)]),
    ):  # fmt: skip
        with pytest.raises(InputError, match="removed"):
            use()
    assert list(storage.projects.glob("[0-9a-f]*[0-9a-f]")) == []


def test_projects_are_limited_in_number_and_in_files(tmp_path, storage, receive):
    few = Storage(storage.root, replace(storage.limits, projects=2, media=1))
    projects = Projects(few)
    project = projects.create("one")
    projects.create("two")
    with pytest.raises(InputError, match="too many projects"):
        projects.create("three")
    project.adopt(receive())
    with pytest.raises(InputError, match="too many files"):
        project.adopt(receive())
    assert len(list((project.folder / "media").iterdir())) == 1


def test_a_copied_folder_is_a_project_too(storage, projects, with_song):
    project = with_song("mine")
    copy = projects.create("copy")
    shutil.rmtree(copy.folder)
    shutil.copytree(project.folder, copy.folder)
    assert projects.open(copy.id).read() == project.read()
    assert copy.media_path(project.read().state.song).is_file()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda noted: noted | {"format": 2},
        lambda noted: noted | {"position": 9},
        lambda noted: noted | {"position": -1},
        lambda noted: noted | {"name": 3},
        lambda noted: noted | {"history": []},
        lambda noted: noted | {"media": [{"id": "../../etc/passwd"}]},
        lambda noted: noted | {"media": [noted["media"][0] | {"suffix": "/../../x"}]},
        lambda noted: noted | {"media": [noted["media"][0] | {"id": "../../../../x"}]},
        lambda noted: noted | {"takes": [{"id": "x"}]},
        lambda noted: [],
        lambda noted: {},
    ],
)
def test_a_damaged_or_forged_project_is_refused_in_a_sentence_and_left_out_of_the_list(spoil, projects, with_song):
    project, _other = with_song(), with_song("other")
    file = project.folder / "project.json"
    file.write_text(json.dumps(spoil(json.loads(file.read_text()))))
    with pytest.raises(InputError):
        project.read()
    assert [card.name for card in projects.cards()] == ["other"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_count": 1.5}, {"start_s": -1.0}, {"start_s": float("nan")}, {"seconds": 0.0}, {"tempo": "thirds"},
        {"shown": "x"}, {"styles": ("/etc:1",)}, {"styles": ("../chaplin",)}, {"timeline": "0-16 /etc/x"},
        {"timeline": "0-16 ..\\x"}, {"seconds": float("inf")},
    ],
)  # fmt: skip
def test_states_that_make_no_sense_are_refused(wrong):
    with pytest.raises(InputError):
        State(**wrong)


def test_what_is_not_in_the_project_is_not_found(with_song, receive):
    project, other = with_song(), with_song()
    foreign = other.read().state.song
    for use in (
        lambda: project.media_path(foreign), lambda: project.listened(foreign), lambda: project.take_path("x-take1"),
        lambda: project.export_path("../media"), lambda: project.export_path("0" * 16),
        lambda: project.change("x", lambda state: replace(state, song=foreign)),
    ):  # fmt: skip
        with pytest.raises(InputError):
            use()
