"""Music features: once for the whole song, beside once for every half-overlapping slice."""

import os
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import Table, in_turns, per_second, ratio, spread
from benchmarks.reference.features import RATE, slice_features, sliced_features
from edge_adapter.audio import audio_seconds, read_audio, write_audio
from edge_adapter.features import CHROMA, MFCC, ONSET, PEAKS, extract_features, features_of_samples
from edge_adapter.sequencer import make_score, render

SONG = "music/songs/lets_go_fishin.ogg"
REFERENCE, OURS = "slices, librosa anew on each", "ours, the song once"


def run(quick: bool) -> list[Table]:
    with tempfile.TemporaryDirectory() as folder:
        return [compare(song(Path(folder)), repeats=2 if quick else 5)]


def song(folder: Path) -> Path:
    """A real song from the folder of test data (`VIMO_DATA`), where there is one, else two minutes of the sequencer."""
    data = Path(os.environ.get("VIMO_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    if (data / SONG).is_file():
        return data / SONG
    piece = render(make_score(seed=7, seconds=120.0))
    write_audio(folder / "sequencer.wav", piece.samples, piece.rate)
    return folder / "sequencer.wav"


def compare(path: Path, repeats: int) -> Table:
    """Both ways from the sound file on, one process each."""
    ways = {REFERENCE: lambda: sliced_features(path), OURS: lambda: extract_features(path)}
    timings = in_turns(ways, repeats)
    seconds = audio_seconds(path)
    rows = [
        (name, spread(t.wall_s), spread(t.cpu_s), per_second(seconds, t) + "×", ratio(timings[REFERENCE], t))
        for name, t in timings.items()
    ]
    columns = ("way", "wall s", "CPU s", "faster than the song plays", "times less (wall / CPU)")
    apart = disagreement(read_audio(path, RATE, seconds=5.0))
    notes = [
        f"{path.name}, {seconds:.0f} s. On one and the same slice the two agree to "
        + ", ".join(f"{what} {value:.1g}" for what, value in apart.items())
        + "; where they differ is what a slice is: levels and beats of 5 s are not those of the song."
    ]
    return Table("Music features of a song", columns, rows, notes, timings)


def disagreement(samples: np.ndarray) -> dict[str, float]:
    """Largest difference between the two ways on the same samples at 15360 Hz, by kind of feature.

    Beats are left out: the reference hears its first tempo at another sampling rate (here, at a wrong one).
    """
    theirs, ours = slice_features(samples, samples), features_of_samples(samples).values.numpy()
    kinds = {"onset": ONSET, "MFCC": MFCC, "chroma": CHROMA, "peaks": PEAKS}
    return {name: float(np.abs(theirs[:, kind] - ours[:, kind]).max()) for name, kind in kinds.items()}
