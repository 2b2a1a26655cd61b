"""The recipe from song to dance: listen, dance some takes, rank them, write the files."""

import json
import math
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from core_vimo import __version__
from core_vimo.diffusion.windows import Windows
from core_vimo.errors import InputError
from core_vimo.publish import publish_into, sha256_file
from core_vimo.reading import naming
from edge_adapter.beat_phase import WITH_BEATS, with_beat_phase
from edge_adapter.beats import BeatGrid, double_time, half_time, shift_counts, track_beats
from edge_adapter.build import SHIPPED, DanceModel, load_dance_model
from edge_adapter.feature_cache import cached_features
from edge_adapter.features import Extractor, LibrosaExtractor
from edge_adapter.jukebox import JukeboxExtractor
from edge_adapter.long_song import SongDancer, dance_windows
from stylize.polish import Polish
from stylize.progress import Report
from stylize.remaking import Draft, Remake
from stylize.style_timeline import Styling
from stylize.styled_model import Outfit, styled
from stylize.take_files import FilmSettings, Sound, Take, write_ranked
from stylize.takes import measure

MANIFEST = "manifest.json"
Tempo = Literal["as heard", "half", "double"]


@dataclass(frozen=True)
class DanceSettings:
    """What decides a dance, beside the song and the model; kept in the manifest.

    start_s, seconds: the excerpt (None: to the song's end). take k of `takes` has the seed `seed + k`. steps of the
    sampler; guidance 1 ignores "no music", 2 is EDGE's. tempo corrects the beat tracker, first_count moves count 1
    by that many beats. smoothing_s and plant: see `stylize.polish`. half takes bfloat16.
    remakes are done one after the other on the one dance there then is. styles (`jackson:0.8`) and timeline
    (`0-16 chaplin, 16-end jackson ramp 4`): see `stylize.style_timeline`.
    """

    start_s: float = 0.0
    seconds: float | None = None
    seed: int = 0
    takes: int = 1
    steps: int = 15
    guidance: float = 2.0
    tempo: Tempo = "as heard"
    first_count: int = 0
    smoothing_s: float = 0.033  # a frame
    plant: bool = True
    half: bool = False
    remakes: tuple[Remake, ...] = ()
    styles: tuple[str, ...] = ()
    timeline: str = ""

    def __post_init__(self) -> None:
        numbers = (self.start_s, self.guidance, self.smoothing_s, 1 if self.seconds is None else self.seconds)
        whole = (self.seed, self.takes, self.steps, self.first_count)
        if not (all(map(_is_finite, numbers)) and all(type(number) is int for number in whole)):
            raise InputError(
                "a dance's start, length, guidance and smoothing must be finite numbers, its other settings whole ones"
            )
        if self.tempo not in get_args(Tempo):
            raise InputError(f"tempo must be one of {', '.join(get_args(Tempo))}")
        if self.start_s < 0 or (self.seconds is not None and self.seconds < 1):
            raise InputError("the excerpt must start at 0 s or later and last at least 1 s")
        if not (1 <= self.takes <= 100 and 1 <= self.steps <= 1000 and abs(self.guidance) <= 100):
            raise InputError("takes must lie in 1 to 100, steps in 1 to 1000 and guidance in -100 to 100")
        if not (isinstance(self.timeline, str) and all(isinstance(style, str) for style in self.styles)):
            raise InputError("a dance's styles and its timeline must be words")
        self.polish()
        self.styling()
        if self.remakes and self.takes != 1:
            raise InputError("parts of one take are danced anew, not of several; choose one")

    def polish(self) -> Polish:
        return Polish(self.smoothing_s, self.plant)

    def styling(self) -> Styling:
        return Styling.of(self.styles, self.timeline)


@dataclass(frozen=True, eq=False)
class Heard:
    """What was heard in the excerpt: features `[S, C]` for the model, beats in seconds from its start.

    A model that wears K styles is told their strengths in as many further channels.
    """

    features: torch.Tensor
    grid: BeatGrid


def dance(
    song: Path | str,
    out: Path | str,
    settings: DanceSettings | None = None,
    film: FilmSettings | None = None,
    *,
    bundle: Path | str = SHIPPED,
    report: Report = lambda what, done, total: None,
) -> dict[str, Any]:
    """Dance to a song and write MP4, GLB, BVH, NPZ and a count sheet a take, and `manifest.json`, into `out`.

    Returns the manifest. Everything appears at once when all is done; other files in `out` stay. Raises InputError.
    """
    song, settings, film = Path(song), settings or DanceSettings(), film or FilmSettings()
    if re.fullmatch(r"(dance|take\d+)\.mp4", song.name) and song.resolve().parent == Path(out).resolve():
        raise InputError(f"{song}: may be replaced by the dance's own film; choose another folder for the dance")
    model = load_dance_model(bundle, "cuda" if torch.cuda.is_available() else "cpu")
    if settings.steps > model.schedule.steps:
        raise InputError(f"{settings.steps} sampling steps asked of a model with {model.schedule.steps}; ask for fewer")
    model, outfit = styled(model, settings.styling())
    with publish_into(out) as aside:  # first of all: a folder that can't be written is told before minutes of dancing
        report("Listening", 0, 1)
        heard = listen(song, model.extractor, settings)
        report("Listening", 1, 1)
        heard = replace(heard, features=outfit.beside(heard.features, heard.grid))
        with naming(song):
            takes = dance_takes(model, heard, settings, report)
        rows = write_ranked(takes, aside, Sound(song, settings.start_s, heard.grid), film, report)
        manifest = _manifest(song, model, heard, outfit, settings, film, rows)
        (aside / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def listen(song: Path, extractor_name: str, settings: DanceSettings) -> Heard:
    """Features and beats of the excerpt; both are computed for the whole song, so that excerpts agree."""
    extractor: Extractor = JukeboxExtractor() if extractor_name == JukeboxExtractor().name else LibrosaExtractor()
    grid = track_beats(cached_features(song))
    if settings.tempo != "as heard":
        grid = half_time(grid) if settings.tempo == "half" else double_time(grid)
    if settings.first_count:
        grid = shift_counts(grid, settings.first_count)
    values = cached_features(song, extractor, settings.start_s, settings.seconds).values
    within = _from(grid, settings.start_s)
    if extractor_name.endswith(WITH_BEATS):
        values = with_beat_phase(values, within.beats_s)
    return Heard(values, within)


def dance_takes(model: DanceModel, heard: Heard, settings: DanceSettings, report: Report) -> list[Take]:
    """`settings.takes` dances to what was heard, in the order of their seeds."""
    dancer = SongDancer(
        model.network,
        model.codec,
        model.schedule,
        weight=settings.guidance,
        steps=settings.steps,
        half=settings.half,
    )
    windows = windows_of(heard)
    remakes = [(remake.window(windows, model.codec.fps), remake.seed) for remake in settings.remakes]
    music = heard.features.to(next(model.backbone.parameters()).device)
    total = settings.takes * settings.steps
    takes = []
    for number in range(settings.takes):

        def step_done(step: Any, _x: torch.Tensor, before: int = number * settings.steps) -> None:
            report("Dancing", before + step.index + 1, total)

        motion = dancer.dance(music, windows, settings.seed + number, callback=step_done)
        draft = Draft.of(motion, settings.polish())
        for done, (window, seed) in enumerate(remakes, start=1):
            report("Dancing anew", done - 1, len(remakes))
            draft = draft.remade(dancer, music, windows, window, seed)
            report("Dancing anew", done, len(remakes))
        takes.append(Take(draft.shown, settings.seed + number, measure(draft.shown, heard.grid.beats_s)))
    return takes


def windows_of(heard: Heard) -> Windows:
    """Where the windows of a dance to this lie: what is danced anew is one of them."""
    return dance_windows(len(heard.features), heard.grid)


def _is_finite(number: object) -> bool:
    return isinstance(number, int | float) and math.isfinite(number)


def _from(grid: BeatGrid, start_s: float) -> BeatGrid:
    """The grid in seconds from the excerpt's start; earlier beats stay, as negative ones, so that counts go on."""
    return replace(grid, beats_s=grid.beats_s - start_s, downbeats_s=grid.downbeats_s - start_s)


def _manifest(
    song: Path,
    model: DanceModel,
    heard: Heard,
    outfit: Outfit,
    settings: DanceSettings,
    film: FilmSettings,
    takes: list[dict[str, Any]],
) -> dict[str, Any]:
    grid, windows, fps = heard.grid, windows_of(heard), model.codec.fps
    remade = [windows.span(remake.window(windows, fps)) for remake in settings.remakes]
    return {
        "vimo": __version__,
        "torch": torch.__version__,
        "song": str(song.resolve()),
        "song_sha256": sha256_file(song),
        "audio_offset_s": settings.start_s,
        "bundle_sha256": model.bundle_hash,
        "styles": outfit.rows(heard.features),
        "settings": asdict(settings),
        "film": asdict(film),
        "remade_s": [[round(span.start / fps, 2), round(span.stop / fps, 2)] for span in remade],
        "tempo_bpm": round(grid.tempo_bpm, 2),
        "beats_per_bar": grid.beats_per_bar,
        "beat_confidence": round(grid.confidence, 3),
        "fps": fps,
        "unit": "metre (BVH: centimetre)",
        "up": "z (BVH, GLB: y)",
        "skeleton": "SMPL-24",
        "takes": takes,
    }
