"""`vimo motion`: a video in, the motion of the person in it out."""

import argparse
from pathlib import Path
from typing import Any

from stylize.commands.take_table import print_takes

HELP = "Make 3D motions of the person in a video: GLB, BVH, NPZ for Blender, the 2D poses and a manifest."
EXAMPLE = "vimo motion clip.mp4 --out my_motion --takes 4 --start 2 --seconds 10"

HEADINGS = {
    "reprojection_px": "off by\npixels",
    "reprojection_percent": "off by\n% height",
    "foot_skate_ratio": "feet\nsliding",
    "float_cm": "float\ncm",
    "jitter": "jitter",
    "impossible_steps": "leaps",
    "travel_m": "travel\nm",
}
"""What stands over a take's numbers (`stylize.takes.FilmedTakeNumbers`)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", type=Path, help="any video or gif; or keypoints alone, as --keypoints takes them")
    parser.add_argument("--out", type=Path, help="folder for the files (default: named after the video)")
    parser.add_argument("--start", type=float, default=0.0, metavar="S", help="second of the video to start at")
    parser.add_argument("--seconds", type=float, metavar="S", help="length of the motion (default: to the video's end)")
    parser.add_argument("--takes", type=int, default=4, help="motions to make, ranked by visible numbers (default 4)")
    parser.add_argument("--seed", type=int, default=0, help="another seed is another motion; the same one the same")
    parser.add_argument("--steps", type=int, default=10, help="sampling steps (default 10)")
    parser.add_argument(
        "--guidance", type=float, default=1.5, help="how much the video is heeded: 1 as learned, more exaggerates (1.5)"
    )
    parser.add_argument(
        "--person", type=int, metavar="N", help="whom to follow: 1 is the most prominent of each shot (default 1)"
    )
    parser.add_argument(
        "--estimator", choices=("mediapipe", "rtmlib"), default="mediapipe", help="what finds the 2D poses (mediapipe)"
    )
    parser.add_argument(
        "--keypoints",
        type=Path,
        metavar="FILE_OR_FOLDER",
        help="2D poses of this video made elsewhere, in place of an estimator: AlphaPose, OpenPose or COCO JSON",
    )
    parser.add_argument(
        "--correct", action=argparse.BooleanOptionalAction, default=True,
        help="swing limbs to where the 2D poses say they point (default)",
    )  # fmt: skip
    parser.add_argument(
        "--smoothing", type=float, default=0.067, metavar="S", help="against trembling; 0: none (0.067)"
    )
    parser.add_argument(
        "--plant", action=argparse.BooleanOptionalAction, default=True, help="keep standing feet from sliding (default)"
    )
    parser.add_argument("--bfloat16", action="store_true", help="half precision: faster where the processor has it")
    parser.add_argument(
        "--film",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write an MP4 a take (default: written; of keypoints alone there is none)",
    )
    parser.add_argument(
        "--again",
        type=Path,
        metavar="MANIFEST",
        help="make the motions of a manifest.json again, with its settings in place of those given here",
    )
    parser.add_argument("--bundle", type=Path, help="folder of another trained model (default: the shipped one)")


def run(arguments: argparse.Namespace) -> int:
    from core_vimo.video_to_motion.build import SHIPPED
    from stylize.motion_from_video import MotionSettings, motion_from_video, settings_of
    from stylize.progress import Progress

    bundle = arguments.bundle or SHIPPED
    if arguments.again:
        settings = settings_of(arguments.again, arguments.video, arguments.keypoints, bundle)
    else:
        settings = MotionSettings(
            start_s=arguments.start,
            seconds=arguments.seconds,
            estimator=arguments.estimator,
            person=arguments.person,
            seed=arguments.seed,
            takes=arguments.takes,
            steps=arguments.steps,
            guidance=arguments.guidance,
            correct=arguments.correct,
            smoothing_s=arguments.smoothing,
            plant=arguments.plant,
            half=arguments.bfloat16,
        )
    out = arguments.out or Path(f"{arguments.video.stem}_motion")
    with Progress() as progress:
        manifest = motion_from_video(
            arguments.video,
            out,
            settings,
            keypoints=arguments.keypoints,
            film=arguments.film,
            bundle=bundle,
            report=progress,
        )
    _tell(manifest, out)
    return 0


def _tell(manifest: dict[str, Any], out: Path) -> None:
    from stylize.takes import FILMED_RANKED_BY

    for line in manifest["person"]:
        print(line)
    for name in (manifest["picture"], manifest["poses"]):
        print(out / name)
    print_takes(manifest["takes"], HEADINGS, FILMED_RANKED_BY, out)
