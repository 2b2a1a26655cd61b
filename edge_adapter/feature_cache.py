"""Features computed once a song: kept on disk under the hash of the sound file's bytes."""

import hashlib
import logging
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file, save_file

from core_vimo.cache import cache_folder
from core_vimo.errors import InputError
from core_vimo.publish import publish_file, sha256_file
from edge_adapter.features import Extractor, LibrosaExtractor, MusicFeatures

log = logging.getLogger(__name__)


def cached_features(
    path: Path | str,
    extractor: Extractor | None = None,
    start_s: float = 0.0,
    seconds: float | None = None,
) -> MusicFeatures:
    """Features of a song or of an excerpt of it, from the cache where they are there and sound.

    An excerpt is a slice of the whole song's features, so that its beats are the song's. Kept in `features/` of the
    suite's cache folder (`VIMO_CACHE`), 0.25 MB a minute of song for librosa's 35, 35 MB for Jukebox; delete it at
    will. A damaged entry is computed anew; a cache that cannot be written costs time, nothing else.
    """
    extractor = extractor or LibrosaExtractor()
    features = _whole_song(Path(path), extractor).excerpt(start_s, seconds)
    if not len(features):
        raise InputError(f"{path}: nothing is left from {start_s} s on; start earlier or take a longer excerpt")
    return features


def _whole_song(path: Path, extractor: Extractor) -> MusicFeatures:
    if not path.is_file():
        return extractor(path)  # its reader says what is wrong
    entry = cache_folder() / "features" / f"{sha256_file(path)}-{extractor.name}-{extractor.version}.safetensors"
    kept = _read(entry, extractor) if entry.exists() else None
    if kept is not None:
        return kept
    features = extractor(path)
    try:
        with publish_file(entry) as aside:
            save_file({"values": features.values.contiguous()}, aside, {"sha256": _digest(features.values)})
    except (InputError, OSError) as error:
        log.warning("features of %s are not kept: %s", path, error)
    return features


def _read(entry: Path, extractor: Extractor) -> MusicFeatures | None:
    """The entry, or None where it is not what was written (safetensors does not see flipped bits: the hash does)."""
    try:
        values = load_file(entry)["values"]
        with safetensors.safe_open(entry, "pt") as file:
            digest = (file.metadata() or {}).get("sha256")
    except (safetensors.SafetensorError, OSError, KeyError):
        values, digest = torch.zeros(0), None
    if values.ndim == 2 and values.shape[1] == extractor.dim and digest == _digest(values):
        return MusicFeatures(values, extractor.fps, extractor.name)
    log.warning("%s is damaged; computing it again", entry)
    return None


def _digest(values: torch.Tensor) -> str:
    return hashlib.sha256(values.contiguous().numpy().tobytes()).hexdigest()
