"""2D against 3D: what is learnt from is what it says, variations differ in one thing, bars are the paper's."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks.supervision import compare
from benchmarks.supervision.lessons import filmed_depths_m, write_lessons
from benchmarks.supervision.systems import ABLATIONS, AS_TRUTH, IN_2D, IN_3D, LESSONS, SYSTEMS
from core_vimo.bundle import Bundle
from core_vimo.coco_body import coco_joints_m
from core_vimo.codec import MotionCodec
from core_vimo.evidence import CONFIDENT, EVIDENCE
from core_vimo.metrics.reconstruction import mpjpe
from core_vimo.video_to_motion.build import LIFTER
from core_vimo.video_to_motion.lifter import Lifter, LifterConfig
from core_vimo.video_to_motion.motion_set import MotionSet, StoredMotion, write_motion_set
from stylize.configuration import compose


@pytest.fixture(scope="module")
def domain(tmp_path_factory, invented_dance) -> Path:
    folder = tmp_path_factory.mktemp("domain") / "set"
    motions = [StoredMotion(f"dance{n}", invented_dance(150, n)) for n in (1, 2)]
    write_motion_set([*motions, StoredMotion("held", invented_dance(70, 3), split="test")], folder)
    return folder


@pytest.fixture(scope="module")
def lifter(tmp_path_factory, domain) -> Path:
    """An untrained one: a teacher as bad as can be."""
    torch.manual_seed(0)
    network = Lifter(LifterConfig(width=16, blocks=1))
    codec = MotionCodec.fit(MotionSet(domain).motions(), any_heading=True)
    config = {"kind": LIFTER, "model": {"width": 16, "blocks": 1}, "evidence": EVIDENCE}
    folder = tmp_path_factory.mktemp("lifter") / "bundle"
    Bundle(network.state_dict(), config, codec, "untrained").save(folder)
    return folder


@pytest.fixture(scope="module")
def lessons(tmp_path_factory, domain, lifter) -> dict[str, MotionSet]:
    out = tmp_path_factory.mktemp("lessons")
    for name, kind in LESSONS.items():
        write_lessons(domain, kind, lifter, out / name, seed=0, most=None)
    return {name: MotionSet(out / name) for name in LESSONS}


def seen_error_px(lessons: MotionSet, truth: MotionSet) -> float:
    """Median distance from the keypoints to where the lessons' cameras would see the true dancer."""
    errors = []
    for number in range(len(lessons)):
        views, motion = lessons[number].views, truth[number].motion
        xy = views.camera(0).project(coco_joints_m(motion.rotations, motion.root_m)).xy
        sure = views.keypoints[0, ..., 2] >= CONFIDENT
        errors.append((xy - views.keypoints[0, ..., :2]).norm(dim=-1)[sure])
    return float(torch.cat(errors).median())


def test_the_truth_is_learnt_from_in_3d_and_nowhere_else(lessons, domain):
    truth = MotionSet(domain)
    for name, kind in LESSONS.items():
        same = [torch.equal(lessons[name][n].motion.rotations, truth[n].motion.rotations) for n in range(2)]
        assert same == [not kind.taught] * 2, name
    assert float(mpjpe(lessons["corrected"][0].motion.joints_m(), truth[0].motion.joints_m()).mean()) > 50


def test_given_cameras_saw_the_dancer(lessons):
    given, exact = (seen_error_px(lessons[name], lessons["truth"]) for name in ("corrected", "exact"))
    assert exact < 0.1 < given < 20


def test_misjudged_cameras_stand_as_far_off_at_another_side(lessons):
    for number in range(2):
        given, other = (lessons[name][number].views.camera(0) for name in ("truth", "misjudged"))
        centre_m = lessons["truth"][number].motion.root_m[:1] * torch.tensor([1.0, 1.0, 0.0])
        before, after = (camera.project(centre_m[None]) for camera in (given, other))
        assert torch.allclose(before.depth_m[0], after.depth_m[0], atol=1e-4)
        assert torch.allclose(before.xy[0], after.xy[0], atol=0.1)
        turned = given.R_camera_world[0].T @ other.R_camera_world[0]
        assert torch.allclose(turned[2], torch.tensor([0.0, 0.0, 1.0]), atol=1e-5) and abs(turned[0, 1]) > 1e-3


def test_all_lessons_are_of_the_same_films(lessons):
    first = lessons["truth"][0].views.keypoints
    for name in ("corrected", "estimated", "misjudged"):
        assert torch.equal(lessons[name][0].views.keypoints, first), name
    assert not torch.equal(lessons["exact"][0].views.keypoints, first)


def settings(name: str) -> dict[str, object]:
    overrides = ["+experiment=vimo_small", *compare._system(name).overrides, "data.folder=x", "out=y"]
    config = compose("vimo", overrides)
    return {group: dict(config[group]) for group in ("loss", "supervision", "data")}


def flattened(settings: dict[str, object]) -> dict[str, object]:
    groups = {group: part if isinstance(part, dict) else {"": part} for group, part in settings.items()}
    return {f"{group}.{key}": value for group, part in groups.items() for key, value in part.items()}


def test_a_variation_is_one_thing_else_than_b():
    base = settings(IN_2D) | {"lessons": SYSTEMS[IN_2D].lessons}
    for name, system in ABLATIONS.items():
        other = settings(name) | {"lessons": system.lessons}
        flat = [flattened(one) for one in (base, other)]
        differing = {key for key in flat[0] if flat[0][key] != flat[1][key]}
        assert len(differing) == 1, name
    assert "reprojection" in settings(IN_2D)["loss"] and "reprojection" not in settings(AS_TRUTH)["loss"]


def test_other_powers_of_depth_weigh_as_much_on_average(lessons):
    folder = Path(lessons["corrected"].folder)
    depths = filmed_depths_m(folder)
    assert 1 < float(depths.median()) < 15
    weights = dict(part.removeprefix("loss.").split("=") for part in compare._in_metres(ABLATIONS["power-0"], folder))
    loss = settings(IN_2D)["loss"]
    assert float(weights["reprojection"]) == pytest.approx(loss["reprojection"] * float(depths.square().mean()), 1e-3)
    assert compare._in_metres(SYSTEMS[IN_2D], folder) == []


def test_bars_are_ratios_of_means_over_seeds():
    def result(**values: dict[str, float]) -> dict[str, object]:
        rows = [
            {"section": "static", "name": name, "metrics": {m: {"value": v} for m in compare._COMPARED}}
            for name, v in values.items()
        ]
        return {"report": {"rows": rows}}

    results = {
        IN_3D: [result(vimo=2.0, lifter=12.0)],
        IN_2D: [result(vimo=3.0, lifter=12.0), result(vimo=5.0, lifter=12.0)],
        AS_TRUTH: [result(vimo=8.0, lifter=12.0)],
    }
    found = [row[1] for row in compare._ratios(json.loads(json.dumps(results)), "static").rows]
    assert found == ["2", "2", "0.333", "3", "2", "2"]
