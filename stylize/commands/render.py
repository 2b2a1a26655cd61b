"""`vimo render`: a motion file, and a song, as a video."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stylize.render.lettering import CountOverlay

HELP = "Draw a motion file as an MP4 video with its song and counts, or as a silent loop (.webp, .gif) for a page."
EXAMPLE = "vimo render my_dance/dance.npz --song song.mp3 --counts --out dance.mp4"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("motion", type=Path, help="a motion file: .npz, .bvh, .glb or .pkl")
    parser.add_argument("--song", type=Path, help="sound for the video: any sound or video file")
    parser.add_argument("--start", type=float, default=0.0, metavar="S", help="where in the song the motion begins")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the .mp4 (default: beside the motion), .webp or .gif; an older one is replaced, the song never",
    )
    parser.add_argument("--size", default="720x720", metavar="WxH", help="in pixels, e.g. 1080x1920 (default: 720x720)")
    parser.add_argument("--fps", type=float, default=30.0, help="frames a second (default: 30)")
    parser.add_argument("--follow", action="store_true", help="move the camera along with the dancer")
    parser.add_argument("--counts", action="store_true", help="show the counts of the song's beats (needs --song)")
    parser.add_argument("--workers", type=int, help="processes that draw (default: one a core)")


def run(arguments: argparse.Namespace) -> int:
    from core_vimo.errors import InputError
    from core_vimo.formats import read_motion
    from stylize.paths import require_others, telling
    from stylize.progress import Progress, tell_compiling
    from stylize.render.picture import LOOPS, write_teaser
    from stylize.render.video import write_video

    if arguments.workers is not None and arguments.workers < 1:
        raise InputError(f"--workers {arguments.workers}: at least one process has to draw")
    path = arguments.out or arguments.motion.with_suffix(".mp4")
    require_others([path], [arguments.motion, arguments.song])
    motion = read_motion(arguments.motion)
    tell_compiling("render", *(["librosa"] if arguments.counts else []))
    size = parse_size(arguments.size)
    if path.suffix.lower() in LOOPS:
        if arguments.song or arguments.counts:
            raise InputError(
                f"{path}: a loop has neither sound nor counts; leave --song and --counts out, or write .mp4"
            )
        with telling(path):
            write_teaser(motion, path, size, min(arguments.fps, 15.0))
        return 0
    overlay = _counts(arguments)
    with telling(path), Progress() as progress:
        write_video(
            motion,
            path,
            song=arguments.song,
            start_s=arguments.start,
            size=size,
            fps=arguments.fps,
            follow_dancer=arguments.follow,
            overlay=overlay,
            workers=arguments.workers,
            progress=lambda done, total: progress("Filming", done, total),
        )
    return 0


def parse_size(text: str) -> tuple[int, int]:
    """`720x720` as (width, height). Raises InputError."""
    from core_vimo.errors import InputError

    found = re.fullmatch(r"([0-9]{1,5})[xX]([0-9]{1,5})", text)
    if found is None:
        raise InputError(f"--size {text:.20}: not a size; write width x height in pixels, such as 720x720")
    return int(found[1]), int(found[2])


def _counts(arguments: argparse.Namespace) -> "CountOverlay | None":
    from core_vimo.errors import InputError

    if not arguments.counts:
        return None
    if arguments.song is None:
        raise InputError("--counts needs the song whose beats are counted; give it with --song")
    from edge_adapter.beats import track_beats
    from stylize.render.lettering import CountOverlay

    return CountOverlay.of(track_beats(arguments.song), arguments.start)
