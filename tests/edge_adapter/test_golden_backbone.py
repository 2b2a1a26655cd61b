"""The backbone against EDGE's DanceDecoder: same weights, same input, same output."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from core_vimo.diffusion.guidance import guided
from edge_adapter.backbone import Backbone
from edge_adapter.edge_checkpoint import backbone_from_edge


@pytest.fixture(scope="module", params=["35", "4800"])
def case(request: pytest.FixtureRequest, golden_dir: Path) -> tuple[Backbone, dict[str, Tensor]]:
    with safe_open(golden_dir / f"edge_decoder_{request.param}_weights.safetensors", "pt") as weights:
        heads = json.loads(weights.metadata()["config"])["num_heads"]
        backbone = backbone_from_edge({name: weights.get_tensor(name) for name in weights.keys()}, heads)  # noqa: SIM118
    with np.load(golden_dir / f"edge_decoder_{request.param}_io.npz", allow_pickle=False) as file:
        arrays = {name: torch.from_numpy(file[name]) for name in file.files}
    if "cond_q8" in arrays:
        arrays["cond"] = arrays["cond_q8"].float() / 8
    return backbone, arrays


@torch.no_grad()
def test_with_music(case: tuple[Backbone, dict[str, Tensor]]) -> None:
    backbone, golden = case
    out = backbone(golden["x"], golden["t"], backbone.encode(golden["cond"]))
    torch.testing.assert_close(out, golden["out_cond"], rtol=0, atol=2e-5)


@torch.no_grad()
def test_without_music(case: tuple[Backbone, dict[str, Tensor]]) -> None:
    backbone, golden = case
    out = backbone(golden["x"], golden["t"], backbone.null(*golden["x"].shape[:2]))
    torch.testing.assert_close(out, golden["out_null"], rtol=0, atol=2e-5)


@torch.no_grad()
def test_guided(case: tuple[Backbone, dict[str, Tensor]]) -> None:
    backbone, golden = case
    denoise = guided(backbone, backbone.encode(golden["cond"]), 2.0)
    torch.testing.assert_close(denoise(golden["x"], golden["t"]), golden["out_guided"], rtol=0, atol=5e-5)


@torch.no_grad()
def test_a_timestep_a_frame(case: tuple[Backbone, dict[str, Tensor]]) -> None:
    backbone, golden = case
    t = golden["t"][:, None].expand(golden["x"].shape[:2])
    out = backbone(golden["x"], t, backbone.encode(golden["cond"]))
    torch.testing.assert_close(out, golden["out_cond"], rtol=0, atol=2e-5)
