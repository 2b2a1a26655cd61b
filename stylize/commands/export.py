"""`vimo export`: one motion file into another format, or into a page that plays it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core_vimo.motion import Motion

HELP = "Convert a motion file to NPZ (Blender add-on), BVH, GLB or PKL, or to one HTML page that plays it."
EXAMPLE = "vimo export walk.bvh --to glb npz --out exported/"

_USUAL = ("npz", "bvh", "glb")
_PAGE = ".html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("motion", type=Path, help="a motion file: .npz, .bvh, .glb or .pkl")
    parser.add_argument(
        "--to",
        nargs="+",
        metavar="FORMAT",
        help="npz, bvh, glb, pkl, html, or a file's name with one of these endings "
        "(default: the first three but the motion's own)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="folder (default: beside the motion); files of the same names are replaced, the motion itself never",
    )
    parser.add_argument(
        "--span", type=_span, metavar="T:T", help="this part alone, in seconds (3s:4.5s) or frames (90f:135f)"
    )
    parser.add_argument("--fps", type=float, help="resample to this rate (default: the motion's own)")
    parser.add_argument("--song", type=Path, help="what an HTML page plays (default: as the dance's manifest says)")
    parser.add_argument("--start", type=float, metavar="S", help="second of the song at which the motion begins")


def run(arguments: argparse.Namespace) -> int:
    from core_vimo.formats import read_motion, write_motion
    from core_vimo.motion import resample
    from stylize.paths import require_others, telling
    from stylize.spans import cut

    source: Path = arguments.motion
    own = source.suffix.lower().lstrip(".")
    formats = arguments.to or [name for name in _USUAL if name != own]
    targets = [_target(name, source, arguments.out) for name in dict.fromkeys(formats)]
    require_others(targets, [source, arguments.song])
    motion, begins_s = read_motion(source), 0.0
    if arguments.span is not None:
        motion, begins_s = cut(motion, arguments.span)
    motion = motion if arguments.fps is None else resample(motion, arguments.fps)
    for target in targets:
        with telling(target):
            if target.suffix.lower() == _PAGE:
                _write_page(motion, begins_s, target, arguments)
            else:
                write_motion(motion, target)
    return 0


def _span(text: str) -> Any:
    from stylize.commands.completing import span

    return span(text)


def _target(name: str, source: Path, out: Path | None) -> Path:
    """`glb` and `.glb` are formats, written beside the motion; `my_dance.glb` is a file's name."""
    if Path(name).suffix and not name.startswith("."):
        return (out or Path()) / name
    return (out or source.parent) / f"{source.stem}.{name.lstrip('.')}"


def _write_page(motion: "Motion", begins_s: float, target: Path, arguments: argparse.Namespace) -> None:
    """begins_s: of the motion file, from which the song is as far in."""
    from stylize.dance import DanceSettings, listen
    from stylize.html_page import write_html_page
    from stylize.pieces import song_for
    from stylize.progress import tell_compiling
    from stylize.take_files import Sound

    song = song_for(arguments.motion, arguments.song, arguments.start, needed=False)
    if song is None:
        write_html_page(motion, target, title=target.stem)
        return
    tell_compiling("librosa")
    song_s = song.start_s + begins_s
    asked = DanceSettings(song_s, max(motion.seconds, 1.0), tempo=song.tempo, first_count=song.first_count)
    grid = listen(song.path, "librosa35", asked).grid
    write_html_page(motion, target, Sound(song.path, song_s, grid), target.stem)
