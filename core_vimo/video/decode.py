"""Any video PyAV can read as upright RGB pictures at one steady rate, streamed: two pictures are held at a time."""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type as SideData
from av.stream import Disposition
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from core_vimo.errors import InputError, MediaError
from core_vimo.media import check_is_file, declared_seconds, decoded, media_error, open_media

log = logging.getLogger(__name__)

Picture = NDArray[np.uint8]
Size = tuple[int, int]

_TAKEN_AT = Fraction(1, 5)
"""Part of an output frame's time that has passed when its picture is taken.

Containers round time stamps to milliseconds: asked at its very start, a 30 fps film would give one picture twice and
lose the next.
"""

_LONGEST_STILL_S = 60  # a time stamp that shows a picture for longer is damage, or a forgery
_MISSING_S = 0.5  # declared lengths are rounded
_LARGEST_PX = 64_000_000  # 8K is 33 million
_MOST_SQUEEZED = 8  # pixels longer than that come from a damaged header
_WORTH_A_SEEK_S = 5.0
_USUAL_RATE = Fraction(25)  # FFmpeg's own guess for streams that tell none
_NO_FILM = ("ansi",)  # FFmpeg reads any text file as a picture of a terminal


@dataclass(frozen=True)
class VideoFacts:
    """A video as displayed: upright, with square pixels; fps and seconds are what the file declares."""

    width: int
    height: int
    fps: float
    seconds: float
    has_sound: bool

    def shown_size(self, longest: int = 640) -> Size:
        """(width, height) of the pictures that `frames` yields; small videos are not enlarged."""
        return _shown_size((self.width, self.height), longest)


def probe(path: Path | str) -> VideoFacts:
    """What a video is, its first picture decoded. Raises MediaError where there is none."""
    path = Path(path)
    check_is_file(path)
    try:
        with open_media(path) as container:
            track = _picture_track(container, path)
            first = next(_pictures(container, track), None)
            if first is None:
                raise _nothing_decoded(path)
            width, height = _Upright(track, first).size
            seconds = declared_seconds(container, track) or _counted_seconds(container, track)
            return VideoFacts(width, height, float(_rate(track)), seconds, bool(container.streams.audio))
    except Exception as error:
        raise media_error(path, error, "a video", "mp4") from error


def frames(
    path: Path | str, fps: float = 30.0, longest: int = 640, start_s: float = 0.0, seconds: float | None = None
) -> Iterator[Picture]:
    """Yield pictures `[H, W, 3]` RGB, upright, at exactly `fps`: each time gets the picture that is shown then.

    Their longer side is at most `longest`; transparent pictures lie on white. Time 0 is the first picture's. One that
    is shown at several times comes as the same array again: don't write to it. A damaged file gives what comes before
    the damage, and a warning. Raises MediaError where nothing can be shown or the video ends before `start_s`.
    """
    path = Path(path)
    check_is_file(path)
    number, stop = _excerpt(path, fps, longest, start_s, seconds)
    first, end_s, declared_s = number, Fraction(0), None
    try:
        with open_media(path) as container:
            track = _picture_track(container, path)
            declared_s = declared_seconds(container, track)
            upright = None
            for frame, end_s in _timed(container, track, start_s):
                upright = upright or _Upright(track, frame, longest)
                end = min(stop, math.ceil(end_s * Fraction(fps) - _TAKEN_AT))
                picture = upright.draw(frame) if number < end else None
                while picture is not None and number < end:
                    number += 1
                    yield picture
                if number >= stop:
                    return
    except Exception as error:
        if number == first:
            raise media_error(path, error, "a video", "mp4") from error
        log.warning("%s: damaged after %.1f s (%s); going on with what comes before", path, end_s, error)
        return
    _check_end(path, number > first, start_s, float(end_s), declared_s)


def _excerpt(path: Path, fps: float, longest: int, start_s: float, seconds: float | None) -> tuple[int, float]:
    """(first, one past the last) output frame."""
    if not (0 < fps <= 1000 and longest > 0 and 0 <= start_s < 1e6 and (seconds is None or 0 < seconds < 1e6)):
        raise InputError(
            f"{path}: {seconds} s from {start_s} s at {fps} frames a second and {longest} pixels is no excerpt; "
            "give a start >= 0 and the rest above 0"
        )
    first = round(start_s * fps)
    return first, math.inf if seconds is None else first + max(round(seconds * fps), 1)


def _check_end(path: Path, begun: bool, start_s: float, end_s: float, declared_s: float | None) -> None:
    if not end_s:
        raise _nothing_decoded(path)
    if not begun:
        raise MediaError(f"{path}: lasts {end_s:.1f} s, so nothing is left from {start_s} s on; start earlier")
    if declared_s and end_s < declared_s - _MISSING_S:
        log.warning("%s: only %.1f s of %.1f s can be read; going on with these", path, end_s, declared_s)


def _nothing_decoded(path: Path) -> MediaError:
    return MediaError(f"{path}: has a picture track, but nothing in it can be decoded; export the video again")


def _picture_track(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """The track with moving pictures; a song's cover is none."""
    films = [track for track in container.streams.video if not track.disposition & Disposition.attached_pic]
    best = container.streams.best("video")
    track = best if best in films else next(iter(films), None)
    if not isinstance(track, av.VideoStream) or track.codec_context.name in _NO_FILM:
        raise MediaError(f"{path}: has no moving pictures; give a video")
    _check_size(path, track.codec_context.width, track.codec_context.height)
    track.codec_context.options = {"max_pixels": str(_LARGEST_PX)}  # sizes may grow in mid-stream
    track.thread_type = "AUTO"
    return track


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > _LARGEST_PX:
        raise MediaError(f"{path}: has pictures of {width} x {height}, more than 64 million pixels; export it smaller")


def _pictures(container: av.container.InputContainer, track: av.VideoStream) -> Iterator[av.VideoFrame]:
    return (frame for frame in decoded(container, track) if isinstance(frame, av.VideoFrame))


def _rate(track: av.VideoStream) -> Fraction:
    """Pictures a second, for what has no time stamps; a rate that nobody films at is no rate."""
    rates = (track.average_rate, track.guessed_rate, track.base_rate)
    return next((Fraction(rate) for rate in rates if rate and 1 <= rate <= 1000), _USUAL_RATE)


def _counted_seconds(container: av.container.InputContainer, track: av.VideoStream) -> float:
    """Length by the packets' time stamps, or their number: for files that declare none."""
    container.seek(0)
    times = [
        packet.pts * packet.time_base for packet in container.demux(track) if packet.size and packet.pts is not None
    ]
    return float(max(times) - min(times) + 1 / _rate(track)) if times else 0.0


def _timed(
    container: av.container.InputContainer, track: av.VideoStream, start_s: float
) -> Iterator[tuple[av.VideoFrame, Fraction]]:
    """Yield (picture, when it ceases to be shown) in order, in seconds since the first; at latest from `start_s` on.

    Pictures that claim to be shown before one that came earlier are left out, as players leave them out.
    """
    step_s, pictures = 1 / _rate(track), _pictures(container, track)
    first = next(pictures, None)
    if first is None:
        return
    origin_s = _time_s(first) or Fraction(0)
    shown, pictures = _sought(container, track, first, pictures, start_s)
    since_s = (_time_s(shown) or origin_s) - origin_s
    for frame in pictures:
        time_s = _time_s(frame)
        until_s = since_s + step_s if time_s is None else time_s - origin_s
        if until_s - since_s > _LONGEST_STILL_S:
            yield shown, since_s + step_s
            raise ValueError(f"a time stamp leaps to {float(until_s):.0f} s")
        if until_s > since_s:
            yield shown, until_s
            shown, since_s = frame, until_s
    yield shown, since_s + (_duration_s(shown) or step_s)


def _sought(
    container: av.container.InputContainer,
    track: av.VideoStream,
    first: av.VideoFrame,
    pictures: Iterator[av.VideoFrame],
    start_s: float,
) -> tuple[av.VideoFrame, Iterator[av.VideoFrame]]:
    """A picture at or before `start_s` and those after it; the first one where the file can't be sought through."""
    origin_s = _time_s(first)
    if start_s < _WORTH_A_SEEK_S or origin_s is None or track.time_base is None:
        return first, pictures
    for back_s in (start_s - 1, 0.0):  # an index that lies lands too late; then everything is decoded
        try:
            container.seek(int((origin_s + Fraction(back_s)) / track.time_base), stream=track)
        except av.FFmpegError:
            return first, pictures
        pictures = _pictures(container, track)
        landed = next(pictures, None)
        time_s = None if landed is None else _time_s(landed)
        if landed is not None and time_s is not None and origin_s <= time_s <= origin_s + Fraction(start_s):
            return landed, pictures
    return first, pictures


def _time_s(frame: av.VideoFrame) -> Fraction | None:
    return None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base


def _duration_s(frame: av.VideoFrame) -> Fraction | None:
    seconds = Fraction(frame.duration or 0) * (frame.time_base or 0)
    return seconds if 0 < seconds <= _LONGEST_STILL_S else None


def _shown_size(size: Size, longest: int) -> Size:
    scale = min(longest / max(size), 1.0)
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)


class _Upright:
    """Turns pictures as the file says, with square pixels, no larger than `longest`. `size` is that before scaling."""

    def __init__(self, track: av.VideoStream, first: av.VideoFrame, longest: int = 640) -> None:
        squeeze = track.sample_aspect_ratio or Fraction(1)
        if not 1 / _MOST_SQUEEZED <= squeeze <= _MOST_SQUEEZED:
            squeeze = Fraction(1)
        stored = max(round(first.width * squeeze), 1), first.height
        self._sideways, self._flips = _display_turn(first)
        self._stored = _shown_size(stored, longest)
        self.size = stored[::-1] if self._sideways else stored
        self._reformatter = VideoReformatter()

    def draw(self, frame: av.VideoFrame) -> Picture:
        has_alpha = any(component.is_alpha for component in frame.format.components)
        picture: Any = self._reformatter.reformat(
            frame, *self._stored, "rgba" if has_alpha else "rgb24", interpolation=Interpolation.AREA, threads=1
        ).to_ndarray()
        if has_alpha:
            picture = _on_white(picture)
        if self._sideways:
            picture = picture.swapaxes(0, 1)
        return np.ascontiguousarray(np.flip(picture, self._flips))


def _on_white(picture: Picture) -> Picture:
    alpha = picture[..., 3:].astype(np.uint16)
    return ((picture[..., :3] * alpha + 255 * (255 - alpha)) // 255).astype(np.uint8)


def _display_turn(frame: av.VideoFrame) -> tuple[bool, tuple[int, ...]]:
    """(rows become columns, then these axes are flipped): the display matrix of phones, to the nearest right angle.

    x' = a x + c y, y' = b x + d y with y downwards; the numbers are stored as a, b, 0, c, d, 0, ...
    """
    data = frame.side_data.get(SideData.DISPLAYMATRIX)  # type: ignore[call-overload]
    if data is None:
        return False, ()
    (a, b), (c, d) = np.frombuffer(bytes(data), "<i4", 9).reshape(3, 3)[:2, :2].tolist()
    sideways = abs(b) > abs(a)
    along_x, along_y = (c, b) if sideways else (a, d)
    return sideways, tuple(axis for axis, sign in ((0, along_y), (1, along_x)) if sign < 0)
