"""The files of takes, best first: NPZ, BVH, GLB, and where there is a song its counts; a film with its sound."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core_vimo.errors import InputError
from core_vimo.formats import write_motion
from core_vimo.formats.gltf import write_glb
from core_vimo.motion import Motion
from edge_adapter.beats import BeatGrid
from stylize.beat_sheet import count_sheet, write_count_sheet
from stylize.progress import Report
from stylize.render.lettering import CountOverlay
from stylize.render.video import check_size, write_video
from stylize.takes import TakeNumbers, rank


@dataclass(frozen=True)
class FilmSettings:
    """How the video looks: none at all, its size in pixels, a camera that follows, counts drawn on it."""

    film: bool = True
    size: tuple[int, int] = (720, 720)
    follow: bool = False
    counts: bool = True

    def __post_init__(self) -> None:
        yes_or_no = (self.film, self.follow, self.counts)
        if any(type(value) is not bool for value in yes_or_no) or [type(side) for side in self.size] != [int, int]:
            raise InputError("a film's size must be two whole numbers, its other settings true or false")
        if self.film:
            check_size(self.size)


@dataclass(frozen=True, eq=False)
class Sound:
    """A song, the second of it at which a motion begins, and its beats in seconds from there."""

    song: Path
    start_s: float
    grid: BeatGrid


@dataclass(frozen=True, eq=False)
class Take:
    """One motion, its seed and its numbers."""

    motion: Motion
    seed: int
    numbers: TakeNumbers


def stems(takes: int) -> list[str]:
    """What the files of these takes are called, best first."""
    return ["dance"] if takes == 1 else [f"take{place}" for place in range(1, takes + 1)]


def write_ranked(
    takes: Sequence[Take], folder: Path, sound: Sound | None, film: FilmSettings, report: Report
) -> list[dict[str, Any]]:
    """Write the takes' files into `folder`, best take first; what a manifest says of each."""
    rows = []
    for stem, index in zip(stems(len(takes)), rank([take.numbers for take in takes]), strict=True):
        take = takes[index]
        files = _write(take, stem, folder, sound, film, report)
        rows.append({"files": files, "seed": take.seed, "numbers": asdict(take.numbers)})
    return rows


def _write(take: Take, stem: str, folder: Path, sound: Sound | None, film: FilmSettings, report: Report) -> list[str]:
    motion = take.motion
    write_motion(motion, folder / f"{stem}.npz")
    write_motion(motion, folder / f"{stem}.bvh")
    facts = None if sound is None else {"song": sound.song.name, "audio_offset_s": sound.start_s, "seed": take.seed}
    write_glb(motion, folder / f"{stem}.glb", song=facts)
    names = [f"{stem}.{suffix}" for suffix in ("npz", "bvh", "glb")]
    if sound is not None:
        write_count_sheet(count_sheet(motion, sound.grid), folder / f"{stem}.counts.csv")
        names.append(f"{stem}.counts.csv")
    if film.film:
        counted = film.counts and sound is not None and len(sound.grid.beats_s)
        write_video(
            motion,
            folder / f"{stem}.mp4",
            song=sound.song if sound else None,
            start_s=sound.start_s if sound else 0.0,
            size=film.size,
            follow_dancer=film.follow,
            overlay=CountOverlay.of(sound.grid) if sound and counted else None,
            progress=lambda done, total: report(f"Filming {stem}", done, total),
        )
        names.insert(0, f"{stem}.mp4")
    return names
