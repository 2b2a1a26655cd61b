"""What the six commands that complete motions share: their arguments, and how they tell what was made."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.commands.dance import HEADINGS
from stylize.commands.film_options import add_film, film_options
from stylize.commands.style_options import add_styles, styles_of, tell_styles
from stylize.commands.take_table import print_takes

if TYPE_CHECKING:
    from stylize.edits import Edit

ANY_MOTION = "a motion file (.npz, .bvh, .glb, .pkl) or a video of somebody"
TIMES = "seconds (3s), frames (90f) or counts of the music (8c)"


def moment(text: str) -> Any:
    """An argument such as 3s, 90f or 8c."""
    from stylize.spans import Moment

    return _parsed(Moment.of, text)


def span(text: str) -> Any:
    """An argument such as 3s:4.5s."""
    from stylize.spans import Span

    return _parsed(Span.of, text)


def _parsed(parse: Any, text: str) -> Any:
    from core_vimo.errors import InputError

    try:
        return parse(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def add_length(parser: argparse.ArgumentParser, what: str, *, required: bool) -> None:
    """One of --frames, --seconds and --counts."""
    length = parser.add_mutually_exclusive_group(required=required)
    length.add_argument("--frames", type=int, metavar="N", help=f"{what} in frames, 30 a second")
    length.add_argument("--seconds", type=float, metavar="S", help=f"{what} in seconds")
    length.add_argument("--counts", type=float, metavar="C", help=f"{what} in counts of the music")


def length(arguments: argparse.Namespace) -> Any:
    """What was given of them, as a Moment; None where nothing was."""
    from stylize.spans import length_of

    return length_of(arguments.frames, arguments.seconds, arguments.counts)


def add_joint(parser: argparse.ArgumentParser) -> None:
    """Two motions, and where one is left and the other entered."""
    parser.add_argument("first", type=Path, help=ANY_MOTION)
    parser.add_argument("second", type=Path, help="another one")
    parser.add_argument("--leave", type=moment, metavar="T", help=f"leave the first one here: {TIMES} (its end)")
    parser.add_argument("--enter", type=moment, metavar="T", help="enter the second one here (default: its start)")


def add_shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, help="folder for the files (default: named after the motion)")
    parser.add_argument(
        "--song", type=Path, help="dance to this; a dance beside its manifest.json knows its song and where it begins"
    )
    parser.add_argument(
        "--start", type=float, metavar="S", help="second of the song at which the finished motion begins"
    )
    parser.add_argument("--tempo", choices=("as heard", "half", "double"), help="correct the beat tracker's tempo")
    parser.add_argument("--first-count", type=int, metavar="BEATS", help="move count 1 by so many beats")
    parser.add_argument("--like", type=Path, metavar="VIDEO", help="fill in with movement like that in this video")
    parser.add_argument("--alone", action="store_true", help="fill in without heeding the song")
    add_styles(parser)
    parser.add_argument("--takes", type=int, default=1, help="ways to fill in, ranked by visible numbers")
    parser.add_argument("--seed", type=int, default=0, help="another seed is another filling; the same one the same")
    parser.add_argument("--steps", type=int, default=15, help="sampling steps (default 15)")
    parser.add_argument("--guidance", type=float, default=2.0, help="how much song or video is heeded (default 2)")
    parser.add_argument("--passes", type=int, default=1, metavar="N", help="of RePaint a step: slower, more at one (1)")
    parser.add_argument(
        "--clean",
        action=argparse.BooleanOptionalAction,
        help="show known frames without noise, to models trained so (default: to those)",
    )
    parser.add_argument("--smoothing", type=float, default=0.033, metavar="S", help="of what is made; 0: none (0.033)")
    parser.add_argument(
        "--plant", action=argparse.BooleanOptionalAction, default=True, help="keep standing feet from sliding (default)"
    )
    add_film(parser, "--draw-counts")
    parser.add_argument("--bundle", type=Path, help="folder of another trained backbone (default: the shipped one)")
    parser.add_argument("--video-bundle", type=Path, help="folder of another video-to-motion model")


def make(edit: "Edit", sources: Sequence[Path], arguments: argparse.Namespace) -> int:
    from stylize.progress import Progress, tell_compiling

    tell_compiling("librosa", *([] if arguments.video is False else ["render"]))
    from core_vimo.video_to_motion.build import SHIPPED as SHIPPED_VIMO
    from edge_adapter.build import SHIPPED
    from stylize.completion import CompletionSettings, Guidance, complete_files
    from stylize.take_files import FilmSettings

    settings = CompletionSettings(
        seed=arguments.seed,
        takes=arguments.takes,
        steps=arguments.steps,
        guidance=arguments.guidance,
        passes=arguments.passes,
        clean=arguments.clean,
        smoothing_s=arguments.smoothing,
        plant=arguments.plant,
        tempo=arguments.tempo,
        first_count=arguments.first_count,
        **styles_of(arguments),
    )
    out = arguments.out or Path("_".join([*(source.stem for source in sources), arguments.command]))
    with Progress() as progress:
        manifest = complete_files(
            edit,
            sources,
            out,
            settings,
            Guidance(arguments.song, arguments.start, arguments.like, arguments.alone),
            FilmSettings(**film_options(arguments)),
            bundle=arguments.bundle or SHIPPED,
            video_bundle=arguments.video_bundle or SHIPPED_VIMO,
            report=progress,
        )
    _tell(manifest, out)
    return 0


def _tell(manifest: dict[str, Any], out: Path) -> None:
    from stylize.takes import RANKED_BY

    for source in manifest["sources"]:
        for said in source["converted"]:
            print(f"{source['file']}: {said}")
    if manifest.get("song_known_from"):
        print(
            f"song and counts from {manifest['song_known_from']}: {manifest['song']}, {manifest['audio_offset_s']:g} s"
        )
    if manifest.get("tempo_bpm"):
        print(f"heard {manifest['tempo_bpm']:.0f} BPM, {manifest['beats_per_bar']} beats a bar")
    tell_styles(manifest["styles"])
    for said in manifest["said"]:
        print(said)
    kept = f", all but {', '.join(manifest['kept_in_what_is_made'])}" if manifest["kept_in_what_is_made"] else ""
    goes_by = "the motion alone" if manifest["filled_by"] == "nothing" else manifest["filled_by"]
    for start_s, end_s in manifest["made_s"]:
        print(f"made from {start_s:.2f} to {end_s:.2f} s{kept}, going by {goes_by}")
    print_takes(manifest["takes"], HEADINGS, RANKED_BY, out)
