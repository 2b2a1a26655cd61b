"""One clip becomes a folder: its motions, its music, its windows measured and pictured; or the sentence why it didn't.

The folder appears whole or not at all, and its record says of what and how it was made: what is there isn't made again.
"""

import hashlib
import json
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core_vimo.bundle import bundle_hash
from core_vimo.clip_set import write_music, write_take
from core_vimo.errors import InputError, MissingExtraError
from core_vimo.evidence import CONFIDENT
from core_vimo.footage import Footage
from core_vimo.formats import read_motion
from core_vimo.formats.sources import Source, at_rate
from core_vimo.motion import FPS, Motion, face_audience
from core_vimo.publish import publish_folder
from core_vimo.randomness import fold
from core_vimo.reading import read_json
from core_vimo.video.decode import probe
from core_vimo.video_to_motion.build import VideoMotionModel, load_vimo
from core_vimo.video_to_motion.camera_fit import fit_camera
from core_vimo.video_to_motion.motion_set import Views
from edge_adapter.features import LibrosaExtractor
from stylize.motion_from_video import MotionSettings, look, motion_takes
from stylize.progress import Report
from stylize.style_clips.find import Item
from stylize.style_clips.settings import CollectSettings
from stylize.style_clips.sound import music_of
from stylize.style_clips.thumbnail import window_pictures, write_small
from stylize.style_clips.verdict import Facts, glitches_at_30_fps, measure

RECORD = "windows.json"

LEAST_FPS = 8.0
"""Of what was recorded; quick steps take an eighth of a second, and what lies between pictures is guessed."""

_RECIPE = 1
"""Part of every record's key: raised when the same clip would become something else."""
_FILMED_RECIPE = 2
"""The same of videos and keypoints alone: with what was seen, since 2."""


@dataclass(frozen=True)
class WindowFacts:
    """One window: which take, its first frame, the name of its picture, what was measured."""

    take: int
    start: int
    picture: str
    facts: Facts


@dataclass(frozen=True)
class Record:
    """What a clip's folder says of itself; key: of all that it hangs on; note: whom a video's motion follows."""

    key: str
    name: str
    sha256: str
    kind: str
    sound: str = ""
    note: str = ""
    frames: int = 0
    takes: int = 0
    failed: str | None = None
    windows: tuple[WindowFacts, ...] = ()


@dataclass(frozen=True, eq=False)
class _Moved:
    """A clip's motions with what is known of their frames, `[S]` each, the file that its sound is in, if any, and of a
    video what was seen, in each motion's world."""

    takes: list[Motion]
    seen: Tensor
    bad: Tensor
    sound: Path | None
    note: str = ""
    views: tuple[Views, ...] = ()


@dataclass
class Preparer:
    """Makes clips' folders in `folder`; the model is loaded when the first video comes."""

    folder: Path
    settings: CollectSettings
    bundle: Path
    report: Report
    model: VideoMotionModel | None = field(default=None, init=False)

    def __call__(self, item: Item) -> Record:
        """The clip's record, made where it isn't there; MissingExtraError where an estimator has to be installed."""
        key = self._key(item)
        record = read_record(self.folder / item.name)
        if record is not None and record.key == key:
            return record
        old = self.folder / item.name
        with publish_folder(old, [file.name for file in old.iterdir()] if old.is_dir() else []) as aside:
            record = self._made(item, key, aside)
            (aside / RECORD).write_text(json.dumps(_plain(record), indent=1) + "\n")
        return record

    def _key(self, item: Item) -> str:
        settings = self.settings
        parts: dict[str, Any] = {
            "recipe": _RECIPE,
            "clip": (item.name, item.kind, item.sha256, item.same_as, *item.companion_hashes),
            "windows": (settings.window_frames, settings.stride_frames),
            "seed": settings.seed,
            "extractor": LibrosaExtractor().version,
        }
        if item.kind in ("video", "keypoints"):
            parts["video"] = (settings.samples, settings.estimator, _bundle_hash(self.bundle), _FILMED_RECIPE)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _made(self, item: Item, key: str, aside: Path) -> Record:
        record = Record(key, item.name, item.sha256, item.kind)
        opened: dict[str, str] = {}
        try:
            if item.same_as:
                raise InputError(f"{item.label}: the same file as the clip '{item.same_as}'; one of them is enough")
            with ExitStack() as files:
                return self._written(item, record, aside, [_open(s, files, opened) for s in item.sources])
        except MissingExtraError:
            raise
        except InputError as error:
            for file in aside.iterdir():
                file.unlink()
            sentence = str(error)
            for path, name in opened.items():  # a record speaks of no machine's folders
                sentence = sentence.replace(path, name)
            return replace(record, failed=sentence)

    def _written(self, item: Item, record: Record, aside: Path, files: list[Path | None]) -> Record:
        file, keypoints, sound = files
        assert file is not None
        moved = self._moved(item, file, keypoints)
        first = moved.takes[0]
        self._check_length(item.label, len(first))
        music = music_of(first, sound or moved.sound, (self.settings.seed, item.name))
        frames = min(len(first), len(music.features))
        self._check_length(item.label, frames)
        write_music(music.features[:frames], music.beats_s, aside)
        windows: list[WindowFacts] = []
        for take, motion in enumerate(moved.takes):
            views = moved.views[take].frames(slice(0, frames)) if moved.views else None
            write_take(motion[:frames], aside, take, views)
            windows += self._windows(motion[:frames], moved, take, len(windows), aside)
        return replace(
            record, sound=music.sound, note=moved.note, frames=frames, takes=len(moved.takes), windows=tuple(windows)
        )

    def _check_length(self, label: str, frames: int) -> None:
        if frames < self.settings.window_frames:
            raise InputError(
                f"{label}: lasts {frames / FPS:.1f} s, and a window needs {self.settings.window_s:g} s; "
                "give a longer clip"
            )

    def _windows(self, motion: Motion, moved: _Moved, take: int, made: int, aside: Path) -> list[WindowFacts]:
        frames = self.settings.window_frames
        starts = range(0, len(motion) - frames + 1, self.settings.stride_frames)
        measured = measure(motion, moved.seen, moved.bad, starts, frames)
        windows = []
        pictures = window_pictures(motion, starts, frames)
        for number, (start, facts, picture) in enumerate(zip(starts, measured, pictures, strict=True), start=made):
            name = f"{number:03d}.png"
            write_small(picture, aside / name)
            windows.append(WindowFacts(take, start, name, facts))
            self.report("Picturing", number + 1 - made, len(starts))
        return windows

    def _moved(self, item: Item, file: Path, keypoints: Path | None) -> _Moved:
        if item.kind == "sound":
            raise InputError(
                f"{item.label}: a song and no clip; to give a clip this sound, call them alike, and dance to it with "
                "`vimo dance`"
            )
        if item.kind == "motion":
            return _recorded(item, file)
        return self._filmed(item, file, keypoints)

    def _filmed(self, item: Item, file: Path, keypoints: Path | None) -> _Moved:
        """Motions of a video or of its keypoints; the takes' seeds hang on the clip's name."""
        sound = None
        if item.kind == "video":
            facts = probe(file)
            _check_rate(item.label, facts.fps, "pictures")
            sound = file if facts.has_sound else None
        settings = MotionSettings(
            estimator=self.settings.estimator,
            seed=fold(self.settings.seed, item.name, "samples") % 2**31,
            takes=self.settings.samples,
        )
        seen = look(file, keypoints, settings, self.report)
        takes = motion_takes(self._loaded(), seen.footage, settings, self.report)
        motions = [face_audience(take.motion) for take in takes]
        share = (seen.footage.pose.confidence >= CONFIDENT).float().mean(1)
        views = tuple(_views(motion, seen.footage) for motion in motions)
        return _Moved(motions, share, torch.zeros(len(share), dtype=torch.bool), sound, seen.choice, views)

    def _loaded(self) -> VideoMotionModel:
        self.model = self.model or load_vimo(self.bundle, "cuda" if torch.cuda.is_available() else "cpu")
        return self.model


@cache
def _bundle_hash(bundle: Path) -> str:
    return bundle_hash(bundle)


def _open(source: Source | None, files: ExitStack, opened: dict[str, str]) -> Path | None:
    """A path to read it from while `files` is open, noted in `opened` with what a person knows it by."""
    if source is None:
        return None
    opened[str(source.path)] = source.path.name
    path = files.enter_context(source.file())
    opened[str(path)] = path.name
    return path


def _views(motion: Motion, footage: Footage) -> Views:
    """What was seen of a motion, with the camera that suits it best and follows it: nobody knows where it stood."""
    placed, camera = fit_camera(motion, footage)
    return Views.of(footage, camera.carried(0.0, motion.root_m - placed.root_m), following=True)


def _recorded(item: Item, file: Path) -> _Moved:
    """A motion file as it is, glitches and calibration included, which the windows' verdicts speak of."""
    raw = read_motion(file)
    _check_rate(item.label, raw.fps, "poses")
    motion, bad = at_rate(raw), glitches_at_30_fps(raw)
    sound = file if file.suffix.lower() == ".npz" else None
    return _Moved([motion], torch.ones(len(motion)), bad[: len(motion)], sound)


def _check_rate(label: str, fps: float, what: str) -> None:
    if fps < LEAST_FPS:
        raise InputError(
            f"{label}: has {fps:.3g} {what} a second, and a movement needs {LEAST_FPS:g} or more; give the original"
        )


def _plain(record: Record) -> dict[str, Any]:
    """As JSON keeps it; copies are found anew whenever clips come or go."""
    content = asdict(record)
    for window in content["windows"]:
        del window["facts"]["copy_m"], window["facts"]["copy_of"]
    return content


def read_record(folder: Path) -> Record | None:
    """What a clip's folder says of itself; None where there is none that can be read, and it has to be made."""
    try:
        content = read_json(folder / RECORD)
        windows = tuple(WindowFacts(**{**row, "facts": Facts(**row["facts"])}) for row in content.pop("windows"))
        return Record(**content, windows=windows)
    except (InputError, KeyError, TypeError, AttributeError):
        return None
