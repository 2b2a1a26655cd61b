"""`vimo dance`: a song in, a dance out."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stylize.commands.film_options import add_film, film_options
from stylize.commands.style_options import add_styles, styles_of, tell_styles
from stylize.commands.take_table import print_takes

if TYPE_CHECKING:
    from stylize.dance import DanceSettings
    from stylize.take_files import FilmSettings

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
    parser.add_argument(
        "--out", type=Path, help="folder for the files (default: named after the song); its older dance is replaced"
    )
    parser.add_argument("--start", type=float, default=0.0, metavar="S", help="second of the song to start at")
    parser.add_argument("--seconds", type=float, metavar="S", help="length of the dance (default: to the song's end)")
    parser.add_argument("--seed", type=int, help="another seed is another dance; the same one the same (default 0)")
    parser.add_argument("--takes", type=int, default=1, help="dances to make, ranked by visible numbers")
    parser.add_argument("--steps", type=int, default=15, help="sampling steps (default 15)")
    parser.add_argument(
        "--guidance", type=float, default=2.0, help="how much the music is heeded: 1 as learned, more exaggerates (2)"
    )
    parser.add_argument("--tempo", choices=("half", "double"), help="correct the beat tracker's tempo")
    parser.add_argument("--first-count", type=int, default=0, metavar="BEATS", help="move count 1 by so many beats")
    parser.add_argument(
        "--smoothing", type=float, default=0.033, metavar="S", help="against trembling; 0: none (0.033)"
    )
    parser.add_argument(
        "--plant", action=argparse.BooleanOptionalAction, default=True, help="keep standing feet from sliding (default)"
    )
    parser.add_argument("--bfloat16", action="store_true", help="half precision: faster where the processor has it")
    add_styles(parser)
    add_film(parser)
    parser.add_argument(
        "--again",
        type=Path,
        metavar="MANIFEST",
        help="make the dance and film of a manifest.json again; beside it count only --take, --remake and the film's "
        "own options (--size, --follow, --counts, --video)",
    )
    parser.add_argument(
        "--take", type=int, metavar="N", help="with --again: take N alone (--remake: default 1, the best)"
    )
    parser.add_argument(
        "--remake",
        type=float,
        nargs="+",
        metavar="S",
        help="with --again: dance the five seconds around second S of the dance anew and keep all else as it was; "
        "--seed S chooses what comes there (default: the next unused seed); written to another folder",
    )
    parser.add_argument("--bundle", type=Path, help="folder of another trained backbone (default: the shipped one)")


def run(arguments: argparse.Namespace) -> int:
    from stylize.progress import Progress, tell_compiling

    tell_compiling("librosa", *([] if arguments.video is False else ["render"]))
    from edge_adapter.build import SHIPPED
    from stylize.dance import dance

    bundle = arguments.bundle or SHIPPED
    settings, film = _settings(arguments, bundle)
    out = _out(arguments)
    with Progress() as progress:
        manifest = dance(arguments.song, out, settings, film, bundle=bundle, report=progress)
    _tell(manifest, out)
    return 0


def _settings(arguments: argparse.Namespace, bundle: Path) -> "tuple[DanceSettings, FilmSettings]":
    from core_vimo.errors import InputError
    from stylize.again import read_manifest
    from stylize.dance import DanceSettings
    from stylize.take_files import FilmSettings

    if arguments.again:
        made = read_manifest(arguments.again, arguments.song, bundle)
        settings = made.settings if arguments.take is None else made.take(arguments.take)
        if arguments.remake:
            settings = made.remade(arguments.take or 1, arguments.remake, arguments.seed)
        return settings, replace(made.film, **film_options(arguments))
    if arguments.remake or arguments.take is not None:
        raise InputError("--remake and --take are of a dance that is there; name its manifest.json with --again")
    settings = DanceSettings(
        start_s=arguments.start,
        seconds=arguments.seconds,
        seed=arguments.seed or 0,
        takes=arguments.takes,
        steps=arguments.steps,
        guidance=arguments.guidance,
        tempo=arguments.tempo or "as heard",
        first_count=arguments.first_count,
        smoothing_s=arguments.smoothing,
        plant=arguments.plant,
        half=arguments.bfloat16,
        **styles_of(arguments),
    )
    return settings, FilmSettings(**film_options(arguments))


def _out(arguments: argparse.Namespace) -> Path:
    """Never the folder of the dance that is partly made anew, so that both can be compared."""
    from core_vimo.errors import InputError

    default = f"{arguments.song.stem}_dance" + ("_remade" if arguments.remake else "")
    out: Path = arguments.out or Path(default)
    if arguments.remake and out.resolve() == arguments.again.resolve().parent:
        raise InputError(f"{out}: holds the dance that is to be kept; choose another folder with --out")
    return out


def _tell(manifest: dict, out: Path) -> None:
    from stylize.takes import RANKED_BY

    if manifest["tempo_bpm"]:
        print(f"heard {manifest['tempo_bpm']:.0f} BPM, {manifest['beats_per_bar']} beats a bar")
        if manifest["beat_confidence"] < _STEADY:
            print("the pulse is weak, so check the counts; --tempo and --first-count correct them")
    else:
        print("heard no beats; the dance has no counts")
    tell_styles(manifest["styles"])
    for start_s, end_s in manifest["remade_s"]:
        print(f"danced anew from {start_s:.1f} to {end_s:.1f} s; all else is as it was")
    print_takes(manifest["takes"], HEADINGS, RANKED_BY, out)
