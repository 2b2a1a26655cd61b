"""Loss terms against EDGE's, which takes normalised channels for metres; through its decoder and noise schedule."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from core_vimo.codec import CHANNELS, MotionCodec
from core_vimo.diffusion.schedule import cosine_schedule
from core_vimo.losses import motion_losses
from edge_adapter.backbone import Backbone
from edge_adapter.edge_checkpoint import backbone_from_edge

ORDER = ("simple", "velocity", "joints", "foot")

# EDGE's un-normalising lines are commented out, so bones are turned by 6D numbers (rows) stretched to [-1, 1] and the
# contact threshold applies to the normalised label.
AS_THEY_ARE = MotionCodec(torch.ones(CHANNELS), torch.zeros(CHANNELS), sixd="rows", root="position")


@pytest.fixture(scope="module")
def golden(golden_dir: Path) -> dict[str, np.ndarray]:
    with np.load(golden_dir / "edge_losses.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def backbone(golden_dir: Path) -> Backbone:
    with safe_open(golden_dir / "edge_decoder_35_weights.safetensors", "pt") as weights:
        heads = json.loads(weights.metadata()["config"])["num_heads"]
        return backbone_from_edge({name: weights.get_tensor(name) for name in weights.keys()}, heads)  # noqa: SIM118


@pytest.mark.parametrize("music", ["cond", "null"])
@torch.no_grad()
def test_weighted_terms_and_total(golden: dict[str, np.ndarray], backbone: Backbone, music: str) -> None:
    x_start, t = torch.from_numpy(golden["x_start"]), torch.from_numpy(golden["t"])
    noise, cond = (torch.from_numpy(golden[f"{name}_q16"]).float() / 16 for name in ("noise", "cond"))
    condition = backbone.encode(cond) if music == "cond" else backbone.null(*x_start.shape[:2])
    x0_hat = backbone(cosine_schedule().q_sample(x_start, t, noise), t, condition)
    terms = motion_losses(x0_hat, x_start, AS_THEY_ARE)
    unweighted = np.array([float(terms[name].mean()) for name in ORDER])
    np.testing.assert_allclose(unweighted, golden[f"unweighted_terms_{music}"], rtol=1e-4)
    np.testing.assert_allclose(unweighted * golden["weights"], golden[f"weighted_terms_{music}"], rtol=1e-4)
    np.testing.assert_allclose((unweighted * golden["weights"]).sum(), golden[f"total_{music}"], rtol=1e-4)


def test_terms_of_edges_own_guess(golden: dict[str, np.ndarray]) -> None:
    x0_hat, x_start = (torch.from_numpy(golden[name]) for name in ("model_out_cond", "x_start"))
    terms = motion_losses(x0_hat, x_start, AS_THEY_ARE)
    found = [float(terms[name].mean()) for name in ORDER]
    np.testing.assert_allclose(found, golden["unweighted_terms_cond"], rtol=1e-5)
