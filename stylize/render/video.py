"""A motion, and its song, as an MP4."""

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.codec.codec import UnknownCodecError

from core_vimo.errors import InputError, MissingExtraError
from core_vimo.motion import Motion, resample
from core_vimo.publish import publish_file
from stylize.render.camera import Size
from stylize.render.frames import Planes, Shot, draw_frames
from stylize.render.framing import follow, frame_all, front_of
from stylize.render.lettering import Overlay
from stylize.render.poses import mannequin_mesh, poses_of
from stylize.render.scene import Look
from stylize.render.soundtrack import RATE, Samples, check_song, soundtrack

Progress = Callable[[int, int], None]
"""Called with frames done and frames in all."""

_ENCODERS = {
    "libx264": {"preset": "veryfast", "crf": "18"},
    "libopenh264": {},
    "mpeg4": {"q:v": "3"},
}
"""In order of preference, with their options; not every build of PyAV has the first."""

_BT709 = 1
_LIMITED_RANGE = 1


def write_video(
    motion: Motion,
    path: Path | str,
    *,
    song: Path | str | None = None,
    start_s: float = 0.0,
    size: Size = (720, 720),
    fps: float = 30.0,
    follow_dancer: bool = False,
    overlay: Overlay | None = None,
    look: Look | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Write H.264 (and AAC) to `path`, an .mp4: frame i shows the motion at i / fps, the song is at start_s + i / fps.

    size is (width, height) in pixels, even; a song that ends early is followed by silence. The camera stands still and
    holds the whole dance, or glides along with `follow_dancer`. Bad input, a dying process or Ctrl-C leave no file.
    """
    path = Path(path)
    _check(path, size, fps)
    if song is not None:
        check_song(Path(song), start_s)
    shot = shot_of(motion, size, fps, follow_dancer, overlay, look)
    seconds = len(shot) / fps
    sound = None if song is None else soundtrack(Path(song), start_s, seconds)
    frames = draw_frames(shot, workers)
    try:
        with publish_file(path) as aside, _Encoder(aside, size, fps, sound) as encoder:
            for done, planes in enumerate(frames, start=1):
                encoder.add(planes)
                if progress is not None:
                    progress(done, len(shot))
    finally:
        frames.close()


def shot_of(
    motion: Motion,
    size: Size,
    fps: float = 30.0,
    follow_dancer: bool = False,
    overlay: Overlay | None = None,
    look: Look | None = None,
) -> Shot:
    """The motion as a shot, seen from the side it faces most."""
    poses = poses_of(resample(motion, fps))
    azimuth = front_of(poses.headings)
    moving = follow_dancer and len(poses) > 1
    camera = follow(poses.joints_m, fps, size, azimuth) if moving else frame_all(poses.joints_m, size, azimuth)
    transforms, joints_m = poses.transforms[:, None], poses.joints_m[:, None]
    return Shot(mannequin_mesh(), transforms, joints_m, camera, size, fps, overlay, look or Look())


def _check(path: Path, size: Size, fps: float) -> None:
    if path.suffix.lower() != ".mp4":
        raise InputError(f"{path}: videos are written as .mp4; choose that suffix")
    if any(side % 2 or not 64 <= side <= 4096 for side in size):
        raise InputError(f"a video of {size[0]}x{size[1]} can't be made; both sides must be even and in 64 to 4096")
    if not 1 <= fps <= 240:
        raise InputError(f"a video can't have {fps} frames a second; give 1 to 240")


def _video_encoder() -> str:
    """The best encoder this PyAV has."""
    for name in _ENCODERS:
        try:
            av.Codec(name, "w")
        except UnknownCodecError:
            continue
        return name
    raise MissingExtraError(
        f"this PyAV has none of the video encoders {', '.join(_ENCODERS)}; install its official wheel "
        "(pip install --force-reinstall av)"
    )


class _Encoder:
    """One MP4 being written: pictures by `add`, the sound drawn along so that both stay interleaved."""

    def __init__(self, path: Path, size: Size, fps: float, sound: Iterator[Samples] | None) -> None:
        self._sound = sound
        self._fps = fps
        self._frames = 0
        self._samples = 0
        name = _video_encoder()
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        rate = Fraction(fps).limit_denominator(1001)
        self._video = self._container.add_stream(name, rate=rate, options=dict(_ENCODERS[name]))
        self._video.width, self._video.height = size
        self._video.pix_fmt = "yuv420p"
        self._video.codec_context.bit_rate = round(size[0] * size[1] * fps * 0.12) if name == "libopenh264" else 0
        self._video.codec_context.color_range = _LIMITED_RANGE
        for tag in ("colorspace", "color_primaries", "color_trc"):
            setattr(self._video.codec_context, tag, _BT709)
        if sound is not None:
            self._audio = self._container.add_stream("aac", rate=RATE, layout="stereo", bit_rate=192_000)

    def __enter__(self) -> "_Encoder":
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
        frame.time_base = 1 / Fraction(self._fps).limit_denominator(1001)
        self._container.mux(self._video.encode(frame))
        self._frames += 1
        self._add_sound(self._frames / self._fps)

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
