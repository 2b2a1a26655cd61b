"""The studio without its extra is one sentence, never a traceback."""

import importlib.util

import pytest

from core_vimo.errors import MissingExtraError
from stylize.studio.app import serve


@pytest.mark.parametrize("absent", ["nicegui", "filelock", "itsdangerous"])
def test_without_the_extra_it_says_what_to_install(absent, monkeypatch, tmp_path):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == absent else found(name, *more))
    with pytest.raises(MissingExtraError, match=rf"{absent}.*vimo-suite\[studio\]"):
        serve(data=tmp_path / "data")
    assert not (tmp_path / "data").exists()
