"""`vimo view`: what is in a motion file, or in the 2D poses of a video, in numbers and in one picture."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core_vimo.footage import Footage
    from core_vimo.motion import Motion

HELP = "Print the facts of a motion file and draw a sheet of its poses, path and speed; or of a video's 2D poses."
EXAMPLE = "vimo view my_dance/dance.npz --open"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "motion",
        type=Path,
        help="a motion file: .npz, .bvh, .glb or .pkl; or a video, or keypoints: a .json file or a folder of them",
    )
    parser.add_argument(
        "--out", type=Path, metavar="PNG", help="the picture (default: beside the motion); an older one is replaced"
    )
    parser.add_argument("--poses", type=int, default=8, help="how many poses to draw (default: 8)")
    parser.add_argument("--song", type=Path, help="draw this song's beats over the speed")
    parser.add_argument("--video", type=Path, help="draw keypoints over this video, which they were found in")
    parser.add_argument(
        "--start", type=float, default=0.0, metavar="S", help="where in the song or video the motion or keypoints begin"
    )
    parser.add_argument("--seconds", type=float, metavar="S", help="how much of a video to look at (default: all)")
    parser.add_argument("--open", action="store_true", help="show the picture in the system's viewer")


def run(arguments: argparse.Namespace) -> int:
    from stylize.paths import require_others, telling
    from stylize.render.picture import check_png

    path = arguments.out or arguments.motion.with_suffix(".png")
    require_others([path], [arguments.motion, arguments.song, arguments.video])
    check_png(path)
    draw = _view_footage if _shows_keypoints(arguments.motion) else _view_motion
    with telling(path):
        draw(arguments, path)
    if arguments.open:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())
    return 0


def _shows_keypoints(path: Path) -> bool:
    """Whether it is a video, or keypoints found in one, rather than a motion."""
    from core_vimo.errors import MediaError
    from core_vimo.formats import SUFFIXES
    from core_vimo.video.decode import probe

    if path.is_dir() or path.suffix.lower() in (".json", *SUFFIXES):
        return path.suffix.lower() not in SUFFIXES
    try:
        probe(path)
    except MediaError:
        return False
    return True


def _view_motion(arguments: argparse.Namespace, path: Path) -> None:
    from core_vimo.formats import read_motion
    from stylize.progress import tell_compiling
    from stylize.render.picture import write_contact_sheet

    motion = read_motion(arguments.motion)
    tell_compiling("render", *(["librosa"] if arguments.song else []))
    _tell(facts(motion))
    write_contact_sheet(motion, path, arguments.poses, _beats_s(arguments))


def _view_footage(arguments: argparse.Namespace, path: Path) -> None:
    """Of a video what `vimo motion` would see; of keypoints the file's own, over `--video` from `--start` on."""
    from core_vimo.video.watch import footage_of, holds_keypoints
    from stylize.progress import Progress, tell_compiling
    from stylize.render.keypoint_sheet import keypoint_picture

    tell_compiling("render")
    if holds_keypoints(arguments.motion):
        video, footage = arguments.video, footage_of(arguments.motion, seconds=arguments.seconds)
    else:
        video = arguments.motion
        with Progress() as progress:
            footage = footage_of(video, start_s=arguments.start, seconds=arguments.seconds, report=progress)
    _tell(footage_facts(footage))
    keypoint_picture(footage, video, path, start_s=arguments.start, moments=arguments.poses)


def _tell(facts: dict[str, str]) -> None:
    for name, value in facts.items():
        print(f"{name:<22}{value}")


def footage_facts(footage: "Footage") -> dict[str, str]:
    """What a person wants to know first of what was seen in a video, by name."""
    from core_vimo.evidence import CONFIDENT
    from core_vimo.pose2d import COCO_NAMES

    seen = footage.pose.confidence >= CONFIDENT
    by_joint = seen.float().mean(dim=0).tolist()
    rarest = sorted(zip(by_joint, COCO_NAMES, strict=True))[:3]
    shots = ", ".join(f"{shot.start / footage.pose.fps:.1f} s" for shot in footage.shots()[:20])
    return {
        "frames": f"{len(footage)} at {footage.pose.fps:g} a second",
        "seconds": f"{footage.seconds:.2f}",
        "picture": f"{footage.pose.size[0]} x {footage.pose.size[1]} pixels",
        "shots": f"{len(footage.shots())}, beginning at {shots}",
        "person seen": f"in {float(seen.any(dim=1).float().mean()):.0%} of frames",
        "joints seen": f"{float(seen.float().mean()):.0%}",
        "least seen": ", ".join(f"{name.replace('_', ' ')} {share:.0%}" for share, name in rarest),
    }


def facts(motion: "Motion") -> dict[str, str]:
    """What a person wants to know of a motion first, by name."""
    from core_vimo.skeleton import FEET

    joints_m = motion.joints_m()
    steps_m = motion.root_m[1:, :2] - motion.root_m[:-1, :2]
    standing = (motion.contacts > 0.5).float().mean(dim=0)
    space_m = motion.root_m[:, :2].amax(dim=0) - motion.root_m[:, :2].amin(dim=0)
    return {
        "frames": f"{len(motion)} at {motion.fps:g} a second",
        "seconds": f"{motion.seconds:.2f}",
        "way travelled": f"{float(steps_m.norm(dim=-1).sum()):.2f} m",
        "space used": f"{float(space_m[0]):.2f} m wide, {float(space_m[1]):.2f} m deep",
        "pelvis height": f"{float(motion.root_m[:, 2].amin()):.2f} to {float(motion.root_m[:, 2].amax()):.2f} m",
        "lowest foot joint": f"{float(joints_m[:, FEET, 2].amin()):+.3f} m over the floor",
        "highest joint": f"{float(joints_m[..., 2].amax()):.2f} m",
        "foot contact": f"left ankle {standing[0]:.0%}, right ankle {standing[1]:.0%}, "
        f"left toe {standing[2]:.0%}, right toe {standing[3]:.0%} of frames",
    }


def _beats_s(arguments: argparse.Namespace) -> list[float]:
    if arguments.song is None:
        return []
    from edge_adapter.beats import track_beats

    return [float(beat) - arguments.start for beat in track_beats(arguments.song).beats_s]
