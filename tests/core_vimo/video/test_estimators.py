"""Estimators by name; rtmlib through a stand-in, since its weights are downloads."""

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from core_vimo.errors import InputError, MissingExtraError
from core_vimo.video.estimators import estimator

PICTURE = np.zeros((48, 64, 3), np.uint8)


def install_rtmlib(monkeypatch: pytest.MonkeyPatch, boxes: Any, score: float = 0.8) -> list[np.ndarray]:
    """A module that behaves as rtmlib 0.0.16: without boxes, its pose model takes the whole picture for a person."""
    seen: list[np.ndarray] = []

    class Body:
        def __init__(self, mode: str, to_openpose: bool, backend: str, device: str) -> None:
            assert not to_openpose and mode in ("lightweight", "balanced", "performance")
            print("load somewhere/yolox.onnx with onnxruntime backend")

        def det_model(self, image: np.ndarray) -> np.ndarray:
            seen.append(image)
            if boxes is None:
                raise RuntimeError("the session died")
            return np.array(boxes)

        def pose_model(self, image: np.ndarray, bboxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            bboxes = bboxes if len(bboxes) else [[0, 0, image.shape[1], image.shape[0]]]
            xy = np.array([np.linspace(box[:2], box[2:], 17) for box in bboxes])
            return xy, np.full(xy.shape[:2], score)

    module = ModuleType("rtmlib")
    module.Body = Body  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rtmlib", module)
    return seen


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(InputError, match="no pose estimator 'vitpose'; take one of: mediapipe, rtmlib"):
        estimator("vitpose")


@pytest.mark.parametrize(
    ("name", "module", "mend"), [("mediapipe", "mediapipe", r"vimo-suite\[pose\]"), ("rtmlib", "rtmlib", "pip install")]
)
def test_what_is_not_installed_says_how_to_get_it(
    name: str, module: str, mend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for loaded in [key for key in sys.modules if key.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, module, None)  # importing it fails, as if it weren't there
    with pytest.raises(MissingExtraError, match=mend):
        estimator(name)


def test_rtmlib_sees_bgr_and_answers_everybody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = install_rtmlib(monkeypatch, boxes=[[0, 0, 16, 32], [20, 4, 40, 44]], score=1.2)
    red = PICTURE.copy()
    red[..., 0] = 255
    people = estimator("rtmlib")(red)
    assert people.shape == (2, 17, 3) and people.dtype == torch.float32
    assert people[1, 16].tolist() == pytest.approx([40, 44, 1])  # scores above 1 are clipped
    assert seen[0][0, 0].tolist() == [0, 0, 255]
    assert capsys.readouterr().out == ""


def test_rtmlib_nobody_is_nobody_and_not_the_whole_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    install_rtmlib(monkeypatch, boxes=[])
    assert estimator("rtmlib")(PICTURE).shape == (0, 17, 3)


def test_rtmlib_a_broken_detector_is_an_error_and_not_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    install_rtmlib(monkeypatch, boxes=None)
    with pytest.raises(InputError, match="64x48 pixels: the session died"):
        estimator("rtmlib")(PICTURE)


def test_rtmlib_a_mode_it_does_not_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    install_rtmlib(monkeypatch, boxes=[])
    with pytest.raises(InputError, match="no mode 'huge'"):
        estimator("rtmlib", mode="huge")
