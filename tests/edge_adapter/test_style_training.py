"""From clips to a style: what is learnt from, what is written, and runs that are cut, split or ended early."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from style_clips import FRAMES, train, write_clips

from core_vimo.bundle import Bundle
from core_vimo.clip_set import ClipSet
from core_vimo.coco_body import coco_joints_m
from core_vimo.diffusion.supervision import SEEN_IN_2D
from core_vimo.errors import InputError
from core_vimo.losses_2d import Settings2D
from core_vimo.motion import Motion
from core_vimo.publish import sha256_file
from core_vimo.training.checkpoint import CheckpointStore
from edge_adapter.branch import StyledBackbone
from edge_adapter.build import load_dance_model
from edge_adapter.dance_data import DanceSet
from edge_adapter.style import Style, build_branch
from edge_adapter.style_data import MixedWindows, StyleWindows, write_own_dances
from edge_adapter.style_training import _lessons

SCRIPT = Path(__file__).with_name("style_clips.py")
ROOT = SCRIPT.parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, invented_dance: Callable[[int, int], Motion]) -> Path:
    return write_clips(tmp_path_factory.mktemp("clips") / "clips", invented_dance)


@pytest.fixture(scope="module")
def shared(clips: Path, tiny_bundle: Path) -> list[str]:
    return [f"clips={clips}", f"backbone={tiny_bundle}"]


@pytest.fixture(scope="module")
def whole(shared: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "style"
    train(*shared, f"out={out}", "trainer.steps=6", "data.licence=free")
    return out


def test_training_ends_in_a_style_of_its_backbone(whole: Path, tiny_bundle: Path, clips: Path) -> None:
    style, model = Style.load(whole), load_dance_model(tiny_bundle)
    branch = build_branch(style, model)
    assert branch.zero_convolutions[0].weight.abs().max() > 0
    assert style.facts["trained"] == {"steps": 6, "seed": 0} and style.facts["licence"] == "free"
    assert "Licence of the clips: free." in style.card and "No word was given" not in style.card
    assert [clip["name"] for clip in style.facts["clips"]] == ["clip0", "clip1", "clip2"]
    assert style.facts["clips"][0]["seconds"] == 2.0
    assert "5 windows learnt from, 3 held out" in style.card and str(clips.parent) not in style.card
    assert str(tiny_bundle.parent) not in style.card
    x, music = torch.randn(1, FRAMES, 151), torch.randn(1, FRAMES, 36)
    music[..., -1] = 0
    styled = StyledBackbone(model.backbone, [branch]).eval()
    t = torch.tensor([400])
    assert torch.equal(styled(x, t, styled.encode(music)), model.backbone(x, t, model.backbone.encode(music[..., :35])))


def test_the_backbones_files_are_not_touched(shared: list[str], tiny_bundle: Path, tmp_path: Path) -> None:
    before = {file.name: sha256_file(file) for file in tiny_bundle.iterdir()}
    train(*shared, f"out={tmp_path}", "trainer.steps=2")
    assert before == {file.name: sha256_file(file) for file in tiny_bundle.iterdir()}


def test_a_killed_run_goes_on_to_the_same_branch(
    shared: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steady = [*shared, "trainer.decay=constant"]  # a falling rate would hang on how many steps there are to be
    train(*steady, f"out={tmp_path / 'whole'}", "trainer.steps=6")
    out, endless = tmp_path / "style", ["trainer.steps=100000", "trainer.save_every=2", "trainer.keep=99999"]
    process = subprocess.Popen([sys.executable, str(SCRIPT), *steady, f"out={out}", *endless], env=ENVIRONMENT)
    store = CheckpointStore(out / "training" / "checkpoints", 1)
    deadline = time.monotonic() + 240
    while len(store.paths()) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for path in store.paths()[1:]:
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    capsys.readouterr()
    train(*steady, f"out={out}", "trainer.steps=6")
    assert "begins anew" not in capsys.readouterr().out
    assert sha256_file(out / "branch.safetensors") == sha256_file(tmp_path / "whole" / "branch.safetensors")


def test_two_processes_train_the_branch_of_one(shared: list[str], whole: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(SCRIPT)]
    subprocess.run([*command, *shared, f"out={tmp_path}", "trainer.steps=6"], env=ENVIRONMENT, check=True, timeout=500)
    one, two = Style.load(whole).weights, Style.load(tmp_path).weights
    # In the copies a key's bias has no gradient but rounding, which AdamW makes steps of.
    learnt = [name for name in one if name.startswith("zero_convolutions")]
    assert len(learnt) == 2 and all(one[name].abs().max() > 1e-4 for name in learnt)
    for name in learnt:
        torch.testing.assert_close(two[name], one[name], atol=2e-6, rtol=2e-3)  # shipped in half precision
    assert _losses(tmp_path) == pytest.approx(_losses(whole), rel=1e-5)


def _losses(out: Path) -> list[float]:
    lines = [json.loads(line) for line in (out / "training" / "stats.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


def test_it_ends_early_and_ships_the_best(shared: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distances = iter([0.9, 0.4, 0.6, 0.5, 0.7])
    monkeypatch.setattr("edge_adapter.style_training.HeldOut.distance", lambda *_: next(distances))
    train(*shared, f"out={tmp_path}", "trainer.steps=20", "trainer.evaluate_every=1", "trainer.patience=2")
    style = Style.load(tmp_path)
    assert style.facts["trained"]["steps"] == 2
    assert "held-out windows: 0.400; of the backbone alone: 0.700" in style.card


def test_the_distance_is_measured_on_held_out_windows(shared: list[str], tmp_path: Path) -> None:
    train(*shared, f"out={tmp_path}", "trainer.steps=2", "trainer.evaluate_every=2")
    assert "of the backbone alone" in Style.load(tmp_path).card


def test_without_held_out_windows_it_trains_to_its_end(
    shared: list[str], tmp_path: Path, invented_dance: Callable[[int, int], Motion], capsys: pytest.CaptureFixture[str]
) -> None:
    clips = write_clips(tmp_path / "clips", invented_dance, test=False)
    train(f"clips={clips}", shared[1], f"out={tmp_path}", "trainer.steps=2", "trainer.evaluate_every=1")
    assert "nothing tells when to stop early" in capsys.readouterr().out
    assert "8 windows learnt from, 0 held out" in Style.load(tmp_path).card


def test_finetuning_ends_in_a_bundle(shared: list[str], tiny_bundle: Path, tmp_path: Path) -> None:
    train(*shared, f"out={tmp_path}", "trainer.steps=2", "+experiment=style_finetune")
    tuned, base = Bundle.load(tmp_path / "bundle"), Bundle.load(tiny_bundle)
    assert tuned.weights.keys() == base.weights.keys()
    assert not torch.equal(tuned.weights["motion_in.weight"], base.weights["motion_in.weight"])
    assert load_dance_model(tmp_path / "bundle").extractor == "librosa35"
    assert not (tmp_path / "style.yaml").exists()


def test_windows_are_told_apart_by_epoch_and_split(clips: Path, tiny_bundle: Path) -> None:
    model = load_dance_model(tiny_bundle)
    train_windows, test_windows = (
        StyleWindows(ClipSet(clips), split, model.codec, model.extractor, 0) for split in ("train", "test")
    )
    assert (len(train_windows), len(test_windows)) == (5, 3)
    first, again, other = train_windows[(1, 0)], train_windows[(1, 0)], train_windows[(1, 1)]
    assert first["x"].shape == (FRAMES, 151) and first["condition"].shape == (FRAMES, 35)
    assert torch.equal(first["x"], again["x"]) and not torch.equal(first["x"], other["x"])
    assert torch.equal(first["condition"], other["condition"])
    with_beats = StyleWindows(ClipSet(clips), "train", model.codec, "librosa35+beats", 0)
    assert with_beats[(0, 0)]["condition"].shape == (FRAMES, 38)
    with pytest.raises(InputError, match="the backbone knows 'jukebox'"):
        StyleWindows(ClipSet(clips), "train", model.codec, "jukebox", 0)


def test_the_prior_has_its_share(clips: Path) -> None:
    class Numbers(list[int]):
        def __getitem__(self, key: object) -> object:
            return super().__getitem__(key[0])  # type: ignore[index]

    mixed = MixedWindows(Numbers([0] * 10), Numbers([1, 2, 3]), 0.3, seed=0)  # type: ignore[arg-type]
    drawn = [mixed[(index, epoch)] for index in range(10) for epoch in range(200)]
    assert len(mixed) == 10 and drawn == [mixed[(index, epoch)] for index in range(10) for epoch in range(200)]
    assert 0.25 < sum(number > 0 for number in drawn) / len(drawn) < 0.35  # type: ignore[operator]
    assert set(drawn) == {0, 1, 2, 3}


def test_other_clips_begin_anew(
    shared: list[str], tmp_path: Path, invented_dance: Callable[[int, int], Motion], capsys: pytest.CaptureFixture[str]
) -> None:
    def learn(*more: str) -> str:
        train(f"clips={tmp_path / 'clips'}", shared[1], f"out={tmp_path}", *more)
        return capsys.readouterr().out

    write_clips(tmp_path / "clips", invented_dance)
    learn("trainer.steps=2")
    assert "begins anew" not in learn("trainer.steps=3") and len(_losses(tmp_path)) == 3
    (tmp_path / "clips" / "overrules.json").write_text('{"clip0/0/0": false}')
    assert "begins anew" in learn("trainer.steps=2") and len(_losses(tmp_path)) == 2
    assert "4 windows learnt from" in Style.load(tmp_path).card
    # As many windows, of another clip.
    (tmp_path / "clips" / "overrules.json").write_text('{"clip1/0/0": false}')
    assert "begins anew" in learn("trainer.steps=2")


def test_the_same_clips_are_known_again_whatever_lies_in_memory(clips: Path, tiny_bundle: Path) -> None:
    model, read = load_dance_model(tiny_bundle), ClipSet(clips)
    parts = [StyleWindows(read, split, model.codec, model.extractor, 0) for split in ("train", "test")]
    run = SimpleNamespace(model=model, clips=read, train=parts[0], test=parts[1])
    told = set()
    for fill in range(8):
        junk = [bytearray([fill]) * size for size in range(1, 1024) for _ in range(8)]
        del junk
        told.add(_lessons(run))  # type: ignore[arg-type]
    assert len(told) == 1


def test_a_run_goes_on_with_its_own_prior(shared: list[str], tmp_path: Path) -> None:
    prior = ["prior.share=0.5", "prior.seconds=4"]
    train(*shared, f"out={tmp_path}", "trainer.steps=1", *prior, "prior.songs=1")
    with pytest.raises(InputError, match=r"was trained with prior\.songs = 1, not 2"):
        train(*shared, f"out={tmp_path}", "trainer.steps=2", *prior, "prior.songs=2")
    train(*shared, f"out={tmp_path}", "trainer.steps=2", *prior, "prior.songs=1")
    assert [len(DanceSet(tmp_path / "training" / f"prior-{n}x4s-0").rows) for n in (1, 2)] == [1, 2]


def test_the_backbone_reminds_itself(tiny_bundle: Path, tmp_path: Path) -> None:
    model = load_dance_model(tiny_bundle)
    write_own_dances(model, 2, 4.0, 0, tmp_path / "own")
    dances = DanceSet(tmp_path / "own")
    assert [row["name"] for row in dances.rows] == ["own0", "own1"]
    assert all(len(dances[i].motion) >= 120 and len(dances[i].beats_s) > 3 for i in range(2))


def test_training_with_a_prior(shared: list[str], dance_folder: Path, tmp_path: Path) -> None:
    prior = ["prior.share=0.5", f"prior.folder={dance_folder}"]
    train(*shared, f"out={tmp_path}", "trainer.steps=2", *prior)
    assert str(dance_folder) not in Style.load(tmp_path).card


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("name=Big_Name", "not a style's name"),
        ("method=lora", "take branch or finetune"),
        ("branch.layers=2", "the backbone has 1; take 1 to 1"),
        ("branch.fusion=mul", "take add or concat"),
        ("prior.share=1", "prior.share=1 must be"),
        ("prior.songs=0", "prior.songs=0 must be a whole number"),
        ("prior.seconds=long", "prior.seconds=long must be a number"),
        ("evaluation.windows=none", "evaluation.windows=none must be"),
        ("evaluation.steps=5000", "evaluation.steps=5000: the model has"),
        ("evaluation.weight=.inf", "must be a number, 0 or more"),
        ("clips=nowhere", "holds no clips"),
        ("+trainer.stepz=3", "stepz"),
    ],
)
def test_settings_that_do_not_fit(shared: list[str], tmp_path: Path, override: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        train(*shared, f"out={tmp_path / 'out'}", "trainer.steps=2", override)
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory, invented_dance: Callable[[int, int], Motion]) -> Path:
    """Clips that a camera saw; but for the one that is held out."""
    return write_clips(tmp_path_factory.mktemp("filmed") / "clips", invented_dance, filmed=(0, 1))


def test_windows_in_2d_have_a_camera_that_turned_with_them(filmed: Path, tiny_bundle: Path) -> None:
    model = load_dance_model(tiny_bundle)
    plain, windows = (
        StyleWindows(ClipSet(filmed), "train", model.codec, model.extractor, 0, asked) for asked in (None, Settings2D())
    )
    assert set(plain[(0, 0)]) == {"x", "condition"}
    for key in ((0, 0), (3, 1), (4, 5)):
        item = windows[key]
        assert item["follows"].tolist() == [False]
        assert item["keypoints"].shape == (1, FRAMES, 17, 3)
        # Clips that fit their keypoints are hardly changed by them.
        assert (item["x"] - plain[key]["x"]).abs().quantile(0.95) < 0.05
        # As losses read x: unclipped heights, the path that its clipped velocities lead.
        decoded = model.codec.unpack(model.codec.unnormalise(item["x"]))
        coco_m = coco_joints_m(decoded.rotations, decoded.root_m)
        image = (coco_m @ item["R_camera_world"].mT + item["t_camera_m"][..., None, :]) @ item["intrinsics"].mT
        off = (image[..., :2] / image[..., 2:] - item["keypoints"][..., :2]).norm(dim=-1)
        assert off.median() < 3 and off.max() < 60  # the codec is another dance's, and clips
    turned = StyleWindows(ClipSet(filmed), "train", model.codec, model.extractor, 0, Settings2D(azimuth_noise_deg=9))
    assert not torch.equal(turned[(0, 0)]["R_camera_world"], windows[(0, 0)]["R_camera_world"])


def test_a_style_is_learnt_from_2d(filmed: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    shared = [f"clips={filmed}", f"backbone={tiny_bundle}"]
    train(*shared, f"out={tmp_path}", "supervision=2d", "trainer.steps=3")
    style = Style.load(tmp_path)
    assert "kind: 2d" in style.card and "velocity_2d" in style.card and SEEN_IN_2D in style.card
    assert "weighting: min_cap" in style.card
    train(*shared, f"out={tmp_path / '3d'}", "trainer.steps=1")
    assert "weighting: constant" in Style.load(tmp_path / "3d").card
    branch = build_branch(style, load_dance_model(tiny_bundle))
    assert branch.zero_convolutions[0].weight.abs().max() > 0


def test_what_was_learnt_in_3d_is_not_gone_on_with_in_2d(filmed: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    shared = [f"clips={filmed}", f"backbone={tiny_bundle}", f"out={tmp_path}", "trainer.steps=2"]
    train(*shared)
    with pytest.raises(InputError, match=r"supervision\.kind = 3d, not 2d; .* deleting .*training"):
        train(*shared, "supervision=2d")
    train(*shared, "data.licence=CC-BY 4.0", "trainer.steps=3")
    assert "CC-BY 4.0" in Style.load(tmp_path).card


def test_2d_without_keypoints_is_one_sentence(
    shared: list[str], tiny_bundle: Path, tmp_path: Path, invented_dance: Callable[[int, int], Motion]
) -> None:
    with pytest.raises(InputError, match=r"no keypoints are kept of clip0, clip1; learning from 2D needs videos"):
        train(*shared, f"out={tmp_path / 'out'}", "supervision=2d")
    clips = write_clips(tmp_path / "clips", invented_dance, filmed=(1,))
    half = [f"clips={clips}", f"backbone={tiny_bundle}", f"out={tmp_path / 'out'}", "supervision=2d"]
    with pytest.raises(InputError, match=r"no keypoints are kept of clip0; "):
        train(*half)
    with pytest.raises(InputError, match=r"prior\.share must be 0 with supervision=2d"):
        train(*half, "prior.share=0.5")
    (clips / "overrules.json").write_text('{"clip0/0/0": false, "clip0/0/30": false}')
    train(*half, "trainer.steps=1")
