"""Any sound PyAV can read (wav, mp3, m4a, ogg, flac, opus, videos with sound) as mono samples, streamed."""

import logging
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr

from core_vimo.errors import InputError, MediaError
from core_vimo.media import check_is_file, declared_seconds, decoded, media_error, open_media
from core_vimo.publish import publish_file

log = logging.getLogger(__name__)

SHORTEST_USABLE_S = 1.0
"""Of a damaged file, at least this much must be readable."""

# Declared lengths are rounded (mp3 counts whole frames): only a larger gap means that something is missing.
_MISSING_S = 0.5

_SLOWEST_HZ = 1000  # a few kilobytes at 1 Hz would be hours of song
_LOUDEST = 1e10  # full scale is 1, or 2^31 in files written carelessly; squares must stay finite in float32


def read_audio(path: Path | str, rate: int, start_s: float = 0.0, seconds: float | None = None) -> np.ndarray:
    """The whole sound, or `seconds` of it from `start_s`, as float32 mono `[N]` in [-1, 1] at `rate` Hz.

    Channels are averaged. An excerpt is bit-equal to the same span of the whole. Raises MediaError where the file
    cannot be used or ends before `start_s`; an excerpt that runs past the end is shorter.
    """
    first = round(start_s * rate)
    stop = None if seconds is None else first + round(seconds * rate)
    if first < 0 or (stop is not None and stop <= first):
        raise InputError(
            f"{path}: an excerpt of {seconds} s from {start_s} s is empty; give a start >= 0, a length > 0"
        )
    blocks, read = [], 0
    for block in stream_audio(path, rate):
        blocks.append(block[max(first - read, 0) :])
        read += len(block)
        if stop is not None and read >= stop:
            break
    if read <= first:
        raise MediaError(f"{path}: lasts {read / rate:.1f} s, so nothing is left from {start_s} s on; start earlier")
    return np.concatenate(blocks)[: None if stop is None else stop - first]


def stream_audio(path: Path | str, rate: int, block_s: float = 30.0) -> Iterator[np.ndarray]:
    """Yield the sound in order as float32 mono blocks of `block_s` seconds at `rate` Hz, the last one shorter.

    Resampled by soxr as a stream, which gives the numbers of resampling the whole at once. A damaged file gives what
    can be read before the damage (and a warning) if that is `SHORTEST_USABLE_S` or more; else, and for files without
    sound, MediaError. Never holds more than a block.
    """
    check_is_file(Path(path))
    size = max(round(block_s * rate), 1)
    rest, given = np.zeros(0, np.float32), 0
    for piece in _resampled(Path(path), rate):
        rest = np.concatenate((rest, piece))
        while len(rest) >= size:
            yield rest[:size]
            rest, given = rest[size:], given + size
    if len(rest):
        yield rest
    elif not given:
        raise MediaError(f"{path}: has a sound track, but nothing in it can be decoded; export the sound again")


def audio_seconds(path: Path | str) -> float:
    """Length in seconds as the file declares it; files that declare none are decoded and counted."""
    check_is_file(Path(path))
    try:
        with open_media(Path(path)) as container:
            declared = declared_seconds(container, _sound_track(container, Path(path)))
    except Exception as error:
        raise media_error(Path(path), error) from error
    if declared:
        return declared
    rate = 16000
    return sum(map(len, stream_audio(path, rate))) / rate


def write_audio(path: Path | str, samples: np.ndarray, rate: int) -> None:
    """Write samples `[N]` or `[N, channels]` in [-1, 1] as 16-bit `.wav` or `.flac`; louder samples are clipped."""
    path = Path(path)
    if path.suffix.lower() not in {".wav", ".flac"}:
        raise InputError(f"{path}: sound is written as .wav or .flac; choose one of these suffixes")
    with publish_file(path) as aside:
        soundfile.write(aside, np.clip(samples, -1, 1), rate, subtype="PCM_16")


def _sound_track(container: av.container.InputContainer, path: Path) -> av.AudioStream:
    track = container.streams.best("audio")
    if not isinstance(track, av.AudioStream):
        raise MediaError(f"{path}: has no sound track; give a song or a video with sound")
    return track


def _resampled(path: Path, rate: int) -> Iterator[np.ndarray]:
    pieces = _decoded(path)
    first = next(pieces, None)
    if first is None:
        return
    native, _ = first
    if native < _SLOWEST_HZ:
        raise MediaError(f"{path}: has {native} samples a second, too few to be music; export the sound again")
    resampler = soxr.ResampleStream(native, rate, 1, dtype="float32", quality="HQ")
    for _, samples in chain([first], pieces):
        if not (np.abs(samples) < _LOUDEST).all():
            raise MediaError(
                f"{path}: holds samples that are not numbers (NaN or infinity) or absurdly loud; export the sound again"
            )
        yield samples if native == rate else resampler.resample_chunk(samples)
    if native != rate:
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def _decoded(path: Path) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (Hz, mono float32) in order; every failure of PyAV, of whatever type, becomes one MediaError."""
    read_s, declared_s = 0.0, None
    try:
        with open_media(path) as container:
            track = _sound_track(container, path)
            declared_s = declared_seconds(container, track)
            for rate, samples in _decode_track(container, track):
                read_s += len(samples) / rate
                yield rate, samples
    except Exception as error:
        if read_s < SHORTEST_USABLE_S:
            raise media_error(path, error) from error
        log.warning("%s: damaged after %.1f s (%s); going on with what comes before", path, read_s, error)
        return
    if declared_s and read_s < declared_s - _MISSING_S:
        if read_s < SHORTEST_USABLE_S:
            raise MediaError(f"{path}: only {read_s:.1f} s of {declared_s:.1f} s can be read; copy or export it again")
        log.warning("%s: only %.1f s of %.1f s can be read; going on with these", path, read_s, declared_s)


def _decode_track(container: av.container.InputContainer, track: av.AudioStream) -> Iterator[tuple[int, np.ndarray]]:
    """Codec frames (often 1024 samples) gathered into pieces of a second; a rate that changes is a ValueError."""
    packed, gathered = av.AudioResampler(format="flt"), av.AudioFifo()
    for frame in decoded(container, track):
        assert isinstance(frame, av.AudioFrame)
        for part in packed.resample(frame):
            part.pts = None  # gaps between time stamps are closed, as players close them
            gathered.write(part)
        if gathered.samples >= frame.sample_rate:
            yield from _all_of(gathered)
    yield from _all_of(gathered)


def _all_of(gathered: av.AudioFifo) -> Iterator[tuple[int, np.ndarray]]:
    frame = gathered.read()
    if frame is not None:
        yield frame.sample_rate, frame.to_ndarray().reshape(frame.samples, -1).mean(1, dtype=np.float32)
