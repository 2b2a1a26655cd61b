"""The clips at some places: videos, keypoints of videos and motion files, in folders and archives, mixed as they are.

A sound file, or one of keypoints, that is called like a clip beside it belongs to that clip.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from core_vimo.errors import InputError
from core_vimo.footage import SUFFIX as POSES_SUFFIX
from core_vimo.formats import SUFFIXES as MOTION_SUFFIXES
from core_vimo.formats.sources import Source, members_of, visible_files
from core_vimo.publish import sha256_file
from edge_adapter.dance_sources import SONG_SUFFIXES

VIDEO_SUFFIXES = (
    ".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".gif", ".mpg", ".mpeg", ".wmv", ".ts", ".3gp", ".ogv",
)  # fmt: skip
SOUND_SUFFIXES = tuple(suffix for suffix in SONG_SUFFIXES if suffix not in VIDEO_SUFFIXES)

_KINDS = {
    **dict.fromkeys(VIDEO_SUFFIXES, "video"),
    **dict.fromkeys(MOTION_SUFFIXES, "motion"),
    **dict.fromkeys(SOUND_SUFFIXES, "sound"),
    ".json": "keypoints",
}
_NOT_CLIPS = ("manifest.json", "_keypoints.json")
"""Ends of names: our own manifests, and OpenPose's files of single frames, which `vimo motion` makes a clip of."""
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Item:
    """One clip: its name in the set, what it is (video, motion, keypoints of a video, or a lone sound) and its files.

    sha256 is that of its content; keypoints and sound are the files that belong to it. same_as names an earlier item of
    the very same content.
    """

    name: str
    kind: str
    source: Source
    sha256: str
    keypoints: Source | None = None
    sound: Source | None = None
    same_as: str = ""

    @property
    def sources(self) -> tuple[Source | None, ...]:
        """The clip, its keypoints, its sound."""
        return self.source, self.keypoints, self.sound

    @property
    def companion_hashes(self) -> tuple[str, ...]:
        return tuple(content_hash(source) if source else "" for source in (self.keypoints, self.sound))

    @property
    def label(self) -> str:
        """What a person knows it by."""
        return PurePath(self.source.member or self.source.path).name


def find_items(places: Sequence[Path]) -> list[Item]:
    """Everything at these places that is or should be a clip, by name; InputError where there is nothing.

    Names are the files', made safe; of two that would be called alike, each gets the beginning of its hash too.
    """
    sources = {source for place in places for source in _sources(place)}
    if not sources:
        raise InputError(
            f"no clip at {', '.join(map(str, places)) or 'no place'}; give videos, motion files "
            f"({', '.join(MOTION_SUFFIXES)}), keypoint files (.json), or folders and zip archives of them"
        )
    items = [item for together in _companions(sources) for item in _items(together)]
    return _with_twins(sorted(_each_its_name(items), key=lambda item: item.name))


def _sources(place: Path) -> Iterator[Source]:
    if place.is_dir():
        for path in visible_files(place):
            if path.suffix.lower() == ".zip" or _is_wanted(path):
                yield from _sources(path)
    elif not place.exists():
        raise InputError(f"{place}: there is no such file or folder; check the path")
    elif place.suffix.lower() == ".zip":
        yield from (Source(place, name) for name in members_of(place) if _is_wanted(PurePath(name)))
    elif _kind(place):
        yield Source(place)
    else:
        raise InputError(f"{place}: not a kind of file that holds clips; give videos, motions or folders of them")


def _kind(path: PurePath) -> str:
    return _KINDS.get(path.suffix.lower(), "")


def _is_wanted(path: PurePath) -> bool:
    return bool(_kind(path)) and not path.name.endswith(_NOT_CLIPS)


def _companions(sources: set[Source]) -> Iterator[list[Source]]:
    """Files of one folder and stem, together."""
    groups: dict[tuple[Path, str, str], list[Source]] = defaultdict(list)
    for source in sorted(sources, key=lambda source: (str(source.path), source.member or "")):
        inside = PurePath(source.member or source.path)
        archive = Path() if source.member is None else source.path
        groups[archive, str(inside.parent), _stem(inside)].append(source)
    yield from groups.values()


def _stem(path: PurePath) -> str:
    return path.name.removesuffix(POSES_SUFFIX) if path.name.endswith(POSES_SUFFIX) else path.stem


def _items(together: list[Source]) -> Iterator[Item]:
    """The clips among files of one stem: sounds go with them, keypoints with the video; alone they are items too."""
    by_kind: dict[str, list[Source]] = defaultdict(list)
    for source in together:
        by_kind[_kind(_path(source))].append(source)
    sound = next(iter(by_kind["sound"]), None)
    keypoints = next(iter(by_kind["keypoints"]), None)
    clips = [("video", source) for source in by_kind["video"]] + [("motion", source) for source in by_kind["motion"]]
    if not by_kind["video"]:
        clips += [("keypoints", source) for source in by_kind["keypoints"]]
    if not clips:
        clips, sound = [("sound", source) for source in by_kind["sound"]], None
    for kind, source in clips:
        yield Item(_safe(_stem(_path(source))), kind, source, "", keypoints if kind == "video" else None, sound)


def _path(source: Source) -> PurePath:
    return PurePath(source.member or source.path)


def _safe(stem: str) -> str:
    """A folder's name on any system: letters, digits, `_`, `-`, `+` and inner dots."""
    name = re.sub(r"[^\w+.-]+", "_", stem, flags=re.ASCII).strip("._")[:_LONGEST_NAME]
    return name or "clip"


def _each_its_name(items: list[Item]) -> list[Item]:
    """Hashed, and told apart where two would be called alike (also where only capitals differ)."""
    hashed = [replace(item, sha256=content_hash(item.source)) for item in items]
    counts: dict[str, int] = defaultdict(int)
    for item in hashed:
        counts[item.name.lower()] += 1
    named = [replace(i, name=f"{i.name}-{i.sha256[:8]}") if counts[i.name.lower()] > 1 else i for i in hashed]
    # Two names for one content and one stem are one clip given twice.
    return list({item.name.lower(): item for item in named}.values())


def _with_twins(items: list[Item]) -> list[Item]:
    first: dict[str, str] = {}
    return [replace(i, same_as=same) if (same := first.setdefault(i.sha256, i.name)) != i.name else i for i in items]


def content_hash(source: Source) -> str:
    """Of the file's bytes; of one that can't be read, of its name: it will be told when it is its turn."""
    try:
        with source.file() as file:
            return sha256_file(file)
    except (InputError, OSError):
        return hashlib.sha256(str(_path(source)).encode("utf-8", "surrogateescape")).hexdigest()
