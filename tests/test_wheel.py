"""The wheel works outside the checkout: settings and the shipped weights travel inside it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def _vimo(site: Path, *arguments: str) -> str:
    # -I would drop PYTHONPATH; another folder is enough to lose sight of the checkout.
    environment = os.environ | {"PYTHONPATH": str(site)}
    command = [sys.executable, "-m", "stylize", *arguments]
    return subprocess.run(command, cwd=site.parent, env=environment, check=True, capture_output=True, text=True).stdout


def test_settings_are_in_the_wheel(site):
    shown = _vimo(site, "train", "dance", "+experiment=edge_small", "data=free", "data.folder=x", "out=y", "--show")
    assert "batch_size: 16" in shown and "CMU" in shown


def test_the_shipped_weights_are_in_the_wheel(site):
    shown = _vimo(site, "bundle")
    assert str(site) in shown and "mocap.cs.cmu.edu" in shown


def test_nothing_but_the_packages_is_in_the_wheel(site):
    top = {path.name.split("-")[0] for path in site.iterdir()}
    assert top == {"core_vimo", "edge_adapter", "completion", "stylize", "vimo_suite"}
