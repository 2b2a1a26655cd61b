"""One MP4 being written: H.264 pictures and AAC sound, interleaved, ready to be played while it arrives."""

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.codec.codec import UnknownCodecError

from core_vimo.errors import MissingExtraError
from stylize.render.camera import Size
from stylize.render.frames import Planes
from stylize.render.soundtrack import RATE, Samples

ENCODERS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "veryfast", "crf": "18"},
    "libopenh264": {},
    "mpeg4": {"q:v": "3"},
}
"""In order of preference, with their options; not every build of PyAV has the first."""

_BT709 = 1
_LIMITED_RANGE = 1


def _video_encoder() -> str:
    """The best encoder this PyAV has."""
    for name in ENCODERS:
        try:
            av.Codec(name, "w")
        except UnknownCodecError:
            continue
        return name
    raise MissingExtraError(
        f"this PyAV has none of the video encoders {', '.join(ENCODERS)}; install its official wheel "
        "(pip install --force-reinstall av)"
    )


class Mp4Encoder:
    """One MP4 being written: pictures by `add`, the sound drawn along so that both stay interleaved."""

    def __init__(self, path: Path, size: Size, fps: float, sound: Iterator[Samples] | None) -> None:
        self._sound = sound
        self._frames = 0
        self._samples = 0
        name = _video_encoder()
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._rate = Fraction(fps).limit_denominator(1001)
        video = self._container.add_stream(name, rate=self._rate, options=dict(ENCODERS[name]))
        assert isinstance(video, av.VideoStream)
        self._video = video
        self._video.width, self._video.height = size
        self._video.pix_fmt = "yuv420p"
        self._video.codec_context.bit_rate = round(size[0] * size[1] * fps * 0.12) if name == "libopenh264" else 0
        self._video.codec_context.color_range = _LIMITED_RANGE
        for tag in ("colorspace", "color_primaries", "color_trc"):
            setattr(self._video.codec_context, tag, _BT709)
        if sound is not None:
            self._audio = self._container.add_stream("aac", rate=RATE, layout="stereo", bit_rate=192_000)

    def __enter__(self) -> "Mp4Encoder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._container.close()

    def add(self, planes: Planes) -> None:
        """The next frame, and the sound that goes with it."""
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts = self._frames
        frame.time_base = 1 / self._rate
        self._container.mux(self._video.encode(frame))
        self._frames += 1
        self._add_sound(float(self._frames / self._rate))

    def _add_sound(self, until_s: float) -> None:
        while self._sound is not None and self._samples / RATE < until_s:
            block = next(self._sound, None)
            if block is None:
                return
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, self._samples, Fraction(1, RATE)
            self._container.mux(self._audio.encode(frame))
            self._samples += block.shape[1]

    def _finish(self) -> None:
        self._add_sound(math.inf)
        self._container.mux(self._video.encode(None))
        if self._sound is not None:
            self._container.mux(self._audio.encode(None))
