"""`vimo studio`: the page where a choreographer does all of it."""

import argparse

HELP = "Open the studio: a page for songs, dances, edits, styles, videos and exports, on this machine."
EXAMPLE = "vimo studio --port 8080"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8080, help="where the page listens (default 8080)")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="an address of this machine; any but the default opens the page to others, who need the printed link",
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address and open nothing")


def run(arguments: argparse.Namespace) -> int:
    from core_vimo.errors import InputError
    from stylize.studio.app import serve

    if not 1 <= arguments.port <= 65535:
        raise InputError(f"{arguments.port} is no port; give one from 1 to 65535, such as 8080")
    serve(arguments.port, arguments.host, not arguments.no_browser)
    return 0
