"""A folder of clips becomes a clip set: found, prepared one by one, judged together, and shown on a page.

What is prepared stays: a run that was stopped goes on where it was, another run over the same clips does nothing. The
set is what the places hold now; clips that are there no more leave it. Processes that Accelerate's environment names
(`torchrun`, SLURM) share the clips, and any number of them makes the same bytes.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState

from core_vimo.clip_set import INDEX, ITEMS, OVERRULES, SPLITS, WINDOW, WINDOWS, Clip, ClipSet, write_clip_index
from core_vimo.errors import InputError
from core_vimo.motion import FPS
from core_vimo.motion_store import read_stretch
from core_vimo.video_to_motion.build import SHIPPED
from edge_adapter.features import LibrosaExtractor
from stylize.progress import Report
from stylize.style_clips.copies import nearest_earlier
from stylize.style_clips.find import find_items
from stylize.style_clips.hold_out import BOTH, has_an_end_to_spare, held_out_clips, split_in_time
from stylize.style_clips.page import PAGE, write_page
from stylize.style_clips.prepare import Preparer, Record
from stylize.style_clips.settings import CollectSettings
from stylize.style_clips.verdict import REASONS, judge

__all__ = ["CollectSettings", "Summary", "collect"]

_VERDICTS = 1
"""Part of an index's key: raised when the same records would be judged, split or shown differently."""

_PATIENCE = timedelta(days=7)  # a process may have long videos while the others wait for it


@dataclass(frozen=True)
class Summary:
    """What a clip set holds. kept and held_out count windows to train and to test on, a person's overrules included;
    rejected counts them by reason, seconds is what the kept ones cover, failed is a sentence a clip that is of no use.
    """

    clips: int
    windows: int
    kept: int
    held_out: int
    rejected: dict[str, int]
    seconds: float
    failed: dict[str, str]
    rendered: tuple[str, ...]
    page: Path


def collect(
    places: Sequence[Path],
    folder: Path,
    settings: CollectSettings | None = None,
    report: Report = lambda what, done, total: None,
    *,
    bundle: Path = SHIPPED,
) -> Summary:
    """Make the clip set of everything at these places in `folder`, or bring it up to date; see the module.

    A clip that can't be used is listed with its sentence. Raises InputError where nothing is found or no clip can be
    used (its sentences are given), MissingExtraError where videos need an estimator that isn't installed.
    """
    settings = settings or CollectSettings()
    items = find_items([Path(place) for place in places])
    there_before = folder.exists()
    state = PartialState(cpu=True, timeout=_PATIENCE)  # without it, processes without a GPU think they are alone
    tell = report if state.is_main_process else lambda what, done, total: None
    prepare = Preparer(folder / ITEMS, settings, bundle, tell)
    with _one_thread(), state.split_between_processes(items) as own:
        for number, item in enumerate(own):
            prepare(item)
            tell("Clips", number + 1, len(own))
    state.wait_for_everyone()
    records = [prepare(item) for item in items]  # read: all are there now
    state.wait_for_everyone()
    if state.is_main_process:
        with _one_thread():
            _index(records, folder, settings, there_before)
    state.wait_for_everyone()
    return summary(folder)


def summary(folder: Path) -> Summary:
    """What the clip set in a folder holds."""
    clips = ClipSet(folder)
    kept, test = clips.kept("train"), clips.kept("test")
    reasons = np.bincount(np.asarray(clips.windows["reason"]), minlength=len(REASONS))
    usable = [clip for clip in clips.clips if clip.failed is None]
    return Summary(
        clips=len(usable),
        windows=len(clips),
        kept=len(kept),
        held_out=len(test),
        rejected={reason.word: int(count) for reason, count in zip(REASONS[1:], reasons[1:], strict=True) if count},
        seconds=_covered_frames(clips, np.concatenate((kept, test))) / FPS,
        failed={clip.name: clip.failed for clip in clips.clips if clip.failed is not None},
        rendered=tuple(clip.name for clip in usable if clip.sound.startswith("none")),
        page=folder / PAGE,
    )


def _covered_frames(clips: ClipSet, indices: np.ndarray) -> int:
    """Of clips' time, that windows cover; takes of one clip count once."""
    rows = np.unique(clips.windows[np.sort(indices)][["item", "start"]])
    if not len(rows):
        return 0
    apart = np.minimum(np.diff(rows["start"]), clips.window_frames)
    return int(np.where(np.diff(rows["item"]) == 0, apart, clips.window_frames).sum()) + clips.window_frames


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums hang on the count of threads in their last bits; so would what one process or several make."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _index(records: list[Record], folder: Path, settings: CollectSettings, there_before: bool) -> None:
    """Judge all windows together, write index and page, and forget what is of no clip any more."""
    failed = [record.failed for record in records if record.failed is not None]
    if len(failed) == len(records):
        if not there_before:
            shutil.rmtree(folder, ignore_errors=True)
        more = f" (and {len(failed) - 3} more)" if len(failed) > 3 else ""
        raise InputError(f"none of the {len(failed)} clips can be used: {'; '.join(failed[:3])}{more}")
    made_of = _made_of(records, folder, settings)
    if _index_key(folder) != made_of:
        (folder / PAGE).unlink(missing_ok=True)  # an old page beside a new index would pass for the new one's
        records = _with_copies(records, folder, settings)
        clips, windows = _judged(records, settings)
        facts = {"licence": settings.licence, "source": settings.source, "made_of": made_of}
        write_clip_index(folder, clips, windows, settings.window_frames, LibrosaExtractor().name, **facts)
        write_page(ClipSet(folder), records, folder / PAGE)
    names = {record.name for record in records}
    for left in (folder / ITEMS).iterdir():
        if left.name not in names:
            shutil.rmtree(left, ignore_errors=True)


def _made_of(records: list[Record], folder: Path, settings: CollectSettings) -> str:
    """Of all that the index and the page hang on."""
    overrules = folder / OVERRULES
    said = overrules.read_text() if overrules.exists() else ""
    parts = [_VERDICTS, [record.key for record in records], asdict(settings), said]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _index_key(folder: Path) -> str | None:
    """None where index, windows or page are missing or damaged."""
    if not all((folder / name).is_file() for name in (INDEX, WINDOWS, PAGE)):
        return None
    try:
        return str(ClipSet(folder).index.get("made_of"))
    except InputError:
        if (folder / OVERRULES).exists():
            raise  # a person's file is for a person to mend
        return None


def _with_copies(records: list[Record], folder: Path, settings: CollectSettings) -> list[Record]:
    """Each window told how near it comes to an earlier clip's first take."""
    usable = [record for record in records if record.failed is None]
    motions = [read_stretch(folder / ITEMS / r.name / "take0.safetensors", 0, r.frames)[0] for r in usable]
    starts = [[window.start for window in record.windows if window.take == 0] for record in usable]
    nearest = nearest_earlier([motion.joints_m() for motion in motions], starts, settings.window_frames)
    told = {}
    for record, own, near in zip(usable, starts, nearest, strict=True):
        found = {
            s: (d, usable[k].name if k >= 0 else "") for s, d, k in zip(own, near.distance_m, near.clip, strict=True)
        }
        windows = []
        for window in record.windows:
            distance, name = found[window.start]
            windows.append(replace(window, facts=replace(window.facts, copy_m=distance, copy_of=name)))
        told[record.name] = replace(record, windows=tuple(windows))
    return [told.get(record.name, record) for record in records]


def _judged(records: list[Record], settings: CollectSettings) -> tuple[list[Clip], np.ndarray[Any, Any]]:
    """The rows of `clips.json` and `windows.npy`."""
    reasons = [[judge(window.facts, settings.allow) for window in record.windows] for record in records]
    usable = [record.name for record, own in zip(records, reasons, strict=True) if 0 in own]
    test = held_out_clips(usable, settings.hold_out)
    clips, rows = [], []
    for number, (record, own) in enumerate(zip(records, reasons, strict=True)):
        split = "test" if test is not None and record.name in test else "train"
        for window, reason in zip(record.windows, own, strict=True):
            side = SPLITS[split]
            if test is None:
                side = split_in_time(window.start, record.frames, settings.window_frames, settings.stride_frames)
            rows.append((number, window.take, window.start, not reason, reason, side, window.facts.scores()))
        if test is None and has_an_end_to_spare(record.frames, settings.window_frames):
            split = BOTH
        clips.append(
            Clip(
                record.name, record.sha256, record.kind, record.sound, record.frames, record.takes, split, record.failed
            )
        )
    return clips, np.array(rows, WINDOW)
