"""Where tests find data that is not in the repository; absent data is a loud skip, never a pass."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def _folder(variable: str, default: Path) -> Path:
    folder = Path(os.environ.get(variable, default))
    if not folder.is_dir():
        pytest.skip(f"{variable} is not set and {default} is not there", allow_module_level=False)
    return folder


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    """Outputs of public reference implementations (`VIMO_GOLDEN`)."""
    return _folder("VIMO_GOLDEN", ROOT.parent / "shared" / "golden")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real dances, songs and clips (`VIMO_DATA`)."""
    return _folder("VIMO_DATA", ROOT.parent / "shared" / "data")
