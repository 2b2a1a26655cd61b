"""From a config to a bundle that loads; every experiment's debug variant; what training must get right."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import default_collate

from core_vimo.bundle import Bundle, bundle_hash
from core_vimo.coco_body import coco_joints_m
from core_vimo.codec import MotionCodec
from core_vimo.diffusion.objective import DiffusionObjective, build_objective
from core_vimo.diffusion.schedule import build_schedule
from core_vimo.diffusion.supervision import SEEN_IN_2D, against_keypoints
from core_vimo.errors import InputError
from core_vimo.losses import motion_losses
from core_vimo.losses_2d import Settings2D, reprojection_losses
from core_vimo.training.course import build_lambdas
from core_vimo.video_to_motion.build import load_lifter, load_vimo
from core_vimo.video_to_motion.filmed_windows import FilmedWindows
from core_vimo.video_to_motion.lifter import Lifter, LifterConfig, LifterObjective
from core_vimo.video_to_motion.motion_set import MotionSet, StoredMotion, write_motion_set
from core_vimo.video_to_motion.network import ViMo, ViMoConfig
from stylize.cli import main

EXPERIMENTS = Path(__file__).resolve().parents[3] / "configs" / "experiment"
ROWS = sorted(f"vimo/{file.stem}" for file in (EXPERIMENTS / "vimo").glob("*.yaml"))
TINY_VIMO = ["model.latent=32", "model.feed_forward=64", "model.blocks=1"]
LAMBDAS = {"simple": 0.636, "velocity": 2.964, "joints": 0.646, "foot": 10.942}

Parts = tuple[MotionCodec, dict[str, Tensor]]


def train(what: str, folder: Path, out: Path, *overrides: str) -> int:
    shared = ["+debug=cpu", f"data.folder={folder}", f"out={out}", "data.frames=30", "trainer.batch_size=2"]
    return main(["train", what, *overrides, *shared, "trainer.steps=2"])


@pytest.fixture(scope="module")
def run(motion_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("vimo") / "run"
    assert train("vimo", motion_folder, out, "+experiment=vimo_small", *TINY_VIMO, "data.views=2") == 0
    return out


def test_vimo_ends_in_a_bundle_that_loads(run: Path) -> None:
    model = load_vimo(run / "bundle")
    assert model.network.config.latent == 32 and model.network.config.trained_frames == 30
    assert not any(parameter.requires_grad for parameter in model.network.parameters())
    condition = model.network.encode(torch.zeros(1, 3, 40, 72))
    assert model.network(torch.zeros(1, 40, 151), torch.tensor([5]), condition).isfinite().all()


def test_the_lifter_ends_in_a_bundle_that_loads(motion_folder: Path, tmp_path: Path) -> None:
    assert train("lifter", motion_folder, tmp_path / "run", "+experiment=lifter_small", "model.width=32") == 0
    model = load_lifter(tmp_path / "run" / "bundle")
    assert model.network(torch.zeros(1, 40, 72)).shape == (1, 40, 151)
    with pytest.raises(InputError, match="holds a 'lifter' model, a 'vimo' model is needed"):
        load_vimo(tmp_path / "run" / "bundle")


def test_the_codec_knows_every_heading(run: Path) -> None:
    """Which way a motion faces is the first camera's to say, so x and y of the root have one range about 0."""
    codec = load_vimo(run / "bundle").codec
    assert codec.scale[4] == codec.scale[5] and codec.offset[4] == codec.offset[5] == 0


def test_the_card_says_what_was_done(run: Path) -> None:
    card = Bundle.load(run / "bundle").card
    assert "1 sources" in card and "invented" in card and "2 steps" in card and "latent: 32" in card
    assert str(run.parent) not in card  # nobody's folders
    assert SEEN_IN_2D not in card


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"evidence": 51}, "51 channels of evidence"),
        ({"model": {"latent": 16}}, "tensors don't fit"),
        ({"diffusion": {"name": "square", "steps": 10}}, "no noise schedule"),
        ({"model": 3}, "is not that of a 'vimo' model"),
    ],
)
def test_a_bundle_that_does_not_fit_is_one_sentence(
    run: Path, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    bundle = Bundle.load(run / "bundle")
    Bundle(bundle.weights, bundle.config | change, bundle.codec, "# Card").save(tmp_path / "b")
    with pytest.raises(InputError, match=said):
        load_vimo(tmp_path / "b")


@pytest.mark.parametrize("row", ROWS)
def test_every_row_of_the_report_has_a_debug_variant(row: str, motion_folder: Path, tmp_path: Path) -> None:
    assert train("vimo", motion_folder, tmp_path / "run", f"+experiment={row}") == 0
    assert (tmp_path / "run" / "bundle" / "model.safetensors").exists()


def test_weights_and_frames_timesteps_may_change_over_a_run(motion_folder: Path, tmp_path: Path) -> None:
    changing = ["loss=vimo_report_schedule", "diffusion.ptss=[[0,0.2],[0.5,0.5],[0.6,0.2]]", *TINY_VIMO]
    assert train("vimo", motion_folder, tmp_path / "run", *changing) == 0


def test_2d_supervision_ends_in_a_bundle_that_loads(motion_folder: Path, tmp_path: Path) -> None:
    """Beside an experiment that picks a loss of 3D."""
    of_2d = ["+experiment=vimo_small", "supervision=2d", "supervision.azimuth_noise_deg=5", "diffusion.ptss=0.3"]
    assert train("vimo", motion_folder, tmp_path / "run", *of_2d, *TINY_VIMO, "data.views=2") == 0
    assert load_vimo(tmp_path / "run" / "bundle").network.config.latent == 32
    card = Bundle.load(tmp_path / "run" / "bundle").card
    assert "kind: 2d" in card and "velocity_2d" in card
    assert SEEN_IN_2D in card and "motions came without views: virtual cameras filmed them" in card
    assert train("vimo", motion_folder, tmp_path / "release", *of_2d, *TINY_VIMO, "loss=videomdm_release") == 0


def test_a_teachers_guesses_are_told(invented_dance, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_motion_set([StoredMotion("guess", invented_dance(90, 0))], tmp_path / "set", teacher="a lifter (1a2b)")
    for kind, told in (("3d", "but guesses of a lifter (1a2b)"), ("2d", "The teacher is a lifter (1a2b).")):
        assert train("vimo", tmp_path / "set", tmp_path / kind, *TINY_VIMO, f"supervision={kind}") == 0
        assert told in capsys.readouterr().out and told in Bundle.load(tmp_path / kind / "bundle").card


def test_what_was_learnt_in_2d_is_not_gone_on_with_in_3d(
    motion_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or its card would tell of the last steps alone."""
    assert train("vimo", motion_folder, tmp_path / "run", "supervision=2d", *TINY_VIMO) == 0
    card = (tmp_path / "run" / "bundle" / "card.md").read_text()
    assert train("vimo", motion_folder, tmp_path / "run", *TINY_VIMO) == 2
    said = capsys.readouterr().err
    assert "was trained with supervision.kind = 2d, not 3d" in said
    assert train("vimo", motion_folder, tmp_path / "run", "supervision=2d", "data.worse=0.5", *TINY_VIMO) == 2
    assert "was trained with data.worse = 1.0, not 0.5" in capsys.readouterr().err
    begun = f"init='{tmp_path / 'run' / 'bundle'}'"
    assert train("vimo", motion_folder, tmp_path / "run", "supervision=2d", begun, *TINY_VIMO) == 2
    assert "was trained with init = None, not " in capsys.readouterr().err
    assert train("vimo", motion_folder, tmp_path / "run", "supervision=2d", "trainer.lr=1e-5", *TINY_VIMO) == 0
    assert "nothing is left to train after " in capsys.readouterr().out
    assert (tmp_path / "run" / "bundle" / "card.md").read_text() == card


def test_a_run_goes_on_with_its_own_data_and_all_of_its_loss(
    invented_dance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for key in (0, 1):
        write_motion_set([StoredMotion("a", invented_dance(90, key))], tmp_path / f"set{key}")
    assert train("vimo", tmp_path / "set0", tmp_path / "run", *TINY_VIMO, "trainer.steps=1") == 0
    assert train("vimo", tmp_path / "set1", tmp_path / "run", *TINY_VIMO, "trainer.steps=2") == 2
    assert "was trained with the data = " in capsys.readouterr().err
    assert train("vimo", tmp_path / "set0", tmp_path / "run", *TINY_VIMO, "~loss.foot", "trainer.steps=2") == 2
    assert "was trained with loss.foot = " in capsys.readouterr().err
    assert train("vimo", tmp_path / "set0", tmp_path / "run", *TINY_VIMO, "trainer.steps=2") == 0


def test_a_run_that_was_killed_before_its_bundle_was_written_writes_it(motion_folder: Path, tmp_path: Path) -> None:
    run, before = tmp_path / "run", tmp_path / "before"
    assert train("vimo", motion_folder, run, *TINY_VIMO, "trainer.steps=1") == 0
    shutil.copytree(run / "bundle", before)
    longer = (*TINY_VIMO, "trainer.steps=2")
    assert train("vimo", motion_folder, run, *longer) == 0
    card = (run / "bundle" / "card.md").read_text()
    shutil.rmtree(run / "bundle")
    assert train("vimo", motion_folder, run, *longer) == 0
    assert (run / "bundle" / "card.md").read_text() == card
    shutil.rmtree(run / "bundle")
    before.rename(run / "bundle")  # the last checkpoint is of step 2, the bundle of step 1
    assert train("vimo", motion_folder, run, *longer) == 0
    assert (run / "bundle" / "card.md").read_text() == card


def test_training_goes_on_from_a_model_with_its_codec(motion_folder: Path, tmp_path: Path) -> None:
    still = ["trainer.lr=1e-12", "trainer.ema_decay=0.0"]
    assert train("vimo", motion_folder, tmp_path / "first", *TINY_VIMO) == 0
    first = tmp_path / "first" / "bundle"
    assert train("vimo", motion_folder, tmp_path / "on", *TINY_VIMO, f"init={first}", "seed=7", *still) == 0
    before, after = Bundle.load(first), Bundle.load(tmp_path / "on" / "bundle")
    assert all(torch.allclose(before.weights[name], after.weights[name], atol=1e-3) for name in before.weights)
    assert torch.equal(before.codec.scale, after.codec.scale)
    assert str(tmp_path) not in after.card and bundle_hash(first) in after.card
    assert train("vimo", motion_folder, tmp_path / "anew", *TINY_VIMO, "seed=7", *still) == 0
    anew = Bundle.load(tmp_path / "anew" / "bundle").weights
    assert not all(torch.allclose(before.weights[name], anew[name], atol=1e-3) for name in anew)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("init=shipped", "that model has model.convolutions=4; give the same"),
        ("init=nowhere", "nowhere"),
        ("supervision.kind=4d", "supervision.kind=4d is not known; take 3d or 2d"),
        ("loss=videomdm", "loss.alignment is no term of this supervision, which has simple, velocity, joints, foot"),
        ("model.film=both", "shared or separate"),
        ("loss.foot=[[0,a]]", "loss.foot"),
        ("+model.music_beside=true", "music_beside"),
        ("data.frames=1000", "a window needs 1000"),
    ],
)
def test_settings_that_do_not_fit_are_one_sentence(
    motion_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], override: str, said: str
) -> None:
    shared = ["train", "vimo", f"data.folder={motion_folder}", f"out={tmp_path / 'out'}", "trainer.steps=1"]
    assert main([*shared, "data.frames=30", override]) == 2
    shown = capsys.readouterr().err
    assert said in shown and shown.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def parts(motion_folder: Path) -> Parts:
    motions = MotionSet(motion_folder)
    codec = MotionCodec.fit(motions.motions(), any_heading=True)
    windows = FilmedWindows(motions, codec, 30, 30, 0, views=2, in_2d=Settings2D())
    return codec, default_collate([windows[(i, 0)] for i in range(4)])


def vimo_objective(codec: MotionCodec) -> DiffusionObjective:
    torch.manual_seed(0)
    size = ViMoConfig(latent=32, feed_forward=64, blocks=1, heads=2, dropout=0.0, evidence_beside=True)
    schedule = build_schedule("linear", 1000)
    diffusion = {"weighting": "average", "ptss": 0.3, "clean": 0.0}
    return build_objective(
        ViMo(size), codec, schedule, diffusion=diffusion, lambdas=LAMBDAS, condition_drop=0.25, seed=0
    )


def objective_2d(codec: MotionCodec) -> DiffusionObjective:
    objective = vimo_objective(codec)
    objective.compare = against_keypoints(codec, Settings2D())
    weights = {"reprojection": 0.646, "velocity_2d": 2.964, "alignment": 0.636, "foot": 10.942}
    objective.lambdas = build_lambdas(weights, None)
    return objective


def lifter_objective(codec: MotionCodec) -> LifterObjective:
    torch.manual_seed(0)
    size = LifterConfig(width=32, blocks=2, dropout=0.0)
    return LifterObjective(Lifter(size), codec, build_lambdas(LAMBDAS, None))


Objective = Callable[[MotionCodec], DiffusionObjective | LifterObjective]
BOTH = pytest.mark.parametrize("objective_of", [vimo_objective, lifter_objective])
ALL = pytest.mark.parametrize("objective_of", [vimo_objective, objective_2d, lifter_objective])


@ALL
def test_a_samples_loss_does_not_hang_on_its_batch(parts: Parts, objective_of: Objective) -> None:
    """So two processes, or accumulated micro-batches, train as one."""
    codec, batch = parts
    objective = objective_of(codec)
    together = objective(batch, torch.arange(10, 14), 3)
    alone = objective({k: v[2:3] for k, v in batch.items()}, torch.tensor([12]), 3)
    torch.testing.assert_close(together.per_sample[2], alone.per_sample[0], rtol=1e-4, atol=0)
    torch.testing.assert_close(together.loss, together.per_sample.mean())


@ALL
@pytest.mark.parametrize("seen", [True, False])
def test_every_weight_takes_part_in_every_loss(parts: Parts, objective_of: Objective, seen: bool) -> None:
    """Or processes would wait for one another's gradients."""
    codec, batch = parts
    objective = objective_of(codec)
    told = batch["condition"] if seen else torch.zeros_like(batch["condition"])
    objective(batch | {"condition": told}, torch.arange(4), 0).loss.backward()
    assert [name for name, parameter in objective.named_parameters() if parameter.grad is None] == []


@BOTH
def test_it_learns_one_clip_by_heart(parts: Parts, objective_of: Objective) -> None:
    codec, batch = parts
    one = {k: v[:1].repeat_interleave(4, 0) for k, v in batch.items()}
    objective = objective_of(codec)
    optimizer = torch.optim.Adam(objective.parameters(), lr=5e-3)
    losses = []
    for step in range(80):
        loss = objective(one, torch.arange(4), step).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-10:]) < 0.15 * sum(losses[:10])


def test_a_teachers_motion_is_mended_by_what_the_pictures_show(parts: Parts) -> None:
    """Learnt by heart from a wrong teacher, the guess comes nearer to the truth than its teacher is."""
    codec, batch = parts
    truth = batch["x"][:1].clone()
    teacher = truth.clone()
    teacher[..., 7 + 6 * 16 : 7 + 6 * 18] += 0.5  # both upper arms
    motion = codec.unpack(codec.unnormalise(truth))
    coco_m = coco_joints_m(motion.rotations, motion.root_m)
    points = coco_m[:, None] @ batch["R_camera_world"][:1].mT + batch["t_camera_m"][:1, ..., None, :]
    image = points @ batch["intrinsics"][:1].mT
    exact = torch.cat((image[..., :2] / image[..., 2:], torch.ones_like(image[..., :1])), dim=-1)
    one = {name: value[:1] for name, value in batch.items()} | {"x": teacher, "keypoints": exact}
    guess = teacher.clone()
    first = None
    for _ in range(60):
        guess.requires_grad_()
        terms = reprojection_losses(guess, one, codec, Settings2D())
        (gradient,) = torch.autograd.grad(0.6 * terms["reprojection"].sum() + 0.636 * terms["alignment"].sum(), guess)
        guess = guess.detach() - 300 * gradient
        first = first or float(motion_losses(guess, truth, codec)["joints"])
    last = float(motion_losses(guess, truth, codec)["joints"])
    assert last < 0.3 * first
