"""`vimo view`: what is in a motion file, in numbers and in one picture."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core_vimo.motion import Motion

HELP = "Print a motion file's facts and draw a sheet of its poses, path and speed."
EXAMPLE = "vimo view my_dance/dance.npz --open"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("motion", type=Path, help="a motion file: .npz, .bvh, .glb or .pkl")
    parser.add_argument(
        "--out", type=Path, metavar="PNG", help="the picture (default: beside the motion); an older one is replaced"
    )
    parser.add_argument("--poses", type=int, default=8, help="how many poses to draw (default: 8)")
    parser.add_argument("--song", type=Path, help="draw this song's beats over the speed")
    parser.add_argument("--start", type=float, default=0.0, metavar="S", help="where in the song the motion begins")
    parser.add_argument("--open", action="store_true", help="show the picture in the system's viewer")


def run(arguments: argparse.Namespace) -> int:
    from core_vimo.formats import read_motion
    from stylize.paths import require_others, telling
    from stylize.progress import tell_compiling
    from stylize.render.picture import write_contact_sheet

    path = arguments.out or arguments.motion.with_suffix(".png")
    require_others([path], [arguments.motion, arguments.song])
    motion = read_motion(arguments.motion)
    tell_compiling("render", *(["librosa"] if arguments.song else []))
    for name, value in facts(motion).items():
        print(f"{name:<22}{value}")
    with telling(path):
        write_contact_sheet(motion, path, arguments.poses, _beats_s(arguments))
    if arguments.open:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())
    return 0


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
