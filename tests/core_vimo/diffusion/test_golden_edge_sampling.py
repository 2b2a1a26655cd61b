"""EDGE's own samplers, with its draws recorded, against ours around our backbone (golden README §2)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from core_vimo.diffusion import sampling
from core_vimo.diffusion.constraints import Step, compose, keep_known, tie_overlaps
from core_vimo.diffusion.guidance import guided
from core_vimo.diffusion.sampling import ddim, ddpm, ddpm_step, even_timesteps
from core_vimo.diffusion.schedule import Schedule, cosine_schedule
from edge_adapter.backbone import Backbone
from edge_adapter.edge_checkpoint import backbone_from_edge

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def backbone(golden_dir: Path) -> Backbone:
    with safe_open(str(golden_dir / "edge_decoder_35_weights.safetensors"), "pt") as weights:
        heads = json.loads(weights.metadata()["config"])["num_heads"]
        state = {name: weights.get_tensor(name) for name in weights.keys()}  # noqa: SIM118
    return backbone_from_edge(state, heads)


def load(path: Path) -> dict[str, Tensor]:
    """Arrays by name; the suffix of those on a grid is taken off with the grid."""
    arrays = {}
    with np.load(path, allow_pickle=False) as golden:
        for name in golden.files:
            value = torch.from_numpy(golden[name])
            stem, _, grid = name.rpartition("_q")
            arrays[stem if grid.isdigit() else name] = value.float() / int(grid) if grid.isdigit() else value
    return arrays


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=TOLERANCE)


def test_the_cosine_schedule(golden_dir: Path) -> None:
    golden = load(golden_dir / "edge_ddim.npz")
    ours = cosine_schedule().alphas_cumprod
    torch.testing.assert_close(ours, golden["schedule_alphas_cumprod"].double(), rtol=1e-4, atol=0)
    assert even_timesteps(1000, 50) == golden["times"].tolist()


def test_ddim(golden_dir: Path, backbone: Backbone) -> None:
    golden = load(golden_dir / "edge_ddim.npz")
    noise, after = golden["noise"], {}
    sample = ddim(
        guided(backbone, backbone.encode(golden["cond"]), 2.0),
        noise[0],
        cosine_schedule(),
        steps=50,
        noise=lambda index: noise[index + 1],
        eta=1.0,
        clip=1.0,
        callback=lambda step, x: after.update({step.index: x}),
    )
    for index, x in zip(golden["step_index"].tolist(), golden["x_before_step"], strict=True):
        close(after[index - 1], x)
    close(sample, golden["sample"])


def test_long_ddim(golden_dir: Path, backbone: Backbone) -> None:
    golden = load(golden_dir / "edge_long_ddim.npz")
    noise, times = golden["noise"], golden["times"].tolist()
    weight_at = dict(zip(times, golden["guidance_weights"].tolist(), strict=False))
    sample = ddim(
        guided(
            backbone, backbone.encode(golden["cond"]), lambda t: torch.tensor([weight_at[time] for time in t.tolist()])
        ),
        noise[0],
        cosine_schedule(),
        steps=50,
        noise=lambda index: noise[index + 1],
        eta=1.0,
        clip=1.0,
        constrain=tie_overlaps(30),
    )
    close(sample, golden["sample"])
    assert float((sample[1:, :30] - sample[:-1, 30:]).abs().max()) > 0.5  # EDGE leaves the last step untied


def clipped_weight(t: Tensor) -> Tensor:
    """EDGE's guidance in its DDPM: 2, but 1 in the last tenth of the way."""
    return torch.where(t < 100, 1.0, 2.0)


def test_single_ddpm_steps(golden_dir: Path, backbone: Backbone) -> None:
    """EDGE's step from t = 0 gives 0.99947 x0_hat, since 1 - ᾱ has lost digits in float32; ours gives x0_hat."""
    golden = load(golden_dir / "edge_ddpm.npz")
    shrunk = {0: load(golden_dir / "edge_ddim.npz")["schedule_posterior_mean_coef1"][0]}
    assert float(shrunk[0]) == pytest.approx(1, abs=6e-4)
    denoise = guided(backbone, backbone.encode(golden["cond"]), clipped_weight)
    for time, x, noise, out in zip(golden["t"].tolist(), golden["x"], golden["noise"], golden["out"], strict=True):
        t = torch.tensor([time])
        with torch.no_grad():
            x0_hat = denoise(x, t).clamp(-1, 1)
        close(ddpm_step(x, x0_hat, t, t - 1, cosine_schedule(), noise=noise) * shrunk.get(time, 1), out)


def inpaint(golden: dict[str, Tensor], backbone: Backbone) -> tuple[Tensor, Tensor]:
    """EDGE's recorded inpainting -> (x as EDGE leaves it, before the last paste; our sample)."""
    start, noise = int(golden["inpaint_start_point"]), golden["inpaint_noise"]
    head = Schedule("cosine", cosine_schedule().alphas_cumprod[:start])  # the last five timesteps, and no others
    known = keep_known(golden["inpaint_value"], golden["inpaint_mask"].bool(), head, lambda i: noise[2 * i + 1])
    unpasted: list[Tensor] = []

    def remember(x: Tensor, step: Step) -> Tensor:
        unpasted.append(x)
        return x

    sample = ddpm(
        guided(backbone, backbone.encode(golden["cond"]), clipped_weight),
        golden["inpaint_x"],
        head,
        steps=start,
        noise=lambda i: noise[2 * i],
        clip=1.0,
        constrain=compose(remember, known),
    )
    return unpasted[-1], sample


def test_inpainting_with_the_coefficients_of_edge(
    golden_dir: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guidance, clipping, draws and constraint agree; only the posterior's float32 coefficients are put in."""
    buffers = load(golden_dir / "edge_ddim.npz")

    def edge_step(x: Tensor, x0_hat: Tensor, t: Tensor, *_: object, noise: Tensor | None) -> Tensor:
        mean = buffers["schedule_posterior_mean_coef1"][t] * x0_hat + buffers["schedule_posterior_mean_coef2"][t] * x
        return mean if noise is None else mean + buffers["schedule_posterior_variance"][t].sqrt() * noise

    monkeypatch.setattr(sampling, "ddpm_step", edge_step)
    golden = load(golden_dir / "edge_ddpm.npz")
    unpasted, _ = inpaint(golden, backbone)
    close(unpasted, golden["inpaint_out"])


def test_inpainting_keeps_known_values_that_edge_loses(golden_dir: Path, backbone: Backbone) -> None:
    """With our own coefficients the rest differs by EDGE's rounding, up to 5e-4 of x0_hat at these timesteps."""
    golden = load(golden_dir / "edge_ddpm.npz")
    known, mask = golden["inpaint_value"], golden["inpaint_mask"].bool()
    unpasted, sample = inpaint(golden, backbone)
    torch.testing.assert_close(unpasted, golden["inpaint_out"], rtol=0, atol=1e-3)
    assert torch.equal(sample[~mask], unpasted[~mask])
    assert torch.equal(sample[mask], known[mask])
    assert float((golden["inpaint_out"][mask] - known[mask]).abs().max()) > 1
