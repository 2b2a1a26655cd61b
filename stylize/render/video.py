"""A motion, and its song, as an MP4."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from core_vimo.errors import InputError
from core_vimo.motion import Motion, resample
from core_vimo.publish import publish_file
from stylize.render.camera import Size
from stylize.render.encoder import Mp4Encoder
from stylize.render.frames import Shot, draw_frames
from stylize.render.framing import follow, frame_all, front_of
from stylize.render.lettering import Overlay
from stylize.render.poses import mannequin_mesh, poses_of
from stylize.render.scene import Look
from stylize.render.soundtrack import check_song, soundtrack

Progress = Callable[[int, int], None]
"""Called with frames done and frames in all."""


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
    with (
        closing(draw_frames(shot, workers)) as frames,
        publish_file(path) as aside,
        Mp4Encoder(aside, size, fps, sound) as encoder,
    ):
        for done, planes in enumerate(frames, start=1):
            encoder.add(planes)
            if progress is not None:
                progress(done, len(shot))


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


def check_size(size: Size) -> None:
    """Refuses a size in pixels no video can have, so that callers can ask before long work."""
    if any(side % 2 or not 64 <= side <= 4096 for side in size):
        raise InputError(f"a video of {size[0]}x{size[1]} can't be made; both sides must be even and in 64 to 4096")


def _check(path: Path, size: Size, fps: float) -> None:
    if path.suffix.lower() != ".mp4":
        raise InputError(f"{path}: videos are written as .mp4; choose that suffix")
    check_size(size)
    if not 1 <= fps <= 240:
        raise InputError(f"a video can't have {fps} frames a second; give 1 to 240")
