"""The recipe behind `vimo inbetween`, `infill`, `blend`, `edit`, `continue` and `loop`: read, make, rank, write."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from completion import CleanUp, Filler, Keeping, Manner, part
from core_vimo import __version__
from core_vimo.errors import InputError
from core_vimo.evidence import evidence
from core_vimo.motion import FPS
from core_vimo.publish import MANIFEST, publish_into, sha256_file
from core_vimo.reading import naming
from core_vimo.video_to_motion.build import SHIPPED as SHIPPED_VIMO
from core_vimo.video_to_motion.build import load_vimo
from core_vimo.video_to_motion.video_motion import SHORTEST_S, VideoMotion
from edge_adapter.build import SHIPPED, DanceModel, load_dance_model
from edge_adapter.long_song import SongDancer
from stylize.dance import DanceSettings, Heard, Tempo, listen
from stylize.edits import Edit, Plan
from stylize.motion_from_video import MotionSettings, look
from stylize.paths import require_others
from stylize.pieces import Piece, Song, read_piece, song_for
from stylize.progress import Report
from stylize.spans import Clock, Moment, Span, seconds
from stylize.style_timeline import Styling
from stylize.styled_model import Outfit, styled
from stylize.take_files import FilmSettings, Sound, Take, stems, write_ranked
from stylize.takes import measure

_NAMED = ("left arm", "right arm", "head", "torso", "left leg", "right leg", "pelvis", "root path")
"""The parts in which a manifest says what was kept: the whole body, none of them twice."""
_MOST_PASSES = 100
_SUFFIXES = ("npz", "bvh", "glb", "counts.csv", "mp4")


@dataclass(frozen=True)
class CompletionSettings:
    """What decides a completion, beside its sources and the model; kept in the manifest.

    take k of `takes` has the seed `seed + k`; guidance and smoothing_s as in `stylize.dance`; passes and clean as in
    `completion.Keeping` (a manifest says what None came to); plant holds standing feet, all off the known frames.
    tempo and first_count (None: as the dance's own manifest says, else as heard) correct the beats. styles and timeline
    are those of what is made to a song, as in `stylize.dance`.
    """

    seed: int = 0
    takes: int = 1
    steps: int = 15
    guidance: float = 2.0
    passes: int = 1
    clean: bool | None = None
    smoothing_s: float = 0.033
    plant: bool = True
    tempo: Tempo | None = None
    first_count: int | None = None
    styles: tuple[str, ...] = ()
    timeline: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.guidance) and 1 <= self.takes <= 100 and 1 <= self.steps <= 1000):
            raise InputError("takes must lie in 1 to 100, steps in 1 to 1000, and guidance be a finite number")
        if self.passes > _MOST_PASSES:
            raise InputError(f"{self.passes} passes a step would take for ever; give 1 to {_MOST_PASSES}")
        self.manner()
        self.styling()

    def manner(self) -> Manner:
        keeping = Keeping(clean=self.clean, passes=self.passes)
        return Manner(self.seed, 1, keeping, CleanUp(plant=self.plant, smoothing_s=self.smoothing_s))

    def styling(self) -> Styling:
        return Styling.of(self.styles, self.timeline)


@dataclass(frozen=True)
class Guidance:
    """What the filling goes by: like a video, else to a song, else by nothing (`alone` leaves the song unheeded).

    Without `song` the first source's own manifest is asked; start_s is where in the song the finished motion begins.
    A song gives sound and counts in any case.
    """

    song: Path | None = None
    start_s: float | None = None
    like: Path | None = None
    alone: bool = False

    def __post_init__(self) -> None:
        if self.like and self.alone:
            raise InputError("--like goes by a video, --alone by nothing; give one of them")

    def to_song(self, song: Song | None) -> bool:
        return song is not None and self.like is None and not self.alone


@dataclass(frozen=True, eq=False)
class _Listened:
    """A song, and what was heard of it from where the motion begins."""

    song: Song
    heard: Heard

    def sound(self) -> Sound:
        return Sound(self.song.path, self.song.start_s, self.heard.grid)


def complete_files(
    edit: Edit,
    sources: Sequence[Path | str],
    out: Path | str,
    settings: CompletionSettings | None = None,
    guidance: Guidance | None = None,
    film: FilmSettings | None = None,
    *,
    bundle: Path | str = SHIPPED,
    video_bundle: Path | str = SHIPPED_VIMO,
    report: Report = lambda what, done, total: None,
) -> dict[str, Any]:
    """Make an edit of motion files or videos and write what `vimo dance` writes, best take first, into `out`.

    Returns the manifest, which also says what was converted, and which frames are known. Known frames of a motion at
    30 fps come back bit for bit in the NPZ. Everything appears at once when all is done. Raises InputError.
    """
    paths, out, video_bundle = [Path(source) for source in sources], Path(out), Path(video_bundle)
    settings, guidance, film = settings or CompletionSettings(), guidance or Guidance(), film or FilmSettings()
    song = song_for(paths[0], guidance.song, guidance.start_s, needed=not guidance.alone)
    names = [MANIFEST, *(f"{stem}.{suffix}" for stem in stems(settings.takes) for suffix in _SUFFIXES)]
    beside = [path.parent / MANIFEST for path in paths if (path.parent / MANIFEST).is_file()]
    require_others((out / name for name in names), [*paths, *beside, guidance.like, song.path if song else None])
    model = load_dance_model(bundle, "cuda" if torch.cuda.is_available() else "cpu")
    if settings.styling().names and not guidance.to_song(song):
        raise InputError("styles dance to a song; give it with --song, and neither --like nor --alone")
    model, outfit = styled(model, settings.styling())
    with publish_into(out) as aside:  # first of all: a folder that can't be written is told before minutes of work
        pieces = [read_piece(path, video_bundle, report) for path in paths]
        listened = _listen(song, model, outfit, settings, report)
        plan = edit.plan([piece.motion for piece in pieces], Clock(listened.heard.grid if listened else None))
        filler, goes_by = _filler(guidance, listened, plan, settings, model, video_bundle, report)
        settings = replace(settings, clean=settings.manner().keeping.shows_clean(filler))
        takes = _takes(plan, filler, settings, listened, report)
        rows = write_ranked(takes, aside, listened.sound() if listened else None, film, report)
        manifest = _manifest(edit, pieces, listened, outfit, plan, settings, film, goes_by, rows)
        (aside / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def _listen(
    song: Song | None, model: DanceModel, outfit: Outfit, settings: CompletionSettings, report: Report
) -> _Listened | None:
    if song is None:
        return None
    tempo = settings.tempo or song.tempo
    first_count = song.first_count if settings.first_count is None else settings.first_count
    as_heard = replace(song, tempo=tempo, first_count=first_count)
    report("Listening", 0, 1)
    with naming(song.path):
        wanted = DanceSettings(start_s=song.start_s, tempo=tempo, first_count=first_count)
        heard = listen(song.path, model.extractor, wanted)
    report("Listening", 1, 1)
    return _Listened(as_heard, replace(heard, features=outfit.beside(heard.features, heard.grid)))


def _filler(
    guidance: Guidance,
    listened: _Listened | None,
    plan: Plan,
    settings: CompletionSettings,
    model: DanceModel,
    video_bundle: Path,
    report: Report,
) -> tuple[Filler, dict[str, Any]]:
    """Who fills in, and what a manifest says of it."""
    if guidance.like is not None:
        return _like_video(guidance.like, plan, settings, video_bundle, report)
    _require_steps(settings, model.schedule.steps)
    dancer = SongDancer(
        model.network, model.codec, model.schedule, weight=settings.guidance, steps=settings.steps
    )  # fmt: skip
    shown = model.per_frame_timesteps
    if listened is None or guidance.alone:
        filler = Filler.alone(dancer, per_frame_timesteps=shown)
    else:
        music = listened.heard.features.to(next(model.backbone.parameters()).device)
        filler = Filler.to_song(dancer, music, per_frame_timesteps=shown)
    return filler, {"filled_by": filler.goes_by, "bundle_sha256": model.bundle_hash}


def _like_video(
    video: Path, plan: Plan, settings: CompletionSettings, bundle: Path, report: Report
) -> tuple[Filler, dict[str, Any]]:
    """The video lies over the finished motion from the first gap on."""
    model = load_vimo(bundle, "cuda" if torch.cuda.is_available() else "cpu")
    _require_steps(settings, model.schedule.steps)
    at = plan.gaps[0][0]
    needed_s = max((plan.gaps[-1][1] - at) / FPS, SHORTEST_S)
    seen = look(video, None, MotionSettings(seconds=needed_s), report)
    told = evidence(seen.footage)[None].to(next(model.network.parameters()).device)
    watcher = VideoMotion(model, weight=settings.guidance, steps=settings.steps)
    filler = Filler.like_video(watcher, told, at, per_frame_timesteps=model.per_frame_timesteps)
    facts = {"video": str(video.resolve()), "video_sha256": sha256_file(video), "bundle_sha256": model.bundle_hash}
    return filler, {"filled_by": filler.goes_by, **facts}


def _require_steps(settings: CompletionSettings, most: int) -> None:
    if settings.steps > most:
        raise InputError(f"{settings.steps} sampling steps asked of a model with {most}; ask for fewer")


def _takes(
    plan: Plan, filler: Filler, settings: CompletionSettings, listened: _Listened | None, report: Report
) -> list[Take]:
    beats_s = np.zeros(0) if listened is None else listened.heard.grid.beats_s
    takes = []
    for number in range(settings.takes):
        report("Filling in", number, settings.takes)
        seed = settings.seed + number
        (motion,) = plan.make(filler, replace(settings.manner(), seed=seed))
        takes.append(Take(motion, seed, measure(motion, beats_s)))
    report("Filling in", settings.takes, settings.takes)
    return takes


def _manifest(
    edit: Edit,
    pieces: Sequence[Piece],
    listened: _Listened | None,
    outfit: Outfit,
    plan: Plan,
    settings: CompletionSettings,
    film: FilmSettings,
    goes_by: Mapping[str, Any],
    takes: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "vimo": __version__,
        "torch": torch.__version__,
        "edit": {"what": type(edit).__name__, **_in_words(edit)},
        "sources": [_row(piece) for piece in pieces],
        **goes_by,
        **_heard(listened),
        "styles": outfit.rows(listened.heard.features) if listened else [],
        "settings": asdict(settings) | _correction(listened),
        "film": asdict(film),
        "made_frames": [list(gap) for gap in plan.gaps],
        "made_s": [seconds(gap) for gap in plan.gaps],
        "known_frames": [list(gap) for gap in _outside(plan)],
        "kept_in_what_is_made": _kept(plan),
        "said": list(plan.said),
        "frames": plan.frames,
        "fps": FPS,
        "unit": "metre (BVH: centimetre)",
        "up": "z (BVH, GLB: y)",
        "skeleton": "SMPL-24",
        "takes": takes,
    }


def _row(piece: Piece) -> dict[str, Any]:
    row = {"file": str(piece.path.resolve()), "sha256": piece.sha256, "converted": list(piece.said)}
    return row if piece.bundle_sha256 is None else row | {"bundle_sha256": piece.bundle_sha256}


def _heard(listened: _Listened | None) -> dict[str, Any]:
    if listened is None:
        return {"song": None}
    song, grid = listened.song, listened.heard.grid
    return {
        "song": str(song.path.resolve()),
        "song_sha256": sha256_file(song.path),
        "song_known_from": song.manifest and str(song.manifest.resolve()),
        "audio_offset_s": song.start_s,
        "tempo_bpm": round(grid.tempo_bpm, 2),
        "beats_per_bar": grid.beats_per_bar,
        "beat_confidence": round(grid.confidence, 3),
    }


def _correction(listened: _Listened | None) -> dict[str, Any]:
    """Of the beats, as it was in force: whoever edits the result further counts in the same way."""
    return {} if listened is None else {"tempo": listened.song.tempo, "first_count": listened.song.first_count}


def _in_words(edit: Any) -> dict[str, Any]:
    return {field.name: _word(getattr(edit, field.name)) for field in fields(edit)}


def _word(value: Any) -> Any:
    if isinstance(value, Moment | Span):
        return str(value)
    if isinstance(value, tuple):
        return [_word(item) for item in value]
    return _in_words(value) if is_dataclass(value) else value


def _outside(plan: Plan) -> list[tuple[int, int]]:
    edges = [0, *(frame for gap in plan.gaps for frame in gap), plan.frames]
    return [(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True) if start < stop]


def _kept(plan: Plan) -> list[str]:
    """The named parts that are kept where the rest is made."""
    kept = plan.kept(1)
    return [name for name in _NAMED if bool((kept | ~part(name)(1)).all())]
