"""How the film looks: the arguments of the commands that make takes."""

import argparse
from typing import Any


def add_film(parser: argparse.ArgumentParser, counts: str = "--counts") -> None:
    """`counts` is the option that draws them; where that name means something else, another one."""
    yes_or_no = argparse.BooleanOptionalAction
    parser.add_argument("--size", metavar="WxH", help="of the video in pixels (default 720x720)")
    parser.add_argument(
        "--follow", action=yes_or_no, help="let the camera follow the dancer (default: it stands still)"
    )
    parser.add_argument(
        counts, action=yes_or_no, dest="draw_counts", help="draw the counts on the video (default: they are drawn)"
    )
    parser.add_argument("--video", action=yes_or_no, help="write an MP4 (default: it is written)")


def film_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Those that were given, as `stylize.take_files.FilmSettings` calls them."""
    from stylize.commands.render import parse_size

    size = None if arguments.size is None else parse_size(arguments.size)
    options = {"film": arguments.video, "size": size, "follow": arguments.follow, "counts": arguments.draw_counts}
    return {name: value for name, value in options.items() if value is not None}
