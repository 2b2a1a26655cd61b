"""`vimo compose`: the suite's own sequencer plays a song whose beats are known."""

import argparse
from pathlib import Path

HELP = "Let the suite's own step sequencer play a song, to try things on or to test with: its beats are known."
EXAMPLE = "vimo compose waltz.wav --style waltz --tempo 150 --seconds 45"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from edge_adapter.song_styles import STYLES

    parser.add_argument("out", type=Path, help="the .wav or .flac to write; its beats go beside it as .beats.json")
    parser.add_argument("--style", choices=STYLES, help="kind of music (default: the demo's half minute of pop)")
    parser.add_argument("--tempo", type=float, metavar="BPM", help="beats a minute (default: the seed's choice)")
    parser.add_argument("--seconds", type=float, default=30.0, help="at least so long (default 30)")
    parser.add_argument("--seed", type=int, default=7, help="key, chords, sounds and melody")


def run(arguments: argparse.Namespace) -> int:
    import json

    from core_vimo.errors import InputError
    from core_vimo.publish import publish_file
    from edge_adapter.audio import write_audio
    from edge_adapter.sequencer import DEMO_BPM, DEMO_STYLE, make_score, render

    if not 1 <= arguments.seconds <= 3600:
        raise InputError(f"--seconds {arguments.seconds:g}: a piece lasts 1 to 3600 seconds; choose between them")
    # Without a style it is the demo's pop at its tempo, of any length; a style alone comes at a tempo of its own.
    tempo_bpm = DEMO_BPM if arguments.tempo is None and arguments.style is None else arguments.tempo
    track = render(make_score(arguments.seed, arguments.seconds, arguments.style or DEMO_STYLE, tempo_bpm))
    write_audio(arguments.out, track.samples, track.rate)
    beats = arguments.out.with_suffix(".beats.json")
    truth = {
        "beats_s": track.beats_s.round(4).tolist(),
        "downbeats_s": track.downbeats_s.round(4).tolist(),
        "sections": [[name, round(start_s, 4)] for name, start_s in track.sections],
    }
    with publish_file(beats) as aside:
        aside.write_text(json.dumps(truth) + "\n")
    print(f"{arguments.out} ({len(track.samples) / track.rate:.1f} s, {len(track.beats_s)} beats)\n{beats}")
    return 0
