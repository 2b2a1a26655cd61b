"""What each task calls: the recipes of the command line, on files of the project."""

import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from core_vimo.errors import InputError
from core_vimo.publish import sha256_file
from stylize.progress import Report
from stylize.studio.bench import Bench
from stylize.studio.exporting import export
from stylize.studio.storage import Media, shown, write_json
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
)
from stylize.studio.teaching import style_add, style_install, style_train

_PEAKS = 4000
"""Of a waveform: twice the pixels of a wide screen."""
_PEAKS_HZ = 8000


def carry_out(job: Path, report: Report) -> dict[str, Any]:
    """Do what a job's file asks for; what it came to, as JSON. Raises InputError."""
    bench = Bench(job)
    try:
        return _BY_TASK[type(bench.task)](bench, bench.task, report)
    except InputError as error:
        raise InputError(bench.in_its_words(str(error))) from error


def _listen(bench: Bench, task: Listen, report: Report) -> dict[str, Any]:
    from edge_adapter.beats import double_time, half_time, track_beats
    from edge_adapter.feature_cache import cached_features

    song = bench.media(task.media)
    report("Listening", 0, 2)
    peaks, seconds = _peaks(song)
    report("Listening", 1, 2)
    heard = track_beats(cached_features(song))
    grids = {"as heard": heard, "half": half_time(heard), "double": double_time(heard)}
    told: dict[str, Any] = {"seconds": round(seconds, 3), "peaks": peaks}
    for tempo, grid in grids.items():
        told[tempo] = {
            "beats_s": grid.beats_s.round(4).tolist(),
            "counts": grid.counts().tolist(),
            "tempo_bpm": round(grid.tempo_bpm, 2),
            "beats_per_bar": grid.beats_per_bar,
            "confidence": round(grid.confidence, 3),
        }
    write_json(bench.project.listened_path(task.media), told)
    report("Listening", 2, 2)
    return {"media": task.media}


def _peaks(song: Path) -> tuple[list[float], float]:
    """The loudest sample of each of `_PEAKS` parts of a song, the loudest of all being 1; and its seconds."""
    import numpy as np

    from edge_adapter.audio import stream_audio

    fine = _PEAKS_HZ // 100
    blocks, samples = [], 0
    for block in stream_audio(song, _PEAKS_HZ):
        samples += len(block)
        padded = np.pad(np.abs(block), (0, -len(block) % fine))
        blocks.append(padded.reshape(-1, fine).max(axis=1))
    hundredths = np.concatenate(blocks)
    starts = np.unique(np.linspace(0, len(hundredths), _PEAKS, endpoint=False).astype(int))
    peaks = np.maximum.reduceat(hundredths, starts)
    return (peaks / max(float(peaks.max()), 1e-6)).round(3).tolist(), samples / _PEAKS_HZ


def _dance(bench: Bench, task: Dance, report: Report) -> dict[str, Any]:
    from stylize.dance import DanceSettings, dance
    from stylize.take_files import FilmSettings

    song = bench.song_path()
    if song is None:
        raise InputError("there is no song to dance to; drop one first")
    settings = DanceSettings(
        start_s=bench.song["start_s"],
        seconds=bench.song["seconds"],
        tempo=bench.song["tempo"],
        first_count=bench.song["first_count"],
        **asdict(task),
        **bench.styled(),
    )
    return bench.made(dance(song, bench.takes, settings, FilmSettings(film=False), report=report))


def _remake(bench: Bench, task: Remake, report: Report) -> dict[str, Any]:
    from stylize.again import read_manifest
    from stylize.dance import dance
    from stylize.take_files import FilmSettings

    take = bench.content.take(task.take)
    song = bench.song_of(take)
    if song is None:
        raise InputError(f"{take.label}: wasn't danced to a song of this project; choose one that was")
    number = int(re.sub(r"\D", "", take.stem) or 1)
    settings = read_manifest(bench.manifest_path(take), song).remade(number, task.at_s, task.seed)
    return bench.made(dance(song, bench.takes, settings, FilmSettings(film=False), report=report), parent=take.id)


def _complete(bench: Bench, task: Complete, report: Report) -> dict[str, Any]:
    from stylize.completion import CompletionSettings, Guidance, complete_files
    from stylize.take_files import FilmSettings

    takes = [bench.content.take(id) for id in task.sources if "-" in id]
    paths = [bench.project.take_path(id) if "-" in id else bench.media(id) for id in task.sources]
    song = bench.song_of(takes[0]) if takes else None
    ours = song is not None and song == bench.song_path()
    settings = CompletionSettings(
        seed=task.seed,
        takes=task.takes,
        steps=task.steps,
        guidance=task.guidance,
        passes=task.passes,
        tempo=bench.song["tempo"] if ours else None,
        first_count=bench.song["first_count"] if ours else None,
        **(bench.styled() if ours and not (task.alone or task.like or task.edit == "foot lock") else {}),
    )
    like = bench.media(task.like) if task.like else None
    manifest = complete_files(
        _edit(task),
        paths,
        bench.takes,
        settings,
        Guidance(song=song, like=like, alone=task.alone),
        FilmSettings(film=False),
        report=report,
    )
    return bench.made(manifest, parent=takes[0].id if takes else None)


def _edit(task: Complete) -> Any:
    """The task in the words of `stylize.edits`. Raises InputError for times that are none, and for too few sources."""
    from stylize.edits import Blend, Continue, FootLock, InBetween, InFill, Joint, LayIn, Loop, Regenerate
    from stylize.spans import Moment, Span

    needed = 2 if task.edit in ("lay in", "in-between", "blend") else 1
    if len(task.sources) != needed:
        raise InputError(f"{task.edit} needs {needed} motion{'s' * (needed - 1)}; choose as many")
    span = Span.of(task.span) if task.span else None
    if task.edit == "regenerate":
        return Regenerate(span, task.keep, task.only)
    if task.edit == "foot lock":
        return FootLock(span)
    if task.edit == "in-fill":
        return InFill(tuple(map(Span.of, task.gaps)), tuple(map(Moment.of, task.keyframes)))
    if task.edit == "lay in":
        return LayIn(Span.of(task.span))
    length = Moment.of(task.length)
    if task.edit == "continue":
        return Continue(length)
    if task.edit == "loop":
        return Loop(length)
    leave, enter = (Moment.of(text) if text else None for text in (task.leave, task.enter))
    joint = Joint(length, leave, enter)
    return Blend(joint) if task.edit == "blend" else InBetween(joint, task.poses)


def _motion(bench: Bench, task: Motion, report: Report) -> dict[str, Any]:
    from stylize.motion_from_video import MotionSettings, motion_from_video

    wanted = asdict(task)
    video = bench.media(wanted.pop("media"))
    settings = MotionSettings(**wanted)
    return bench.made(motion_from_video(video, bench.takes, settings, film=False, report=report), filmed=task.media)


def _cut(bench: Bench, task: Cut, report: Report) -> dict[str, Any]:
    from core_vimo.formats import read_motion, write_motion
    from stylize.spans import Span, cut

    report("Cutting", 0, 1)
    take = bench.content.take(task.take)
    motion, begins_s = cut(read_motion(bench.project.take_path(take.id)), Span.of(task.span))
    label = f"{take.label}, {begins_s:.1f} to {begins_s + motion.seconds:.1f} s"
    facts = {"seconds": round(motion.seconds, 3), "fps": motion.fps, "frames": len(motion), "use": task.use}
    with TemporaryDirectory(prefix=".writing-", dir=bench.storage.uploads) as folder:
        file = Path(folder) / "part.npz"
        write_motion(motion, file)
        media = Media(bench.id, "motion", shown(label), ".npz", file.stat().st_size, sha256_file(file), facts)
        bench.project.take_in(media, file)
    report("Cutting", 1, 1)
    return {"media": media.id}


_BY_TASK: dict[type, Callable[[Bench, Any, Report], dict[str, Any]]] = {
    Listen: _listen,
    Dance: _dance,
    Remake: _remake,
    Complete: _complete,
    Motion: _motion,
    Cut: _cut,
    StyleAdd: style_add,
    StyleTrain: style_train,
    StyleInstall: style_install,
    Export: export,
}
