"""The song beside the picture: an excerpt in stereo, cut to the sample, with silence where it ends early."""

import logging
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Literal

import av
import numpy as np
from numpy.typing import NDArray

from core_vimo.errors import InputError, MediaError
from core_vimo.media import decoded, media_error, open_media
from edge_adapter.audio import audio_seconds

log = logging.getLogger(__name__)

RATE = 48000
BLOCK = 1024
"""Samples a block: what an AAC frame holds."""

Samples = NDArray[np.float32]


def check_song(path: Path, start_s: float) -> None:
    """Raise InputError or MediaError, before anything is drawn, for a song that can't be used from `start_s` on."""
    if not start_s >= 0:
        raise InputError(f"{path}: a start of {start_s} s is before the song; give 0 or more")
    seconds = audio_seconds(path)
    if start_s >= seconds:
        raise MediaError(f"{path}: lasts {seconds:.1f} s, so nothing is left from {start_s} s on; start earlier")
    if next(_decoded(path), None) is None:
        raise MediaError(f"{path}: has a sound track, but nothing in it can be decoded; export the sound again")


def sound_of_video(path: Path, start_s: float, seconds: float) -> Iterator[Samples] | None:
    """`soundtrack` of a video from `start_s` after its first picture on; None where no sound can be had from there."""
    try:
        start_s += _sound_before_picture_s(path)
        check_song(path, max(start_s, 0.0))
    except InputError as error:
        log.warning("%s; going on without sound", error)
        return None
    return soundtrack(path, start_s, seconds)


def _sound_before_picture_s(path: Path) -> float:
    """Seconds between the first sample and the first picture: files that were cut or recorded begin with either."""
    try:
        return _begins_s(path, "video") - _begins_s(path, "audio")
    except Exception as error:
        raise media_error(path, error) from error


def _begins_s(path: Path, kind: Literal["video", "audio"]) -> float:
    """Time stamp of the first picture or sound that can be decoded; 0 where it has none."""
    with open_media(path) as film:
        track = film.streams.best(kind)
        assert isinstance(track, av.AudioStream | av.VideoStream)
        first = next(decoded(film, track), None)  # type: ignore[type-var]
        if first is None or first.pts is None or first.time_base is None:
            return 0.0
        return float(first.pts * first.time_base)


def soundtrack(path: Path, start_s: float, seconds: float) -> Iterator[Samples]:
    """Stereo blocks `[2, BLOCK]` at `RATE` Hz (the last one shorter), `round(seconds * RATE)` samples in all.

    Before 0 s there is silence.
    """
    left = round(seconds * RATE)
    rest = np.zeros((2, max(round(-start_s * RATE), 0)), np.float32)
    for piece in _after(_decoded(path), max(round(start_s * RATE), 0)):
        rest = np.concatenate((rest, piece), axis=1)
        while rest.shape[1] >= BLOCK and left > 0:
            yield rest[:, : min(BLOCK, left)]
            rest, left = rest[:, BLOCK:], left - BLOCK
        if left <= 0:
            return
    tail = np.pad(rest, ((0, 0), (0, max(left - rest.shape[1], 0))))[:, :left]
    for first in range(0, left, BLOCK):
        yield tail[:, first : first + BLOCK]


def _after(pieces: Iterator[Samples], skip: int) -> Iterator[Samples]:
    for piece in pieces:
        if piece.shape[1] > skip:
            yield piece[:, skip:]
        skip = max(skip - piece.shape[1], 0)


def _decoded(path: Path) -> Iterator[Samples]:
    """The whole sound `[2, n]` piece by piece; of a damaged file, what comes before the damage."""
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE)
    try:
        with av.open(f"file:{path}", metadata_errors="ignore", options={"protocol_whitelist": "file"}) as container:
            for frame in chain(container.decode(container.streams.best("audio")), [None]):
                assert frame is None or isinstance(frame, av.AudioFrame)
                if frame is not None:
                    frame.pts = None  # what was decoded, in order; damaged stamps would tear holes
                for piece in resampler.resample(frame):
                    yield piece.to_ndarray().astype(np.float32, copy=False)
    except av.FFmpegError as error:
        log.warning("%s: damaged (%s); the video is silent from there on", path, error.strerror)
