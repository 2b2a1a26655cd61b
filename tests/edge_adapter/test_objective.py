import pytest
import torch
from torch.utils.data import default_collate

from core_vimo.diffusion.objective import DiffusionObjective
from core_vimo.diffusion.schedule import cosine_schedule
from core_vimo.diffusion.timesteps import build_clean, build_ptss, sample_timesteps
from core_vimo.diffusion.weighting import constant
from core_vimo.training.course import build_lambdas
from edge_adapter.backbone import Backbone, BackboneConfig
from edge_adapter.dance_data import DanceSet, DanceWindows, fit_codec

LAMBDAS = {"simple": 1.0, "velocity": 1.0, "joints": 1.0, "foot": 1.0}
TINY = BackboneConfig(condition_dim=35, latent=32, feed_forward=64, layers=1, heads=2, dropout=0.0)


@pytest.fixture
def parts(dance_folder):
    dances = DanceSet(dance_folder)
    codec = fit_codec(dances.motions())
    windows = DanceWindows(dances, codec, 60, 30, 0)
    return codec, default_collate([windows[(i, 0)] for i in range(4)])


def _objective(codec, **changes) -> DiffusionObjective:
    torch.manual_seed(0)
    settings = {"weighting": constant(cosine_schedule()), "lambdas": LAMBDAS, "condition_drop": 0.0, "ptss": 0.0}
    settings |= {"clean": 0.0} | changes
    settings["ptss"] = build_ptss(settings["ptss"], run_steps=10)
    settings["clean"] = build_clean(settings["clean"], run_steps=10)
    settings["lambdas"] = build_lambdas(settings["lambdas"], run_steps=10)
    return DiffusionObjective(Backbone(TINY), codec, cosine_schedule(), seed=0, **settings)


@pytest.mark.parametrize(("ptss", "clean"), [(0.0, 0.0), (0.5, 0.0), (0.3, 0.7)])
def test_a_samples_loss_does_not_hang_on_its_batch(parts, ptss, clean):
    codec, batch = parts
    objective = _objective(codec, ptss=ptss, clean=clean, condition_drop=0.5)
    together = objective(batch, torch.arange(10, 14), 3)
    alone = objective({k: v[2:3] for k, v in batch.items()}, torch.tensor([12]), 3)
    assert torch.allclose(together.per_sample[2], alone.per_sample[0], rtol=1e-4)
    assert torch.allclose(together.loss, together.per_sample.mean())


def test_a_dropped_condition_is_not_heard(parts):
    codec, batch = parts
    other = batch | {"condition": batch["condition"] + 5}
    deaf, hearing = _objective(codec, condition_drop=1.0), _objective(codec)
    samples = torch.arange(4)
    assert torch.equal(deaf(batch, samples, 0).per_sample, deaf(other, samples, 0).per_sample)
    assert not torch.equal(hearing(batch, samples, 0).per_sample, hearing(other, samples, 0).per_sample)


def test_weights_and_lambdas_scale_the_terms(parts):
    codec, batch = parts
    samples = torch.arange(4)
    once = _objective(codec)(batch, samples, 0)
    doubled = _objective(codec, weighting=2 * constant(cosine_schedule()))(batch, samples, 0)
    assert torch.allclose(doubled.per_sample, 2 * once.per_sample)
    no_feet = _objective(codec, lambdas=LAMBDAS | {"foot": 0.0})(batch, samples, 0)
    assert torch.allclose(no_feet.loss, once.loss - once.terms["foot"], rtol=1e-4)


def test_each_frame_counts_by_its_own_timestep(parts):
    """A weight on the noisier half of the timesteps alone: of a clip, half of the frames count, not all by half."""
    codec, batch = parts
    schedule, samples = cosine_schedule(), torch.arange(4)
    late = (torch.arange(schedule.steps) >= schedule.steps // 2).double()
    simple = {"simple": 1.0}
    t = sample_timesteps(samples.tolist(), batch["x"].shape[1], schedule.steps, 1.0, 0, 0)
    losses = [_objective(codec, ptss=1.0, lambdas=simple, weighting=w)(batch, samples, 0) for w in (late, 1 - late)]
    whole = _objective(codec, ptss=1.0, lambdas=simple)(batch, samples, 0).per_sample
    halves = [part.per_sample for part in losses]
    assert torch.allclose(halves[0] + halves[1], whole)
    guesses = []
    objective = _objective(codec, ptss=1.0, lambdas=simple)
    objective.model.register_forward_hook(lambda module, inputs, guess: guesses.append(guess))
    objective(batch, samples, 0)
    a_frame = (guesses[0] - batch["x"]).square().mean(-1)
    assert torch.allclose(halves[0], (a_frame * late[t]).mean(1).float(), rtol=1e-4)


def test_the_probability_of_per_frame_timesteps_is_the_steps(parts):
    codec, batch = parts
    samples, seen = torch.arange(4), []
    objective = _objective(codec, ptss=[[0, 0.0], [0.5, 0.0], [0.5, 1.0]])
    objective.model.register_forward_hook(lambda module, inputs, guess: seen.append(inputs[1].shape))
    for step in (0, 4, 5):
        objective(batch, samples, step)
    assert seen == [(4,), (4,), (4, 60)]


def test_the_weighting_goes_where_the_objective_goes_and_into_no_checkpoint(parts):
    objective = _objective(parts[0])
    assert "weighting" not in objective.state_dict()
    assert objective.to("meta").weighting.device.type == "meta"


def test_it_learns_one_window_by_heart(parts):
    codec, batch = parts
    one = {k: v[:1].repeat(8, 1, 1) for k, v in batch.items()}
    objective = _objective(codec)
    optimizer = torch.optim.Adam(objective.parameters(), lr=3e-3)
    losses = []
    for step in range(150):
        loss = objective(one, torch.arange(8), step).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-10:]) < 0.15 * sum(losses[:10])
