"""EDGE's checkpoint file, read without running it, against what EDGE itself made of it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from core_vimo.errors import InputError
from edge_adapter.backbone import Backbone
from edge_adapter.build import load_dance_model
from edge_adapter.edge_checkpoint import EdgeCheckpoint, read_edge_checkpoint


@pytest.fixture(scope="module")
def expected(golden_dir: Path) -> dict[str, np.ndarray]:
    with np.load(golden_dir / "edge_checkpoint_expected.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def checkpoint(golden_dir: Path, expected: dict[str, np.ndarray]) -> EdgeCheckpoint:
    heads = json.loads(str(expected["config"]))["num_heads"]
    return read_edge_checkpoint(golden_dir / "edge_checkpoint.pt", heads)


def ran(backbone: Backbone, expected: dict[str, np.ndarray]) -> Tensor:
    x, cond = (torch.from_numpy(expected[f"decoder_{name}_q16"]).float() / 16 for name in ("x", "cond"))
    with torch.no_grad():
        return backbone(x, torch.from_numpy(expected["decoder_t"]), backbone.encode(cond))


def test_it_samples_from_the_averaged_weights(checkpoint: EdgeCheckpoint, expected: dict[str, np.ndarray]) -> None:
    out = ran(checkpoint.backbone, expected)
    torch.testing.assert_close(out, torch.from_numpy(expected["decoder_out_ema"]), rtol=0, atol=2e-5)
    assert (out - torch.from_numpy(expected["decoder_out_model"])).abs().max() > 1e-3


def test_its_scaler_is_the_codec(checkpoint: EdgeCheckpoint, expected: dict[str, np.ndarray]) -> None:
    codec = checkpoint.codec
    assert (codec.sixd, codec.root, codec.fps) == ("rows", "position", 30.0)
    clipped = torch.from_numpy(expected["normalised"]).clamp(-1, 1)
    for ours, theirs in (
        (codec.unnormalise(clipped), expected["unnormalised"]),
        (codec.normalise(torch.from_numpy(expected["raw"])), expected["raw_normalised"]),
    ):
        torch.testing.assert_close(ours, torch.from_numpy(theirs), rtol=0, atol=1e-6)


def test_as_a_bundle_it_stays_the_same(
    checkpoint: EdgeCheckpoint, expected: dict[str, np.ndarray], tmp_path: Path
) -> None:
    checkpoint.bundle().save(tmp_path / "edge")
    again = load_dance_model(tmp_path / "edge")
    assert torch.equal(ran(again.backbone, expected), ran(checkpoint.backbone, expected))
    assert torch.equal(again.codec.scale, checkpoint.codec.scale)
    assert (again.codec.sixd, again.codec.root, again.extractor) == ("rows", "position", "librosa35")


def test_it_must_be_told_the_heads_of_an_unpublished_width(golden_dir: Path) -> None:
    with pytest.raises(InputError, match="give heads"):
        read_edge_checkpoint(golden_dir / "edge_checkpoint.pt")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(golden_dir: Path, tmp_path: Path, share: float) -> None:
    whole = (golden_dir / "edge_checkpoint.pt").read_bytes()
    path = tmp_path / "cut.pt"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match="cut"):
        read_edge_checkpoint(path, heads=2)


def test_a_flipped_bit_in_a_tensor_is_noticed(golden_dir: Path, tmp_path: Path) -> None:
    damaged = bytearray((golden_dir / "edge_checkpoint.pt").read_bytes())
    damaged[50_000] ^= 1  # within the first tensor, which is an averaged weight
    path = tmp_path / "bit.pt"
    path.write_bytes(damaged)
    with pytest.raises(InputError, match="bit"):
        read_edge_checkpoint(path, heads=2)
