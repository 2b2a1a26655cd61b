"""What the sequencer can play: grooves, bass lines, chord progressions and sounds of a few kinds of music."""

from dataclasses import dataclass

STEPS_PER_BEAT = 4


@dataclass(frozen=True)
class Pattern:
    """Lanes of sixteenth steps, one or more bars long: `o x X` are soft to loud hits, `.` is rest, spaces are ignored.

    In `bass` and `chords` a digit plays that tone of the bar's chord (`8` is the octave) and, in `chords`, a hit plays
    the whole chord; each sounds until the lane's next one.
    """

    drums: dict[str, str]
    bass: str
    chords: str


@dataclass(frozen=True)
class Style:
    """What songs of one kind share. `swing` delays the off-beat eighth by that part of a beat."""

    name: str
    pattern: Pattern
    tempo_bpm: tuple[float, float]
    progressions: tuple[tuple[int, ...], ...]
    beats_per_bar: int = 4
    scales: tuple[str, ...] = ("major", "minor")
    swing: float = 0.0
    chord_timbres: tuple[str, ...] = ("keys", "pad")
    lead_timbres: tuple[str, ...] = ("pluck", "flute", "bell")
    lead_density: float = 0.35


STYLES: dict[str, Style] = {
    style.name: style
    for style in (
        Style(
            "pop",
            Pattern(
                {"kick": "X... ..x. x... ....", "snare": ".... X... .... X...", "hat": "x.o. x.o. x.o. x.oo"},
                bass="1.1. 1.1. 1.1. 1.5.",
                chords="x... .... ..x. ....",
            ),
            (92, 128),
            ((0, 4, 5, 3), (5, 3, 0, 4), (0, 5, 3, 4)),
            scales=("major",),
        ),
        Style(
            "house",
            Pattern(
                {"kick": "X... X... X... X...", "snare": ".... x... .... x...", "open": "..x. ..x. ..x. ..x."},
                bass="..1. ..1. ..1. .85.",
                chords="...x ..x. ...x ..x.",
            ),
            (116, 128),
            ((0, 5, 2, 6), (0, 3, 5, 4)),
            scales=("minor",),
        ),
        Style(
            "funk",
            Pattern(
                {
                    "kick": "X..x ..x. x... ..x.",
                    "snare": ".... X..o .o.. X..o",
                    "hat": "Xoxo Xoxo Xoxo Xoxo",
                },
                bass="1..1 ..8. 1..5 ..7.",
                chords="x..x ..x. x... ....",
            ),
            (98, 118),
            ((0, 0, 3, 3), (0, 0, 5, 4)),
            scales=("minor",),
            swing=0.03,
            chord_timbres=("keys",),
        ),
        Style(
            "salsa",
            Pattern(
                {
                    "clave": "x.....x. ....x... ....x... x.......",
                    "bell": "X.x. x.x. X.x. x.x.",
                    "conga": "..o. x... ..o. ..xx",
                    "tumba": "...... .. ...... x.",
                    "kick": "o... .... o... ....",
                },
                bass="1... ..5. .... 8...",
                chords="1.5. 3.85 .3.5 .8.3",
            ),
            (84, 108),
            ((0, 3, 4, 3), (0, 3, 4, 0)),
            scales=("minor", "major"),
            chord_timbres=("piano",),
            lead_timbres=("pluck", "flute"),
        ),
        Style(
            "waltz",
            Pattern(
                {"kick": "X... .... ....", "brush": ".... x... x...", "hat": "o... o... o.o."},
                bass="1... .... ....",
                chords=".... x... x...",
            ),
            (84, 168),
            ((0, 3, 4, 0), (0, 5, 1, 4), (0, 0, 4, 4)),
            beats_per_bar=3,
            chord_timbres=("strings", "piano"),
            lead_density=0.28,
        ),
        Style(
            "piano",
            Pattern({}, bass="1... .... 5... ....", chords="1.3. 5.3. 8.5. 3.5."),
            (60, 104),
            ((0, 5, 3, 4), (0, 2, 3, 4), (5, 3, 0, 4)),
            swing=0.02,
            chord_timbres=("piano",),
            lead_timbres=("piano", "bell"),
            lead_density=0.22,
        ),
        Style(
            "ambient",
            Pattern(
                {"kick": "x... .... .... ....", "shaker": "o.x. o.x. o.x. o.x."},
                bass="1... .... .... ....",
                chords="x... .... .... ....",
            ),
            (56, 84),
            ((0, 2, 5, 3), (0, 4, 3, 3)),
            chord_timbres=("pad", "strings"),
            lead_timbres=("bell", "flute"),
            lead_density=0.15,
        ),
    )
}
