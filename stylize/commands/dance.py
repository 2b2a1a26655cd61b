"""`vimo dance`: a song in, a dance out."""

import argparse
from pathlib import Path

HELP = "Make a dance for a song: MP4 with the song, GLB, BVH, NPZ for Blender, a count sheet and a manifest."
EXAMPLE = "vimo dance song.mp3 --out my_dance --seconds 30 --start 12 --takes 4"


HEADINGS = {
    "bas_music_to_dance": "beats→\ndance",
    "bas_dance_to_music": "dance→\nbeats",
    "beat_f1": "beat\nF1",
    "foot_skate_ratio": "feet\nsliding",
    "float_cm": "float\ncm",
    "jitter": "jitter",
    "impossible_steps": "leaps",
    "travel_m": "travel\nm",
}
"""What stands over a take's numbers (`stylize.takes.TakeNumbers`)."""

_STEADY = 0.3  # confidence of a beat grid from which on its music has a steady pulse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("song", type=Path, help="any sound file: wav, mp3, m4a, ogg, flac, or a video with sound")
    parser.add_argument("--out", type=Path, help="folder for the files (default: a folder named after the song)")
    parser.add_argument("--start", type=float, default=0.0, metavar="S", help="second of the song to start at")
    parser.add_argument("--seconds", type=float, metavar="S", help="length of the dance (default: to the song's end)")
    parser.add_argument("--seed", type=int, default=0, help="another seed is another dance; the same one the same")
    parser.add_argument("--takes", type=int, default=1, help="dances to make, ranked by visible numbers")
    parser.add_argument("--steps", type=int, default=15, help="sampling steps (default 15)")
    parser.add_argument(
        "--guidance", type=float, default=2.0, help="how much the music is heeded: 1 as learned, more exaggerates (2)"
    )
    parser.add_argument("--tempo", choices=("half", "double"), help="correct the beat tracker's tempo")
    parser.add_argument("--first-count", type=int, default=0, metavar="BEATS", help="move count 1 by so many beats")
    parser.add_argument(
        "--smoothing", type=float, default=0.067, metavar="S", help="against trembling; 0: none (0.067)"
    )
    parser.add_argument("--bfloat16", action="store_true", help="half precision: faster where the processor has it")
    parser.add_argument("--size", default="720x720", metavar="WxH", help="of the video in pixels (default 720x720)")
    parser.add_argument("--follow", action="store_true", help="let the camera follow the dancer")
    parser.add_argument("--no-counts", action="store_true", help="leave the counts off the video")
    parser.add_argument("--no-video", action="store_true", help="write no MP4")
    parser.add_argument(
        "--again",
        type=Path,
        metavar="MANIFEST",
        help="make the dance of a manifest.json again, with its settings in place of those given here",
    )
    parser.add_argument("--bundle", type=Path, help="folder of another trained backbone (default: the shipped one)")


def run(arguments: argparse.Namespace) -> int:
    from edge_adapter.build import SHIPPED
    from stylize.commands.render import parse_size
    from stylize.dance import DanceSettings, FilmSettings, dance, settings_of
    from stylize.progress import Progress

    bundle = arguments.bundle or SHIPPED
    if arguments.again:
        settings = settings_of(arguments.again, arguments.song, bundle)
    else:
        settings = DanceSettings(
            start_s=arguments.start,
            seconds=arguments.seconds,
            seed=arguments.seed,
            takes=arguments.takes,
            steps=arguments.steps,
            guidance=arguments.guidance,
            tempo=arguments.tempo or "as heard",
            first_count=arguments.first_count,
            smoothing_s=arguments.smoothing,
            half=arguments.bfloat16,
        )
    film = FilmSettings(not arguments.no_video, parse_size(arguments.size), arguments.follow, not arguments.no_counts)
    out = arguments.out or Path(f"{arguments.song.stem}_dance")
    with Progress() as progress:
        manifest = dance(arguments.song, out, settings, film, bundle=bundle, report=progress)
    _tell(manifest, out)
    return 0


def _tell(manifest: dict, out: Path) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    from stylize.takes import RANKED_BY

    if manifest["tempo_bpm"]:
        print(f"heard {manifest['tempo_bpm']:.0f} BPM, {manifest['beats_per_bar']} beats a bar")
        if manifest["beat_confidence"] < _STEADY:
            print("the pulse is weak, so check the counts; --tempo and --first-count correct them")
    else:
        print("heard no beats; the dance has no counts")
    takes = manifest["takes"]
    if len(takes) > 1:
        best = ", ".join(f"{way} {HEADINGS[name]}".replace("\n", " ") for name, way in RANKED_BY.items())
        print(f"best take first, by its ranks in {best}")
    table = Table("take", "seed", *(HEADINGS[name] for name in takes[0]["numbers"]), box=SIMPLE, padding=(0, 1))
    for place, take in enumerate(takes, start=1):
        numbers = ("–" if value is None else f"{value:g}" for value in take["numbers"].values())
        table.add_row(str(place), str(take["seed"]), *numbers)
    Console().print(table)
    for take in takes:
        for name in take["files"]:
            print(out / name)
