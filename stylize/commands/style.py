"""`vimo style`: the library of styles; made of clips, trained, looked at, given away and taken in."""

import argparse
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stylize.commands.kinds import add_kind

if TYPE_CHECKING:
    from stylize.style_clips.collect import Summary

HELP = "Make a style of a few clips, train it, share it, list those there are; `vimo dance --style` wears them."
EXAMPLE = "vimo style add skating clips/"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(metavar="WHAT", required=True)
    add = add_kind(kinds, "add", "Take in clips of a style.", "vimo style add skating clips/ more.zip", do=_add)
    _name(add)
    add.add_argument(
        "places", nargs="+", type=Path, help="videos, their .poses.json, motion files, folders, zip archives"
    )
    add.add_argument("--samples", type=int, default=1, help="motions made of each video, as the paper's 5 to 50 (1)")
    add.add_argument("--hold-out", nargs="+", default=[], metavar="NAME", help="clips to test on, as patterns of names")
    add.add_argument(
        "--allow", nargs="+", default=[], metavar="REASON", help="reasons that are none for this style, such as skating"
    )
    add.add_argument("--source", default="", metavar="TEXT", help="where the clips come from, for the style's card")
    add.add_argument("--licence", default="", metavar="TEXT", help="under which terms, for the style's card")
    add.add_argument(
        "--estimator", default="mediapipe", metavar="NAME", help="finds poses in videos: mediapipe, rtmlib"
    )
    add.add_argument("--seed", type=int, default=0, help="of samples and of rendered tracks (default 0)")
    add.add_argument("--video-bundle", type=Path, help="folder of another video-to-motion model")
    examples = "vimo style train skating trainer.steps=600\n  vimo style train skating --supervision 2d"
    train = add_kind(kinds, "train", "Learn a style from its clips.", examples, do=_train)
    _name(train)
    train.add_argument("overrides", nargs="*", metavar="key=value", help="Hydra overrides, such as trainer.steps=500")
    train.add_argument(
        "--supervision", choices=("3d", "2d"), help="2d: by the keypoints of its videos, not by motions made of them"
    )
    train.add_argument("--show", action="store_true", help="print every setting and stop")
    add_kind(kinds, "list", "Every style there is.", "vimo style list", do=_list)
    show = add_kind(kinds, "show", "A style's card and its clips.", "vimo style show skating", do=_show)
    show.add_argument("style", metavar="NAME", help="a style of `vimo style list`, or the folder of one")
    remove = add_kind(
        kinds, "remove", "Delete one's own style, its clips and its training.", "vimo style remove skating", do=_remove
    )
    _name(remove)
    pack = add_kind(
        kinds,
        "pack",
        "A trained style, without its clips, as one file to share.",
        "vimo style pack skating --out skating.vimostyle",
        do=_pack,
    )
    pack.add_argument("style", metavar="NAME", help="a style of `vimo style list`, or the folder of one")
    pack.add_argument("--out", type=Path, help="the file (default: NAME.vimostyle)")
    install = add_kind(
        kinds,
        "install",
        "Take in a packed style; nothing in it is run.",
        "vimo style install skating.vimostyle",
        do=_install,
    )
    install.add_argument("file", type=Path, help="what `vimo style pack` made")


def _name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the style's name: small letters, digits, - and _")


def run(arguments: argparse.Namespace) -> int:
    do: Callable[[argparse.Namespace], int] = arguments.do
    return do(arguments)


def _add(arguments: argparse.Namespace) -> int:
    from stylize.progress import Progress, tell_compiling

    tell_compiling("librosa")
    from accelerate import PartialState

    from core_vimo.video_to_motion.build import SHIPPED
    from stylize.style_clips.collect import CollectSettings, collect
    from stylize.style_library import clips_of, own_folder

    folder = own_folder(arguments.name)
    settings = CollectSettings(
        samples=arguments.samples,
        hold_out=tuple(arguments.hold_out),
        allow=tuple(arguments.allow),
        licence=arguments.licence,
        source=arguments.source,
        estimator=arguments.estimator,
        seed=arguments.seed,
    )
    bundle = arguments.video_bundle or SHIPPED
    try:
        with Progress() as progress:
            summary = collect(arguments.places, clips_of(folder), settings, progress, bundle=bundle)
    except BaseException:
        with suppress(OSError):
            folder.rmdir()  # where it was new, and nothing came into it
        raise
    if PartialState(cpu=True).is_main_process:
        _tell_clips(summary, arguments.name)
    return 0


def _tell_clips(summary: "Summary", name: str) -> None:
    for sentence in summary.failed.values():
        print(f"left out: {sentence}")
    for clip in summary.rendered:
        print(f"{clip}: no sound of its own; a track was rendered on its movement's beats")
    print(
        f"{summary.clips} clips, {summary.seconds:.0f} s: {summary.kept} windows to learn from, {summary.held_out} "
        f"held out, {sum(summary.rejected.values())} of {summary.windows} rejected"
    )
    for reason, count in summary.rejected.items():
        print(f"  {count} for {reason}")
    print(f"{summary.page} shows why, and takes your word against it; then: vimo style train {name}")


def _train(arguments: argparse.Namespace) -> int:
    from omegaconf import OmegaConf

    from stylize.style_recipe import require_clips, training_config

    asked = [f"supervision={arguments.supervision}"] if arguments.supervision else []
    config = training_config(arguments.name, [*arguments.overrides, *asked])
    if arguments.show:
        print(OmegaConf.to_yaml(config))
        return 0
    require_clips(config, arguments.name)
    from edge_adapter.style_training import train_style

    train_style(config)
    print(f"{config.out}: vimo dance song.mp3 --style {arguments.name}")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from stylize.style_library import SHIPPED, library, styles

    found = styles()
    if not found:
        print(f"no styles yet; `vimo style add NAME clips/` makes one in {library()}")
        return 0
    table = Table("style", "is", "learned from", "licence of its clips", box=SIMPLE, padding=(0, 1, 0, 0))
    for name, folder in found.items():
        is_what, source, licence = _in_words(folder)
        where = f"{is_what}, ships" if folder.parent == SHIPPED else is_what
        table.add_row(name, where, Text(source), Text(licence))  # a stranger's words are no markup
    Console().print(table)
    return 0


def _in_words(folder: Path) -> tuple[str, str, str]:
    """What a style is, what of, and the licence of that."""
    from core_vimo.errors import InputError
    from edge_adapter.style import Style
    from stylize.style_library import is_trained

    if not is_trained(folder):
        return "clips, not trained", "", ""
    try:
        facts = Style.load(folder).facts
    except InputError:
        return "damaged", "", ""
    seconds = sum(clip["seconds"] for clip in facts["clips"])
    source = f"{len(facts['clips'])} clips, {seconds:.0f} s: {facts['source']}"
    return "trained", _printable(source), _printable(facts["licence"])


def _show(arguments: argparse.Namespace) -> int:
    from core_vimo.bundle import bundle_hash
    from edge_adapter.style import Style
    from stylize.style_library import clips_of, find_style, folder_of, is_trained, styles

    folder = folder_of(arguments.style) if arguments.style in styles() else find_style(arguments.style)
    if is_trained(folder):
        style = Style.load(folder)
        usual, most = style.facts["strength"]["usual"], style.facts["strength"]["most"]
        print(_printable(style.card))
        print(f"for the backbone {style.backbone_sha256}")
        print(f"strength {usual:g} as it was trained, up to {most:g}")
        print(f"sha256 {bundle_hash(folder)}")
    else:
        print(f"not trained yet: vimo style train {folder.name}")
    print(folder)
    if (page := clips_of(folder) / "page.html").is_file():
        print(page)
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    from stylize.style_library import remove

    print(f"{remove(arguments.name)} is gone")
    return 0


def _pack(arguments: argparse.Namespace) -> int:
    from stylize.paths import telling
    from stylize.style_library import find_style
    from stylize.style_package import SUFFIX, pack

    out: Path = arguments.out or Path(f"{find_style(arguments.style).resolve().name}{SUFFIX}")
    with telling(out):
        pack(arguments.style, out)
    return 0


def _install(arguments: argparse.Namespace) -> int:
    from core_vimo.bundle import bundle_hash
    from edge_adapter.build import SHIPPED
    from edge_adapter.style import Style
    from stylize.style_package import install

    folder = install(arguments.file)
    print(folder)
    if Style.load(folder).backbone_sha256 != bundle_hash(SHIPPED):
        print("it was made for another backbone than the shipped one, which `vimo dance --bundle` then has to name")
    print(f"vimo style show {folder.name}")
    return 0


def _printable(text: str) -> str:
    """Without terminal codes, which a stranger's card could hold."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text)
