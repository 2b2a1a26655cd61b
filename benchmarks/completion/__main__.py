"""`python -m benchmarks.completion`: gaps in held-out motions filled by one bundle, as .json, and as .md beside it."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.progress import track

from benchmarks.completion.clips import CAMERA, KNOWN, held_out, joint_deviation_m
from benchmarks.completion.measurement import CLEAN, REPLACED, SLERP, difference, fill, markdown, numbers, row, ways
from benchmarks.measure import machine
from core_vimo.publish import publish_file
from core_vimo.video_to_motion.build import SHIPPED as SHIPPED_VIMO
from core_vimo.video_to_motion.build import load_vimo
from core_vimo.video_to_motion.video_motion import VideoMotion
from edge_adapter.build import SHIPPED, load_dance_model
from edge_adapter.long_song import SongDancer

GAPS = (5, 15, 30, 60, 120)


def main() -> None:
    arguments = _parser().parse_args()
    model = load_dance_model(arguments.bundle)
    dancer = SongDancer(model.backbone, model.codec, model.schedule, arguments.guidance, steps=arguments.steps)
    watcher = None if arguments.no_video else _watcher(arguments)
    deviation_m = joint_deviation_m(arguments.data)
    facts = machine() | {
        "command": "python -m benchmarks.completion " + " ".join(sys.argv[1:]),
        "bundle": model.bundle_hash,
        "knows clean frames": model.per_frame_timesteps,
        "video bundle": watcher.model.bundle_hash if watcher else "none",
        "virtual camera": CAMERA,
        "known frames on either side": KNOWN,
        "seed": arguments.seed,
        "takes": arguments.takes,
        "guidance": arguments.guidance,
        "steps": arguments.steps,
    }
    results: dict[str, Any] = {"facts": facts, "gaps": {}}
    text = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    for frames in arguments.gaps:
        clips = held_out(arguments.data, frames, arguments.clips, model.extractor)
        if not clips:
            raise SystemExit(
                f"{arguments.data}: no held-out motion has {frames + 2 * KNOWN} frames; leave that gap out"
            )
        chosen = ways(
            dancer,
            arguments.takes,
            knows_clean=model.per_frame_timesteps,
            music=clips[0].music is not None,
            watcher=watcher,
        )
        filled = {
            name: fill(way, clips, deviation_m, arguments.seed)
            for name, way in track(chosen.items(), f"Filling gaps of {frames}")
        }
        rows = {name: row(found, arguments.seed) for name, found in filled.items()}
        for ours in (REPLACED, CLEAN):
            if ours in filled:
                rows[f"{ours} less {SLERP}"] = difference(filled[ours], filled[SLERP], arguments.seed)
        results["gaps"][frames] = {"clips": [clip.name for clip in clips], "rows": numbers(rows)}
        text += f"\n\n## A gap of {frames} frames, {len(clips)} clips\n\n{markdown(rows)}"
        print(f"\n{frames} frames, {len(clips)} clips\n{markdown(rows)}", flush=True)
        _write(arguments.out, json.dumps(results, indent=1, allow_nan=False) + "\n")
        _write(arguments.out.with_suffix(".md"), text)


def _watcher(arguments: argparse.Namespace) -> VideoMotion:
    return VideoMotion(load_vimo(arguments.video_bundle), weight=arguments.guidance, steps=arguments.steps)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.completion", description=__doc__)
    parser.add_argument("--bundle", type=Path, default=SHIPPED, help="folder of a trained backbone (the shipped one)")
    parser.add_argument("--video-bundle", type=Path, default=SHIPPED_VIMO, help="of the row that sees a video")
    parser.add_argument("--no-video", action="store_true", help="leave that row out")
    parser.add_argument("--data", type=Path, required=True, help="made by `vimo dataset dances` or `… motions`")
    parser.add_argument("--gaps", type=int, nargs="+", default=GAPS, help="frames (default 5 15 30 60 120)")
    parser.add_argument("--clips", type=int, default=20, help="at most, for each gap (default 20)")
    parser.add_argument("--takes", type=int, default=3, help="of each clip (default 3)")
    parser.add_argument("--steps", type=int, default=15, help="sampling steps (default 15)")
    parser.add_argument("--guidance", type=float, default=2.0, help="default 2")
    parser.add_argument("--seed", type=int, default=0, help="of gaps and intervals")
    parser.add_argument("--out", type=Path, default=Path("build/completion.json"))
    return parser


def _write(path: Path, text: str) -> None:
    with publish_file(path) as aside:
        aside.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
