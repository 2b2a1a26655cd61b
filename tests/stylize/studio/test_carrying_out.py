"""What workers call, in this process, with a backbone of random weights: the recipes, on a project's files."""

import hashlib
import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from studio_toys import over

from core_vimo.errors import InputError
from core_vimo.formats import read_motion, write_motion
from edge_adapter.beats import double_time, half_time, track_beats
from edge_adapter.build import load_dance_model
from stylize.studio.carrying_out import carry_out
from stylize.studio.contents import Contents
from stylize.studio.jobs import JobQueue
from stylize.studio.project import Project, take_of
from stylize.studio.storage import Media, new_id, write_json
from stylize.studio.tasks import (
    Complete,
    Cut,
    Dance,
    Export,
    Listen,
    Motion,
    Remake,
    StyleAdd,
    StyleInstall,
    StyleTrain,
    kind_of,
)

SONG_S = 12.0


@pytest.fixture(scope="module")
def song_bytes(tmp_path_factory) -> bytes:
    time = np.arange(round(SONG_S * 22050)) / 22050
    path = tmp_path_factory.mktemp("song") / "song.wav"
    soundfile.write(path, 0.5 * np.sin(2000 * time) * np.exp(-20 * (time % 0.5)), 22050)
    return path.read_bytes()


@pytest.fixture(autouse=True)
def quick(monkeypatch, tiny_bundle) -> None:
    for module in ("stylize.dance", "stylize.completion"):
        monkeypatch.setattr(f"{module}.load_dance_model", lambda _bundle, device: load_dance_model(tiny_bundle, device))
    monkeypatch.setattr("stylize.again.bundle_hash", lambda _bundle: load_dance_model(tiny_bundle).bundle_hash)


@pytest.fixture
def project(projects, receive, song_bytes) -> Project:
    made = projects.create("A dance")
    song = made.adopt(receive(song_bytes))
    made.change("a song", lambda state: replace(state, song=song.id, seconds=6.0))
    return made


@pytest.fixture
def do(storage, project):
    """Carry a task out as a worker would, and take its takes in as the queue would."""

    def carry(task, what: str = "an edit") -> dict:
        state = project.read().state
        song = {
            name: getattr(state, name) for name in ("song", "start_s", "seconds", "tempo", "first_count", "timeline")
        }
        job = {"id": new_id(), "kind": kind_of(task), "project": project.id, "what": what, "settings": asdict(task)}
        file = storage.jobs / f"{job['id']}.json"
        write_json(file, job | {"song": song | {"styles": list(state.styles)}})
        result = json.loads(json.dumps(carry_out(file, lambda *_progress: None)))
        if "takes" in result:
            project.add_takes(what, [take_of(row) for row in result["takes"]])
        return result | {"id": job["id"]}

    return carry


@pytest.fixture
def danced(do, project):
    do(Dance(takes=2, steps=2), "Dance")
    return project.read().state


def files_of(project: Project) -> dict[Path, str]:
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in project.folder.rglob("*")
        if path.is_file() and path.name != "project.json"
    }


def test_listening_finds_what_the_recipes_go_by(do, project):
    song = project.read().state.song
    assert project.listened(song) is None
    do(Listen(song))
    told = project.listened(song)
    heard = track_beats(project.media_path(song))
    grids = {"as heard": heard, "half": half_time(heard), "double": double_time(heard)}
    for tempo, grid in grids.items():
        np.testing.assert_allclose(told[tempo]["beats_s"], grid.beats_s, atol=1e-4)
        assert told[tempo]["counts"] == grid.counts().tolist()
    assert told["seconds"] == SONG_S and max(told["peaks"]) == 1 and min(told["peaks"]) >= 0
    loudest = np.argmax(told["peaks"]) / len(told["peaks"]) * SONG_S
    assert loudest % 0.5 < 0.05  # on a click


def test_a_dance_is_as_long_as_the_excerpt_and_knows_its_song(danced, project):
    assert [take.label for take in danced.takes] == ["Dance, take 1", "Dance, take 2"]
    assert danced.shown == danced.takes[0].id
    for take in danced.takes:
        assert take.seconds == pytest.approx(6.0, abs=0.05) and take.start_s == 0.0
        for suffix in (".npz", ".bvh", ".glb", ".counts.csv"):
            assert project.take_path(take.id, suffix).stat().st_size


@pytest.mark.parametrize(
    ("span", "keep"), [("1s:3s", ()), ("0s:2s", ("legs", "root path")), ("4s:6s", ()), ("2c:6c", ("left arm",))]
)
def test_nothing_outside_the_selection_changes_and_undo_takes_back_all_of_it(span, keep, do, danced, project):
    """Bit for bit, in the take's own file; and the take that was edited is left as it is."""
    before, files = project.read(), files_of(project)
    do(Complete("regenerate", (danced.shown,), span=span, keep=keep, steps=2))
    after = project.read().state
    take = after.take(after.shown)
    assert take.parent == danced.shown and after.takes[:2] == danced.takes
    old, new = (read_motion(project.take_path(id)) for id in (danced.shown, take.id))
    ((start_s, stop_s),) = take.made_s
    outside = torch.ones(len(old), dtype=torch.bool)
    outside[round(start_s * 30) : round(stop_s * 30)] = False
    assert torch.equal(old.rotations[outside], new.rotations[outside])
    assert torch.equal(old.root_m[outside], new.root_m[outside])
    assert not torch.equal(old.rotations, new.rotations)
    if "legs" in keep:
        assert torch.equal(old.rotations[:, [1, 4, 7, 10]], new.rotations[:, [1, 4, 7, 10]])
        assert torch.equal(old.root_m[:, :2], new.root_m[:, :2])
    undone = project.undo()
    assert undone.state == before.state and undone.redoes == "an edit"
    assert files.items() <= files_of(project).items()
    assert project.redo().state == after


def frames_of(motion, frames):
    return [getattr(motion, name)[frames] for name in ("rotations", "root_m", "contacts")]


def same(one, other, frames=slice(None), of_other=None):
    """Bit for bit, at these frames of the one and those of the other."""
    pairs = zip(frames_of(one, frames), frames_of(other, of_other or frames), strict=True)
    return all(torch.equal(*pair) for pair in pairs)


@pytest.mark.parametrize(
    ("task", "kept"),
    [
        (Complete("in-fill", ("?",), gaps=("1s:2s",), keyframes=("1.5s",), steps=2), [(0, 30), (45, 46), (60, None)]),
        (Complete("lay in", ("?", "?"), span="1s:5s", steps=2), [(0, 30), (150, None)]),
        (Complete("continue", ("?",), length="1s", steps=2), [(0, 180)]),
        (Complete("loop", ("?",), length="1s", steps=2), [(0, 180)]),
        (Complete("blend", ("?", "?"), length="1s", leave="3s", steps=2), [(0, 91)]),
        (Complete("in-between", ("?", "?"), length="1s", leave="2s", steps=2), [(0, 61)]),
    ],
)  # fmt: skip
def test_every_other_edit_leaves_all_but_what_it_makes_bit_for_bit(task, kept, do, danced, project):
    """As in the take's own file; undo takes it back and redo brings it again."""
    part = do(Cut(danced.takes[1].id, "2s:3.5s"), "a part")["media"]
    do(replace(task, sources=(danced.shown, part)[: len(task.sources)]))
    after = project.read().state
    old, new = (read_motion(project.take_path(id)) for id in (danced.shown, after.shown))
    for start, stop in kept:
        assert same(new, old, slice(start, stop if stop else len(old)))
    assert len(new) != len(old) or not same(new, old)
    assert project.undo().state.shown == danced.shown and project.redo().state == after


def test_a_part_of_a_take_becomes_a_motion_of_the_project(do, danced, project):
    """Frame for frame; what is drawn from it lies in a dance with every pose as it was."""
    made = do(Cut(danced.takes[1].id, "2s:3.5s", "style"), "a part")
    media = project.read().medium(made["media"])
    whole, part = read_motion(project.take_path(danced.takes[1].id)), read_motion(project.media_path(media.id))
    assert same(part, whole, slice(0, 45), slice(60, 105)) and len(part) == 45
    assert (media.kind, media.label, media.facts["use"]) == ("motion", "Dance, take 2, 2.0 to 3.5 s", "style")
    assert project.read().state == danced  # no step of the history
    do(Complete("lay in", (danced.shown, media.id), span="1s:5s", steps=2))
    laid = read_motion(project.take_path(project.read().state.shown))
    at = 30 + (120 - 45) // 2
    assert torch.equal(laid.rotations[at : at + 45, 1:], part.rotations[:, 1:])


@pytest.mark.parametrize("span", ["5s:9s", "3s:2s", "all", "0c:4c"])
def test_a_part_that_is_none_is_told_and_leaves_nothing(span, do, danced, project):
    before = project.read()
    with pytest.raises(InputError):
        do(Cut(danced.shown, span))
    assert project.read() == before and len(list((project.folder / "media").iterdir())) == 1


def test_a_foot_lock_moves_nothing_but_the_legs_of_its_span(do, danced, project):
    do(Complete("foot lock", (danced.shown,), span="2s:4s", steps=2))
    old, new = (read_motion(project.take_path(id)) for id in (danced.shown, project.read().state.shown))
    legs = torch.zeros(24, dtype=torch.bool)
    legs[[1, 2, 4, 5, 7, 8]] = True
    assert torch.equal(old.root_m, new.root_m) and torch.equal(old.rotations[:, ~legs], new.rotations[:, ~legs])
    assert torch.equal(old.rotations[:60], new.rotations[:60]) and torch.equal(old.rotations[120:], new.rotations[120:])
    assert not torch.equal(old.rotations[60:120], new.rotations[60:120])


@pytest.mark.parametrize(
    ("task", "seconds"),
    [
        (Complete("in-fill", ("?",), gaps=("1s:2s",), keyframes=("1.5s",), steps=2), 6.0),
        (Complete("continue", ("?",), length="1s", steps=2), 7.0),
        (Complete("loop", ("?",), length="1s", steps=2), 7.0),
        (Complete("blend", ("?", "?"), length="1s", leave="3s", enter="2s", steps=2), 8.0),
        (Complete("in-between", ("?", "?"), length="1s", leave="2s", enter="5s", alone=True, steps=2), 4.0),
    ],
)
def test_every_edit_makes_a_take_of_its_length(task, seconds, do, danced, project):
    ids = [take.id for take in danced.takes]
    do(replace(task, sources=tuple(ids[: len(task.sources)])))
    state = project.read().state
    assert state.take(state.shown).seconds == pytest.approx(seconds, abs=0.1)
    assert state.take(state.shown).parent == ids[0]


def test_a_window_is_danced_anew(do, danced, project):
    do(Remake(danced.takes[1].id, (1.0,)))
    take = project.read().state.takes[-1]
    old, new = (read_motion(project.take_path(id)) for id in (danced.takes[1].id, take.id))
    ((_, stop_s),) = take.made_s
    after = round(stop_s * 30)
    assert torch.equal(old.rotations[after:], new.rotations[after:]) and after < len(old)
    assert not torch.equal(old.rotations[:after], new.rotations[:after])


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (Complete("regenerate", ("?",), span="1s:90s"), "90s"),
        (Complete("regenerate", ("?",), span="nonsense"), "no span"),
        (Complete("regenerate", ("?",), span="1s:2s", keep=("tail",)), "tail"),
        (Complete("blend", ("?",), length="1s"), "needs 2 motions"),
        (Complete("continue", ("?",)), "no time"),
    ],
)
def test_edits_that_cannot_be_are_told_in_a_sentence_and_leave_nothing(task, said, do, danced, project):
    before = project.read()
    with pytest.raises(InputError, match=said):
        do(replace(task, sources=(danced.shown,)))
    assert project.read() == before
    assert all(folder.name in {take.folder for take in danced.takes} for folder in (project.folder / "takes").iterdir()
               if any(folder.iterdir()))  # fmt: skip


@pytest.mark.parametrize("format", ["npz", "bvh", "glb", "counts.csv"])
def test_what_is_there_already_is_exported_byte_for_byte(format, do, danced, project):
    made = do(Export(danced.shown, format))
    exported = project.export_path(made["id"])
    assert exported.name == f"take1.{format}" == made["file"]
    assert exported.read_bytes() == project.take_path(danced.shown, f".{format}").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("format", ["mp4", "html"])
def test_films_and_pages_are_exported(format, do, danced, project):
    exported = project.export_path(do(Export(danced.shown, format, size=(64, 64)))["id"])
    head = exported.read_bytes()[:100]
    assert b"ftyp" in head if format == "mp4" else b"<!doctype html>" in head


def test_what_has_no_song_has_no_counts_to_export(do, danced, project):
    mute = replace(danced.takes[0], start_s=None)
    project.change("no song", lambda state: replace(state, takes=(mute,), shown=mute.id))
    (project.take_folder(mute.folder) / f"{mute.stem}.counts.csv").unlink()
    with pytest.raises(InputError, match="has no song"):
        do(Export(mute.id, "counts.csv"))


@pytest.mark.skipif(os.name == "nt", reason="the invented Blender is a shell script")
@pytest.mark.parametrize("format", ["fbx", "usd"])
def test_blender_makes_fbx_and_usd_of_the_takes_glb(format, do, danced, project, monkeypatch, tmp_path):
    blender = tmp_path / "blender"
    blender.write_text('#!/bin/sh\nfor target; do source="$before"; before="$target"; done\ncp "$source" "$target"\n')
    blender.chmod(0o755)
    monkeypatch.setenv("VIMO_BLENDER", str(blender))
    exported = project.export_path(do(Export(danced.shown, format))["id"])
    assert exported.suffix == f".{format}"
    assert exported.read_bytes() == project.take_path(danced.shown, ".glb").read_bytes()


def test_blender_that_is_not_there_is_told(do, danced, monkeypatch, tmp_path):
    monkeypatch.setenv("VIMO_BLENDER", str(tmp_path / "no blender"))
    with pytest.raises(InputError, match="VIMO_BLENDER"):
        do(Export(danced.shown, "fbx"))


def test_a_videos_takes_know_their_video(do, project, receive, invented_dance, monkeypatch):
    """Whatever becomes of the job, the page finds the keypoints that lie beside them."""
    video = project.adopt(receive(b"a film", "me.mp4", "video"))

    def recipe(path, out, settings, film, report):
        assert path == project.media_path(video.id) and settings.takes == 1
        out.mkdir(parents=True)
        write_motion(invented_dance(60, 0), out / "motion.npz")
        return {"takes": [{"files": ["motion.npz"], "seed": 0, "numbers": {}}], "video_offset_s": 0.0}

    monkeypatch.setattr("stylize.motion_from_video.motion_from_video", recipe)
    do(Motion(video.id, takes=1), "motion of me")
    (take,) = project.read().state.takes
    assert (take.filmed, take.start_s, take.parent) == (video.id, None, None)
    assert read_motion(project.take_path(take.id)).seconds == take.seconds == 2.0


# --- styles


@pytest.fixture
def library(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("VIMO_STYLES", str(tmp_path / "styles"))
    return tmp_path / "styles"


def test_clips_are_added_under_their_names_and_stay_when_more_come(do, project, receive, library, monkeypatch, storage):
    seen: list = []

    def collect(places, clips, settings, report):
        seen.append(sorted(path.name for place in places for path in place.iterdir()))
        return Summary(1, 2, 2, 0, {}, 5.0, {}, (), Path("page.html"))

    from stylize.style_clips.collect import Summary

    monkeypatch.setattr("stylize.style_clips.collect.collect", collect)
    first, second = (
        project.adopt(receive(data, label)) for data, label in ((b"1", "My Clip!.mp4"), (b"2", "../x.mp4"))
    )
    assert do(StyleAdd("waltz", (first.id,)))["kept"] == 2
    do(StyleAdd("waltz", (second.id,)))
    assert [len(names) for names in seen] == [1, 2] and seen[0][0].startswith("my-clip-") and seen[0][0] in seen[1]
    for name in ("../evil", "Ü", "", "con"):
        with pytest.raises(InputError):
            do(StyleAdd(name, (first.id,)))
    assert [path.name for path in storage.clips.iterdir()] == ["waltz"]


def test_training_tells_its_steps(do, library, monkeypatch, storage, project):
    (library / "waltz" / "clips").mkdir(parents=True)
    told: list = []
    monkeypatch.setattr("stylize.style_recipe.ClipSet", lambda _folder: SimpleNamespace(index={"source": "me"}))
    monkeypatch.setattr("stylize.studio.teaching._LOOK_EVERY_S", 0.01)

    def train_style(config) -> None:
        assert (config.name, config.data.source, config.trainer.steps) == ("waltz", "me", 40)
        stats = Path(config.out) / "training" / "stats.jsonl"
        stats.parent.mkdir()
        stats.write_text('{"step": 10, "loss": 1}\n{"step": 20, "loss": 1}\n')
        while ("Training", 20, 40) not in told:
            pass

    monkeypatch.setattr("edge_adapter.style_training.train_style", train_style)
    from stylize.studio.bench import Bench
    from stylize.studio.teaching import style_train

    bench = SimpleNamespace(spec=Bench)
    assert style_train(bench, StyleTrain("waltz", 40), lambda *progress: told.append(progress)) == {"name": "waltz"}
    assert told[0] == ("Training", 0, 40)
    with pytest.raises(InputError, match="no clips"):
        style_train(bench, StyleTrain("tango"), lambda *_progress: None)


def test_a_package_that_is_none_is_told_by_its_label(do, project, receive, library):
    media = project.adopt(receive(b"no package", "nice.vimostyle"))
    with pytest.raises(InputError, match=r"^nice\.vimostyle: not a") as told:
        do(StyleInstall(media.id))
    assert str(project.folder) not in str(told.value)


def test_what_is_wrong_with_a_file_is_told_by_the_name_its_owner_knows(do, danced, project, tmp_path):
    (tmp_path / "walk").write_bytes(b"no motion")
    bad = Media(new_id(), "motion", "walk.npz", ".npz", 9, "")
    project.take_in(bad, tmp_path / "walk")
    with pytest.raises(InputError, match=r"walk\.npz") as told:
        do(Complete("blend", (danced.shown, bad.id), length="1s"))
    assert str(project.folder) not in str(told.value)


@pytest.mark.studio
def test_a_real_worker_listens(storage, project, monkeypatch):
    """The whole way: queue, process, recipe, file."""
    queue = JobQueue(storage, ("cpu",))
    try:
        song = project.read().state.song
        job = over(queue, queue.submit(Listen(song), project, "Listen"), 300)
        assert (job.status, job.error) == ("done", "") and project.listened(song)["as heard"]["beats_s"]
    finally:
        queue.close()


def test_contents_are_what_they_are(tmp_path, song_bytes):
    from stylize.studio.contents import inspect

    (tmp_path / "x").write_bytes(song_bytes)
    assert inspect("song", tmp_path / "x", "song") == Contents(".wav", {"seconds": SONG_S})


def test_a_song_too_short_to_dance_to_is_refused_at_once(tmp_path):
    from stylize.studio.contents import look

    soundfile.write(tmp_path / "x.wav", np.zeros(11_025), 22_050)
    with pytest.raises(InputError, match=r"lasts 0\.50 s"):
        look("song", tmp_path / "x.wav", None)
