"""What a completion is made of: motion files and videos at the suite's rate and axes, and the song a dance knows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from core_vimo.bundle import bundle_hash
from core_vimo.errors import InputError
from core_vimo.formats import SUFFIXES, read_motion
from core_vimo.formats.bvh_clip import read_bvh_clip
from core_vimo.formats.retarget import is_smpl, retarget, up_axis
from core_vimo.motion import FPS, Motion, ground, resample
from core_vimo.publish import MANIFEST, sha256_file
from core_vimo.reading import naming, read_json
from core_vimo.skeleton import FEET, TOE_HEIGHT_M
from core_vimo.video_to_motion.build import load_vimo
from stylize.dance import DanceSettings, Tempo
from stylize.motion_from_video import MotionSettings, look, motion_takes
from stylize.progress import Report
from stylize.takes import FILMED_RANKED_BY, rank

_OFF_FLOOR_M = 0.02
"""A motion farther than this from the floor is put on it; nearer, its numbers stay as they are."""


@dataclass(frozen=True, eq=False)
class Piece:
    """A motion at 30 fps, z-up, where it came from, and in words what had to be converted."""

    motion: Motion
    path: Path
    sha256: str
    said: tuple[str, ...]
    bundle_sha256: str | None = None
    """Of the model that saw it in a video."""


def read_piece(path: Path, video_bundle: Path, report: Report) -> Piece:
    """Any motion file, or the best of four motions of the person in a video. Raises InputError."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a motion ({', '.join(SUFFIXES)}) or a video in it")
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; give a motion ({', '.join(SUFFIXES)}) or a video")
    if path.suffix.lower() not in SUFFIXES:
        said = "a video, of which the best of four takes is used"
        return Piece(_filmed(path, video_bundle, report), path, sha256_file(path), (said,), bundle_hash(video_bundle))
    with naming(path):
        found, converted = _read(path)
        motion = resample(found, FPS)
    if found.fps != FPS:
        converted.append(f"{found.fps:g} frames a second, resampled to {FPS:g}")
    off_m = _off_floor_m(motion)
    if abs(off_m) > _OFF_FLOOR_M:
        motion = ground(motion)
        converted.append(f"{abs(off_m):.2f} m {'above' if off_m > 0 else 'below'} the floor, put on it")
    return Piece(motion, path, sha256_file(path), tuple(converted))


def _read(path: Path) -> tuple[Motion, list[str]]:
    """A motion at its own rate on our skeleton, and what of skeleton and axes was converted."""
    if path.suffix.lower() != ".bvh":
        return read_motion(path), ["y-up, turned to z-up"] if path.suffix.lower() == ".glb" else []
    clip = read_bvh_clip(path)
    motion, up = retarget(clip), up_axis(clip)
    converted = [] if is_smpl(clip) else [f"a skeleton of {len(clip.names)} joints, retargeted to SMPL's 24"]
    return motion, converted if up == "z" else [*converted, f"{up}-up, turned to z-up"]


def _filmed(video: Path, bundle: Path, report: Report) -> Motion:
    settings = MotionSettings()
    model = load_vimo(bundle, "cuda" if torch.cuda.is_available() else "cpu")
    seen = look(video, None, settings, report)
    with naming(video):
        takes = motion_takes(model, seen.footage, settings, report)
    return takes[rank([take.numbers for take in takes], FILMED_RANKED_BY)[0]].motion


def _off_floor_m(motion: Motion) -> float:
    return float(torch.quantile(motion.joints_m()[:, FEET, 2].amin(1), 0.05)) - TOE_HEIGHT_M


@dataclass(frozen=True)
class Song:
    """A song, the second of it at which the motion begins, and how its beats are heard (`stylize.dance`)."""

    path: Path
    start_s: float = 0.0
    tempo: Tempo = "as heard"
    first_count: int = 0
    manifest: Path | None = None


def song_for(dance: Path, given: Path | None, start_s: float | None, *, needed: bool = True) -> Song | None:
    """The song given by hand, or else the one that the manifest beside a dance names, from where the dance begins.

    A manifest's offset and counts hold also for its song given by hand. Without `needed` a song that is gone is none.
    Raises InputError.
    """
    noted = _noted(dance)
    if noted is not None:
        known = Song(
            given or Path(noted["song"]),
            noted["audio_offset_s"] if start_s is None else start_s,
            noted["settings"]["tempo"],
            noted["settings"]["first_count"],
            dance.parent / MANIFEST,
        )
        if known.path.is_file() and sha256_file(known.path) == noted["song_sha256"]:
            return known
        if given is None and needed:
            raise InputError(f"{known.path}: the song of {dance} isn't there any more; give it with --song")
    if given is None and start_s is not None:
        raise InputError("--start is a second of a song; give the song with --song")
    return None if given is None else Song(given, start_s or 0.0)


def _noted(dance: Path) -> dict[str, Any] | None:
    """What the manifest beside a dance says, None where there is none that names this dance and a song."""
    manifest = dance.parent / MANIFEST
    if not manifest.is_file():
        return None
    try:
        noted: dict[str, Any] = read_json(manifest)
        DanceSettings(
            start_s=noted["audio_offset_s"],
            tempo=noted["settings"]["tempo"],
            first_count=noted["settings"]["first_count"],
        )
        whole = isinstance(noted["song"], str) and isinstance(noted["song_sha256"], str)
        files = [name for take in noted["takes"] for name in take["files"]]
    except (InputError, KeyError, TypeError):
        return None
    return noted if whole and dance.name in files else None
