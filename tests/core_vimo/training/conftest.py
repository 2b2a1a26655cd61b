import pytest


@pytest.fixture(autouse=True)
def always(one_thread: None) -> None:
    """Every training here is a toy's."""
