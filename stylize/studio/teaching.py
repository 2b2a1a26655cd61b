"""Styles: clips of a project into the library, trained there, and packages taken in."""

import json
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core_vimo.errors import InputError
from core_vimo.publish import publish_file, sha256_file
from stylize.progress import Report
from stylize.studio.bench import Bench
from stylize.studio.storage import Media
from stylize.studio.tasks import StyleAdd, StyleInstall, StyleTrain

_LOOK_EVERY_S = 1.0
_LAST_LINES = 1 << 16


def style_add(bench: Bench, task: StyleAdd, report: Report) -> dict[str, Any]:
    from stylize.style_clips.collect import CollectSettings, collect
    from stylize.style_library import clips_of, own_folder

    clips = clips_of(own_folder(task.name))
    settings = CollectSettings(samples=task.samples, allow=task.allow, source=task.source, licence=task.licence)
    folder = bench.storage.clips / task.name
    _require_own(clips, folder, task.name)
    for id in task.media:
        _keep_clip(bench.media(id), bench.content.medium(id), folder)
    summary = collect([folder], clips, settings, report)
    told = asdict(summary)
    del told["page"]
    return told


def _require_own(clips: Path, folder: Path, name: str) -> None:
    """A clip set holds what its places hold now: clips from elsewhere would leave it. Raises InputError."""
    from core_vimo.clip_set import ClipSet

    ours = {sha256_file(path) for path in folder.glob("*") if path.is_file()}
    if clips.is_dir() and not {clip.sha256 for clip in ClipSet(clips).clips} <= ours:
        raise InputError(
            f"the clips of '{name}' were added on the command line; add these there too, or choose another name"
        )


def _keep_clip(path: Path, media: Media, folder: Path) -> None:
    """The clip beside the style's others, under what is left of its label: page and card call it so."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = re.sub(r"[^a-z0-9]+", "-", Path(media.label).stem.lower()).strip("-")[:40] or "clip"
    target = folder / f"{stem}-{media.sha256[:8]}{media.suffix}"
    if not target.exists():
        with publish_file(target) as aside:
            shutil.copyfile(path, aside)


def style_train(bench: Bench, task: StyleTrain, report: Report) -> dict[str, Any]:
    from edge_adapter.style_training import TRAINING, train_style
    from stylize.style_recipe import require_clips, training_config

    config = training_config(task.name, [f"trainer.steps={task.steps}"] if task.steps else [])
    require_clips(config, task.name)
    with _told_from(Path(config.out) / TRAINING / "stats.jsonl", config.trainer.steps, report):
        train_style(config)
    return {"name": task.name}


@contextmanager
def _told_from(stats: Path, steps: int, report: Report) -> Iterator[None]:
    """Report how far a training is by the lines that it writes."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK_EVERY_S):
            with suppress(OSError, ValueError, KeyError, IndexError), open(stats, "rb") as file:
                file.seek(max(stats.stat().st_size - _LAST_LINES, 0))
                report("Training", int(json.loads(file.read().splitlines()[-1])["step"]), steps)

    report("Training", 0, steps)
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def style_install(bench: Bench, task: StyleInstall, report: Report) -> dict[str, Any]:
    from stylize.style_package import install

    report("Installing", 0, 1)
    folder = install(bench.media(task.media))
    report("Installing", 1, 1)
    return {"name": folder.name}
