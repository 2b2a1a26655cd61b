"""Data for tests: what is not in the repository (absent, it is a loud skip, never a pass), and invented dances."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core_vimo.motion import Motion
from core_vimo.randomness import normal

ROOT = Path(__file__).resolve().parents[1]

# Not the user's cache; and one for each test process, since numba's can be spoilt by two that compile at once. numba's
# is named too: pytest-xdist's processes would else inherit the one that a conftest's imports chose for their parent.
_CACHE = ROOT / ".pytest_cache" / f"vimo-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
os.environ.update(VIMO_CACHE=str(_CACHE), NUMBA_CACHE_DIR=str(_CACHE / "numba"))


def _folder(variable: str, default: Path) -> Path:
    folder = Path(os.environ.get(variable, default))
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there; set {variable} to where it is")
    return folder


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    """Outputs of public reference implementations (`VIMO_GOLDEN`)."""
    return _folder("VIMO_GOLDEN", ROOT.parent / "shared" / "golden")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real dances, songs and clips (`VIMO_DATA`)."""
    return _folder("VIMO_DATA", ROOT.parent / "shared" / "data")


@pytest.fixture(scope="session")
def invented_dance() -> Callable[[int, int], Motion]:
    """(frames, key) -> smooth random swaying, upright and about a metre high, at 30 fps."""

    def make(frames: int, key: int) -> Motion:
        time = torch.arange(frames)[:, None, None] / 30
        angles = 0.3 * torch.sin(time * (2 + normal((24, 3), key, "rate").abs()) + normal((24, 3), key, "phase"))
        angles[:, 0] = torch.tensor([torch.pi / 2, 0.0, 0.0])
        path = torch.stack((torch.sin(time[:, 0, 0]), 0.1 * time[:, 0, 0], torch.full((frames,), 0.95)), dim=-1)
        return Motion.from_axis_angle(angles, path)

    return make


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory, invented_dance: Callable[[int, int], Motion]) -> Path:
    """A bundle of random weights that dances badly and at once."""
    from core_vimo.bundle import Bundle
    from edge_adapter.backbone import Backbone, BackboneConfig
    from edge_adapter.build import KIND
    from edge_adapter.dance_data import fit_codec

    model = {"condition_dim": 35, "latent": 16, "feed_forward": 32, "layers": 1, "heads": 2, "dropout": 0.0}
    torch.manual_seed(0)
    weights = Backbone(BackboneConfig(**model)).state_dict()
    config = {
        "kind": KIND,
        "model": model,
        "diffusion": {"name": "cosine", "steps": 1000},
        "extractor": "librosa35",
    }
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    Bundle(weights, config, fit_codec([invented_dance(300, 0)]), "# Tiny\n").save(folder)
    return folder


@pytest.fixture(scope="session")
def invented_style() -> Callable[..., Path]:
    """(name, place, bundle) -> the folder, in this place, of a style with random weights for that backbone."""
    from core_vimo.training.run import half
    from edge_adapter.branch import Branch, BranchConfig
    from edge_adapter.build import load_dance_model
    from edge_adapter.style import STRENGTH, Style

    def make(name: str, place: Path, bundle: Path) -> Path:
        model = load_dance_model(bundle)
        branch = Branch(model.backbone, BranchConfig(1))
        for key, parameter in branch.named_parameters():
            parameter.data = 0.1 * normal(tuple(parameter.shape), name, key)
        clips = [{"name": "walk", "seconds": 12.5, "sound": "its own", "sha256": "0" * 64}]
        facts = {"strength": STRENGTH, "clips": clips, "source": "made up", "licence": "free"}
        facts["trained"] = {"steps": 3, "seed": 0}
        style = Style(name, half(branch.state_dict()), branch.config, model.bundle_hash, facts, f"# {name}\n")
        style.save(place / name)
        return place / name

    return make
