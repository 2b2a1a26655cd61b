"""A little step sequencer: songs whose beats, downbeats and sections are known because they were written, not heard.

It makes the demo's song, the tests' ground truth, and music for dances that have none: `render_at_beats` plays a style
on any increasing list of beat times, such as a dance's own movement beats. Same arguments, same samples.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.signal

from core_vimo.errors import InputError
from core_vimo.randomness import fold
from edge_adapter.instruments import TIMBRES, drum_kit, tone
from edge_adapter.song_styles import STEPS_PER_BEAT, STYLES, Style

Layer = Literal["drums", "bass", "chords", "lead"]
_VELOCITY = {"o": 0.4, "x": 0.7, "X": 1.0}
_SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
_CHORD_DEGREES = {"1": 0, "3": 2, "5": 4, "7": 6, "8": 7}


@dataclass(frozen=True)
class Section:
    """A run of bars and the layers that play in it."""

    name: str
    bars: int
    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class Score:
    """A song in a style at an even tempo; the seed chooses key, scale, chords, sounds and melody."""

    style: Style
    tempo_bpm: float
    sections: tuple[Section, ...]
    seed: int = 0


@dataclass(frozen=True)
class Track:
    """A rendered song: stereo `samples [N, 2]` float32 in [-1, 1], and its truth in seconds.

    `sections` are (name, start in seconds).
    """

    samples: np.ndarray
    rate: int
    beats_s: np.ndarray
    downbeats_s: np.ndarray
    sections: tuple[tuple[str, float], ...]
    beats_per_bar: int

    @property
    def mono(self) -> np.ndarray:
        return self.samples.mean(axis=1)


_FORM: tuple[tuple[str, int, tuple[Layer, ...]], ...] = (
    ("intro", 2, ("drums", "chords")),
    ("verse", 4, ("drums", "bass", "chords")),
    ("chorus", 4, ("drums", "bass", "chords", "lead")),
    ("break", 2, ("chords", "lead")),
    ("verse", 4, ("drums", "bass", "chords", "lead")),
    ("chorus", 8, ("drums", "bass", "chords", "lead")),
)


DEMO_STYLE, DEMO_BPM = "pop", 112.0


def make_score(seed: int, seconds: float = 30.0, style: str | None = None, tempo_bpm: float | None = None) -> Score:
    """A song of at least `seconds`; style and tempo are the seed's choice where they are not given."""
    rng = _rng(seed, "score")
    chosen = _style(style or str(rng.choice(sorted(STYLES))))
    tempo = round(float(rng.uniform(*chosen.tempo_bpm)), 1) if tempo_bpm is None else tempo_bpm
    bars = int(np.ceil(seconds * tempo / 60 / chosen.beats_per_bar))
    return Score(chosen, tempo, _form(max(bars, 1)), seed)


def render(score: Score, rate: int = 44100) -> Track:
    """Play a score; the first downbeat is at 0 s."""
    if not 20 <= score.tempo_bpm <= 400:
        raise InputError(f"a tempo of {score.tempo_bpm} BPM cannot be danced; give 20 to 400")
    beats = sum(section.bars for section in score.sections) * score.style.beats_per_bar
    grid = np.arange(beats + 1) * 60 / score.tempo_bpm
    return _perform(score.style, grid, 0, score.sections, score.seed, grid[-1], rate)


def render_at_beats(
    beats_s: np.ndarray,
    style: str,
    seed: int = 0,
    *,
    first_downbeat: int = 0,
    seconds: float | None = None,
    rate: int = 44100,
) -> Track:
    """Play a style on given beat times `[N]`, at whatever tempo they go; `beats_s[first_downbeat]` begins a bar.

    The song runs from 0 to `seconds` (default: one beat after the last): outside the given beats it goes on with the
    first and last interval, and those beats are in the track's truth too.
    """
    beats_s = np.asarray(beats_s, dtype=np.float64)
    if beats_s.ndim != 1 or len(beats_s) < 2 or not np.isfinite(beats_s).all() or (np.diff(beats_s) <= 0.05).any():
        raise InputError("beat times must be two or more finite numbers, each at least 0.05 s after the one before")
    chosen = _style(style)
    end_s = 2 * beats_s[-1] - beats_s[-2] if seconds is None else seconds
    before = max(int(np.ceil(beats_s[0] / (beats_s[1] - beats_s[0]) - 1e-9)), 0)
    after = max(int(np.ceil((end_s - beats_s[-1]) / (beats_s[-1] - beats_s[-2]))), 1)
    grid = _at(beats_s, np.arange(-before, len(beats_s) + after))
    downbeat = (before + first_downbeat) % chosen.beats_per_bar
    bars = int(np.ceil((len(grid) - 1 - downbeat) / chosen.beats_per_bar)) + (downbeat > 0)
    return _perform(chosen, grid, downbeat, _form(bars), seed, end_s, rate)


@dataclass(frozen=True)
class _Notes:
    """Notes of one part: start and length in beats from the first bar, MIDI pitch, velocity; all `[K]`."""

    beat: np.ndarray
    length: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray


def _style(name: str) -> Style:
    if name not in STYLES:
        raise InputError(f"there is no style {name!r} in the sequencer; choose one of {', '.join(STYLES)}")
    return STYLES[name]


def _rng(seed: int, purpose: str) -> np.random.Generator:
    return np.random.default_rng(fold(seed, "sequencer", purpose))


def _form(bars: int) -> tuple[Section, ...]:
    """The usual form, repeated without its intro until the bars are used up."""
    sections: list[Section] = []
    left, place = bars, 0
    while left > 0:
        name, length, layers = _FORM[place]
        sections.append(Section(name, min(length, left), layers))
        left -= length
        place = place + 1 if place + 1 < len(_FORM) else 1
    return tuple(sections)


def _at(beats_s: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Seconds of places counted in beats; linear between beats and beyond the ends."""
    before = np.clip(np.floor(position).astype(int), 0, len(beats_s) - 2)
    return beats_s[before] + (position - before) * (beats_s[before + 1] - beats_s[before])


def _perform(
    style: Style,
    grid_s: np.ndarray,
    downbeat: int,
    sections: tuple[Section, ...],
    seed: int,
    end_s: float,
    rate: int,
) -> Track:
    """Write the parts, play them where the grid's beats are, and mix; a bar begins at grid index `downbeat`."""
    first_bar = downbeat - style.beats_per_bar if downbeat else 0
    song = _Song(style, sections, seed)
    dry = np.zeros((round((end_s + 1.5) * rate), 2), np.float32)
    for part in (*_drum_parts(song, rate), *_tone_parts(song)):
        _play(dry, part, lambda beat: _at(grid_s, beat + first_bar), rate)
    bars = np.cumsum([0, *(section.bars for section in sections)])[:-1]
    starts = np.maximum(_at(grid_s, first_bar + bars * style.beats_per_bar), 0)
    inside = (grid_s >= -1e-9) & (grid_s < end_s - 1e-9)
    is_downbeat = np.arange(len(grid_s)) % style.beats_per_bar == downbeat
    return Track(
        _master(dry, round(end_s * rate), rate, seed),
        rate,
        grid_s[inside],
        grid_s[inside & is_downbeat],
        tuple((section.name, float(start)) for section, start in zip(sections, starts, strict=True)),
        style.beats_per_bar,
    )


class _Song:
    """What all parts of one song agree on: which bars a layer plays in, the chords and the scale."""

    def __init__(self, style: Style, sections: tuple[Section, ...], seed: int) -> None:
        rng = _rng(seed, "harmony")
        self.style, self.seed = style, seed
        self.bars = sum(section.bars for section in sections)
        self.layers = [section.layers for section in sections for _ in range(section.bars)]
        self.section_starts = np.cumsum([0, *(section.bars for section in sections)])[:-1]
        self.scale = np.array(_SCALES[str(rng.choice(style.scales))])
        self.key = int(rng.integers(-5, 7))
        progression = style.progressions[rng.integers(len(style.progressions))]
        self.degrees = np.resize(progression, self.bars)
        self.chord_timbre = str(rng.choice(style.chord_timbres))
        self.lead_timbre = str(rng.choice(style.lead_timbres))

    def plays(self, layer: Layer) -> np.ndarray:
        return np.array([layer in layers for layers in self.layers])

    def pitch(self, degree: np.ndarray, floor: int) -> np.ndarray:
        """MIDI pitch of scale degrees, where degree 0 is the key's note at or next above `floor`."""
        tonic = floor + (self.key - floor) % 12
        return tonic + 12 * (degree // 7) + self.scale[degree % 7]


@dataclass(frozen=True)
class _Part:
    """Sounds (one for each note) to be added at places in beats, with a gain and a place between left 0 and right 1."""

    notes: _Notes
    sound: str | np.ndarray
    pan: float


def _lane(song: _Song, text: str, layer: Layer) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bars, places in beats and symbols of what a lane plays in the song, in order."""
    steps = song.style.beats_per_bar * STEPS_PER_BEAT
    symbols = np.array(list(text.replace(" ", ""))).reshape(-1, steps)
    symbols = np.resize(symbols, (song.bars, steps))
    bar, step = np.nonzero((symbols != ".") & song.plays(layer)[:, None])
    beat = bar * song.style.beats_per_bar + _swung(step, song.style.swing)
    return bar, beat, symbols[bar, step]


def _swung(step: np.ndarray, swing: float) -> np.ndarray:
    whole, part = np.divmod(step / STEPS_PER_BEAT, 1)
    return whole + np.interp(part, (0, 0.5, 1), (0, 0.5 + swing, 1))


def _drum_parts(song: _Song, rate: int) -> list[_Part]:
    kit, rng = drum_kit(rate, song.seed), _rng(song.seed, "drummer")
    parts = []
    for place, (name, text) in enumerate(song.style.pattern.drums.items()):
        _, beat, symbols = _lane(song, text, "drums")
        velocity = np.array([_VELOCITY[s] for s in symbols]) * rng.uniform(0.85, 1, len(beat))
        pan = 0.5 if name in ("kick", "snare") else 0.5 + 0.2 * (-1) ** place
        parts.append(_Part(_Notes(beat, beat * 0, beat * 0, velocity), kit[name], pan))
    if "crash" not in song.style.pattern.drums and "snare" in song.style.pattern.drums:
        starts = song.section_starts[song.plays("drums")[song.section_starts]] * song.style.beats_per_bar
        parts.append(_Part(_Notes(starts, starts * 0, starts * 0, starts * 0 + 0.5), kit["crash"], 0.6))
    return parts


def _tone_parts(song: _Song) -> list[_Part]:
    pattern = song.style.pattern
    parts = [
        _Part(_sustained(song, pattern.bass, "bass", floor=31), "bass", 0.5),
        _Part(_sustained(song, pattern.chords, "chords", floor=52), song.chord_timbre, 0.4),
    ]
    if song.plays("lead").any():
        parts.append(_Part(_melody(song), song.lead_timbre, 0.6))
    return parts


def _sustained(song: _Song, text: str, layer: Layer, floor: int) -> _Notes:
    """Notes of a bass or chord lane; each sounds until the lane's next, at most two bars."""
    bar, beat, symbols = _lane(song, text, layer)
    end = song.bars * song.style.beats_per_bar
    length = np.minimum(np.diff(beat, append=end), 2 * song.style.beats_per_bar)
    tones = [[_CHORD_DEGREES[s]] if s in _CHORD_DEGREES else [0, 2, 4] for s in symbols]
    count = np.array([len(t) for t in tones], int)
    velocity = np.array([_VELOCITY.get(s, 0.8) for s in symbols]) * np.where(beat % 1 == 0, 1, 0.85)
    degree = np.repeat(song.degrees[bar], count) + np.array([t for chord in tones for t in chord], int)
    pitch = song.pitch(degree, floor)
    if layer == "chords":  # inversions: whole chords stay in one octave, so that they move by small steps
        whole = np.repeat(count, count) > 1
        pitch = np.where(whole, floor + (pitch - floor) % 12, pitch)
    beat, length, velocity = (np.repeat(values, count) for values in (beat, length, velocity))
    return _Notes(beat, length, pitch, velocity)


def _melody(song: _Song) -> _Notes:
    """Two motifs of two bars each in the order A A B A, carried along by the chords."""
    rng = _rng(song.seed, "melody")
    steps = 2 * song.style.beats_per_bar * STEPS_PER_BEAT
    motifs = [_motif(rng, steps, song.style.lead_density) for _ in range(2)]
    beats, degrees = [], []
    for pair in range(0, song.bars, 2):
        step, contour = motifs[int(pair // 2 % 4 == 2)]
        beats.append(pair * song.style.beats_per_bar + _swung(step, song.style.swing))
        degrees.append(contour)
    beat, contour = np.concatenate(beats), np.concatenate(degrees)
    bar = (beat // song.style.beats_per_bar).astype(int)
    played = bar < song.bars
    played[played] &= song.plays("lead")[bar[played]]
    beat, contour, bar = beat[played], contour[played], bar[played]
    length = np.minimum(np.diff(beat, append=song.bars * song.style.beats_per_bar), 2.0)
    pitch = song.pitch(song.degrees[bar] % 7 + contour, 64)
    return _Notes(beat, length, pitch, np.where(beat % 1 == 0, 0.9, 0.65))


def _motif(rng: np.random.Generator, steps: int, density: float) -> tuple[np.ndarray, np.ndarray]:
    """Steps that sound, likelier on beats and eighths, and a contour that rests on chord tones on the beat."""
    weight = np.select([np.arange(steps) % 4 == 0, np.arange(steps) % 2 == 0], [2.0, 1.2], 0.25)
    step = np.flatnonzero(np.append(True, rng.uniform(size=steps - 1) < density * weight[1:]))
    walk = np.clip(np.cumsum(rng.choice((-2, -1, 1, 2), len(step))), -3, 5)
    chord_tones = np.array((-3, 0, 2, 4))
    nearest = chord_tones[np.abs(walk[:, None] - chord_tones).argmin(1)]
    return step, np.where(step % 4 == 0, nearest, walk)


def _play(mix: np.ndarray, part: _Part, seconds_at: Callable[[np.ndarray], np.ndarray], rate: int) -> None:
    """Add a part's notes to the mix `[N, 2]`; notes before 0 s are not heard."""
    notes = part.notes
    start_s, end_s = seconds_at(notes.beat), seconds_at(notes.beat + notes.length)
    pan = np.array((np.cos(part.pan * np.pi / 2), np.sin(part.pan * np.pi / 2)), np.float32)
    sound_of = _Sounds(part.sound, notes.pitch, float((end_s - start_s).max(initial=0)), rate)
    for start, end, pitch, velocity in zip(start_s, end_s, notes.pitch, notes.velocity, strict=True):
        first = round(start * rate)
        if first < 0 or first >= len(mix):
            continue
        sound = sound_of(pitch, end - start)[: len(mix) - first]
        mix[first : first + len(sound)] += np.float32(velocity) * sound[:, None] * pan


class _Sounds:
    """The sound of each note of a part: the one hit of a drum, or a tone made once a pitch and released in time."""

    def __init__(self, sound: str | np.ndarray, pitches: np.ndarray, longest_s: float, rate: int) -> None:
        self.rate = rate
        self.hit = None if isinstance(sound, str) else sound
        if isinstance(sound, str):
            self.timbre = TIMBRES[sound]
            seconds = longest_s + self.timbre.release_s
            self.held = {pitch: tone(self.timbre, pitch, seconds, rate) for pitch in np.unique(pitches)}

    def __call__(self, pitch: float, seconds: float) -> np.ndarray:
        if self.hit is not None:
            return self.hit
        hold, release = round(seconds * self.rate), round(self.timbre.release_s * self.rate)
        sound = self.held[pitch][: hold + release].copy()
        sound[hold:] *= np.linspace(1, 0, len(sound) - hold, dtype=np.float32)
        return sound


def _master(dry: np.ndarray, length: int, rate: int, seed: int) -> np.ndarray:
    """A little room, a soft limit, a short fade at the end."""
    time = np.arange(round(0.6 * rate)) / rate
    room = _rng(seed, "room").standard_normal((len(time), 2)) * np.exp(-time * 9)[:, None] / np.sqrt(rate)
    wet = scipy.signal.oaconvolve(dry, room.astype(np.float32), axes=0)[: len(dry)]
    mix = (dry + 0.5 * wet)[:length]
    mix = np.tanh(1.2 * mix / max(float(np.abs(mix).max()), 1e-6)) / np.tanh(1.2) * 0.9
    fade = min(round(0.05 * rate), length)
    mix[length - fade :] *= np.linspace(1, 0, fade)[:, None]
    return mix.astype(np.float32)
