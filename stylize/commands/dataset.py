"""`vimo dataset`: what models are trained on; dances with music, motions to be filmed, AIST++ with views, videos."""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from stylize.commands.kinds import add_kind

if TYPE_CHECKING:
    from core_vimo.formats.sources import Source
    from core_vimo.motion_store import MotionStore

S = TypeVar("S")
T = TypeVar("T")

HELP = "Make a data set for training: dances paired with music, motions for learning from videos, or videos alone."
EXAMPLE = "vimo dataset dances mocap/ more.zip --tempi 0.9 1 1.1 --hold-out '*_11' --out data/free"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(metavar="KIND", required=True)
    dances = add_kind(
        kinds, "dances", "Dances with music: their own, or a track rendered on their movement's beats.", EXAMPLE,
        make=_dances,
    )  # fmt: skip
    _add_places(dances)
    dances.add_argument("--songs", type=Path, help="folder of songs named like the dances (or by AIST++'s music ids)")
    dances.add_argument("--tempi", nargs="+", type=float, default=[1.0], help="speeds each dance is shown at")
    dances.add_argument("--tracks", type=int, default=1, help="rendered tracks a dance without a song gets (default 1)")
    motions = add_kind(
        kinds, "motions", "Motions of any kind, which `vimo train vimo` films with virtual cameras.",
        "vimo dataset motions mocap/ --hold-out '*_11' --out data/motions", make=_motions,
    )  # fmt: skip
    _add_places(motions)
    aist = add_kind(
        kinds, "aist", "AIST++ as published, with the nine real views of each dance.",
        "vimo dataset aist aist_plusplus/ --out data/aist", make=_aist,
    )  # fmt: skip
    aist.add_argument("root", type=Path, help="AIST++'s folder: motions, keypoints2d, cameras, ignore_list.txt")
    aist.add_argument(
        "--split", choices=("genres", "crossmodal", "pose"), default="genres",
        help="what is held out: break and middle hip-hop (genres, the default), or AIST++'s own lists",
    )  # fmt: skip
    _add_out(aist)
    taught = add_kind(
        kinds, "taught", "Videos: keypoints, and a teacher's rough motions of them, to learn from 2D alone.",
        "vimo dataset taught videos/ --teacher landmarks --hold-out 'solo_*' --out data/taught", make=_taught,
    )  # fmt: skip
    taught.add_argument("places", nargs="+", type=Path, help="videos, their .poses.json, folders, or zip archives")
    taught.add_argument(
        "--teacher", default="vimo", metavar="WHO",
        help="vimo (the model that ships, the default), landmarks (the pose estimator's own guess in space), or the "
        "folder of a trained bundle, such as a lifter's",
    )  # fmt: skip
    taught.add_argument(
        "--estimator", default="mediapipe", metavar="NAME", help="finds poses in videos: mediapipe, rtmlib"
    )
    taught.add_argument("--hold-out", nargs="+", default=[], metavar="NAME", help="test videos, as patterns of names")
    taught.add_argument("--leave-out", nargs="+", default=[], metavar="NAME", help="videos not wanted, as patterns")
    _add_out(taught)


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("places", nargs="+", type=Path, help="motion files, folders of them, or zip archives")
    _add_out(parser)
    parser.add_argument("--hold-out", nargs="+", default=[], metavar="NAME", help="test motions, as patterns of names")
    parser.add_argument("--leave-out", nargs="+", default=[], metavar="NAME", help="motions not wanted, as patterns")


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder of the new data set")
    parser.add_argument("--no-mirror", action="store_true", help="leave mirrored variants out of training")


def run(arguments: argparse.Namespace) -> int:
    from stylize.paths import telling

    make: Callable[[argparse.Namespace], int] = arguments.make
    with telling(arguments.out):
        return make(arguments)


def _dances(arguments: argparse.Namespace) -> int:
    from stylize.progress import tell_compiling

    tell_compiling("librosa")
    from core_vimo.errors import InputError
    from core_vimo.formats.sources import matches
    from edge_adapter.dance_data import DanceSet, PairedDance, write_dance_set
    from edge_adapter.dance_sources import Variations, pair

    if not all(0.25 <= tempo <= 4 for tempo in arguments.tempi) or arguments.tracks < 1:
        raise InputError("--tempi must lie between 0.25 and 4, --tracks must be at least 1")
    vary = Variations(tuple(arguments.tempi), not arguments.no_mirror, arguments.tracks)

    def read(source: "Source") -> Iterator[PairedDance]:
        return pair(source, arguments.songs, vary, held_out=matches(source.name, arguments.hold_out))

    readable = _Readable("Pairing dances with music")
    write_dance_set(readable.of(_wanted(arguments), read), arguments.out, extractor="librosa35")
    readable.tell_refused()
    return _tell("dances", lambda split: DanceSet(arguments.out, split), arguments.out, arguments.hold_out)


def _motions(arguments: argparse.Namespace) -> int:
    from core_vimo.formats.sources import matches
    from core_vimo.video_to_motion.motion_set import StoredMotion, stored_motions, write_motion_set

    def read(source: "Source") -> Iterator[StoredMotion]:
        held_out = matches(source.name, arguments.hold_out)
        return stored_motions(source, held_out=held_out, mirrored=not arguments.no_mirror)

    readable = _Readable("Reading motions")
    write_motion_set(readable.of(_wanted(arguments), read), arguments.out)
    readable.tell_refused()
    return _tell_motions(arguments.out, arguments.hold_out)


def _aist(arguments: argparse.Namespace) -> int:
    from core_vimo.video_to_motion.aist import AistFolder
    from core_vimo.video_to_motion.motion_set import write_motion_set

    aist = AistFolder(arguments.root, arguments.split)
    readable = _Readable("Reading AIST++")
    clips = readable.of(aist.sequences, lambda name: aist.clips(name, mirrored=not arguments.no_mirror))
    write_motion_set(clips, arguments.out)
    readable.tell_refused()
    print(aist.summary())
    return _tell_motions(arguments.out)


def _taught(arguments: argparse.Namespace) -> int:
    from core_vimo.errors import InputError
    from core_vimo.formats.sources import matches
    from core_vimo.video_to_motion.motion_set import write_motion_set
    from core_vimo.video_to_motion.teacher import named_teacher
    from stylize.progress import Progress
    from stylize.taught_motions import TaughtMotions, filmed_items

    items = [item for item in filmed_items(arguments.places) if not matches(item.name, arguments.leave_out)]
    if not items:
        raise InputError(f"--leave-out {' '.join(arguments.leave_out)} leaves nothing; ask for less")
    teacher = named_teacher(arguments.teacher)
    with Progress() as progress:
        made = TaughtMotions(
            teacher,
            arguments.estimator,
            tuple(arguments.hold_out),
            tuple(arguments.leave_out),
            not arguments.no_mirror,
            progress,
        )
        write_motion_set(made.of(items), arguments.out, teacher.name)
    for sentence in made.refused:
        print(f"left out: {sentence}")
    _tell_apart(made.apart_m)
    return _tell_motions(arguments.out, arguments.hold_out)


def _tell_apart(apart_m: Mapping[str, float]) -> None:
    """How far keypoints lie from the joints of what the teacher made of them, before that was corrected."""
    from statistics import median

    from stylize.taught_motions import FAR_M

    print(
        f"keypoints lie {100 * median(apart_m.values()):.0f} cm beside the teacher's joints (median of {len(apart_m)})"
    )
    for name, far_m in apart_m.items():
        if far_m > FAR_M:
            print(f"{name}: {100 * far_m:.0f} cm; look at that video, and --leave-out {name} if nobody dances in it")


def _wanted(arguments: argparse.Namespace) -> "list[Source]":
    from core_vimo.formats.sources import find_sources, matches

    return [s for s in find_sources(arguments.places) if not matches(s.name, arguments.leave_out)]


class _Readable:
    """What can be read of many files; those that can't are told at the end; fatal where it's all."""

    def __init__(self, doing: str) -> None:
        self.doing, self.refused = doing, list[str]()

    def of(self, sources: list[S], read: Callable[[S], Iterator[T]]) -> Iterator[T]:
        from rich.progress import track

        from core_vimo.errors import InputError

        for source in track(sources, self.doing):
            try:
                yield from read(source)
            except InputError as error:
                self.refused.append(str(error))
        if self.refused and len(self.refused) == len(sources):
            others = f" (and the other {len(sources) - 1} likewise)" if len(sources) > 1 else ""
            raise InputError(f"nothing can be read: {self.refused[0]}{others}")

    def tell_refused(self) -> None:
        for message in self.refused:
            print(f"left out: {message}")


def _tell_motions(folder: Path, hold_out: Sequence[str] = ()) -> int:
    from core_vimo.video_to_motion.motion_set import MotionSet

    return _tell("motions", lambda split: MotionSet(folder, split), folder, hold_out)


def _tell(what: str, read: "Callable[[str], MotionStore]", folder: Path, hold_out: Sequence[str] = ()) -> int:
    from core_vimo.errors import InputError

    for split in ("train", "test"):
        try:
            stored = read(split)
        except InputError:  # nothing was held out, or all of it
            if split == "test" and hold_out:
                print(f"nothing is held out: none of them is called {' or '.join(hold_out)}")
            if split == "train" and hold_out:
                print(f"nothing is left to learn from: all of them are called {' or '.join(hold_out)}")
            continue
        print(f"{split} {what}: {len(stored)}, {stored.seconds / 60:.1f} min with variants")
    return 0
