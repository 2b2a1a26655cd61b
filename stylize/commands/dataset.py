"""`vimo dataset`: motion files, paired with music, as something to train on."""

import argparse
from pathlib import Path

HELP = "Pair dances with music (their own, or a track rendered on their movement's beats) and store them for training."
EXAMPLE = "vimo dataset mocap/ more.zip --tempi 0.9 1 1.1 --hold-out '*_11' --out data/free"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("places", nargs="+", type=Path, help="motion files, folders of them, or zip archives")
    parser.add_argument("--out", type=Path, required=True, help="folder of the new data set")
    parser.add_argument("--songs", type=Path, help="folder of songs named like the dances (or by AIST++'s music ids)")
    parser.add_argument("--tempi", nargs="+", type=float, default=[1.0], help="speeds each dance is shown at")
    parser.add_argument("--tracks", type=int, default=1, help="rendered tracks a dance without a song gets (default 1)")
    parser.add_argument("--no-mirror", action="store_true", help="leave mirrored dances out")
    parser.add_argument("--hold-out", nargs="+", default=[], metavar="NAME", help="test dances, as patterns of names")
    parser.add_argument("--leave-out", nargs="+", default=[], metavar="NAME", help="dances not wanted, as patterns")


def run(arguments: argparse.Namespace) -> int:
    from collections.abc import Iterator

    from rich.progress import track

    from core_vimo.errors import InputError
    from core_vimo.formats.sources import find_sources, matches
    from edge_adapter.dance_data import DanceSet, PairedDance, write_dance_set
    from edge_adapter.dance_sources import Variations, pair

    if not all(0.25 <= tempo <= 4 for tempo in arguments.tempi) or arguments.tracks < 1:
        raise InputError("--tempi must lie between 0.25 and 4, --tracks must be at least 1")
    sources = [s for s in find_sources(arguments.places) if not matches(s.name, arguments.leave_out)]
    vary = Variations(tuple(arguments.tempi), not arguments.no_mirror, arguments.tracks)
    refused: list[str] = []

    def dances() -> Iterator[PairedDance]:
        for source in track(sources, "Pairing dances with music"):
            try:
                yield from pair(source, arguments.songs, vary, held_out=matches(source.name, arguments.hold_out))
            except InputError as error:
                refused.append(str(error))

    write_dance_set(dances(), arguments.out, extractor="librosa35")
    for message in refused:
        print(f"left out: {message}")
    train = DanceSet(arguments.out)
    print(f"{len(train)} training dances, {train.seconds / 60:.1f} min with variants: {arguments.out}")
    return 0
