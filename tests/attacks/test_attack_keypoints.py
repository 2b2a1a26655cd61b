"""Keypoint files that are none: a sentence, soon and in little memory."""

import json
import os
import resource
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core_vimo.errors import InputError
from core_vimo.video.keypoint_files import read_keypoint_file

PERSON = json.dumps({"image_id": "0.jpg", "keypoints": [50.0, 60.0, 0.5] * 17})


def many_files(path: Path) -> None:
    path.mkdir()
    for name in ("a_0_keypoints.json", "b_0_keypoints.json"):
        (path / name).write_text(json.dumps({"people": []}))


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("keypoints.npy", "w") as member:
        np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": (10**12, 17, 3)})
        member.write(bytes(1 << 20))


MAKERS = {
    "deep lists.json": lambda path: path.write_text("[" * 10**6),
    "deep tables.json": lambda path: path.write_text('{"people":' * 10**6),
    "nan.json": lambda path: path.write_text(f"[{PERSON.replace('60.0', 'NaN')}]"),
    "infinity.json": lambda path: path.write_text(f"[{PERSON.replace('60.0', 'Infinity')}]"),
    "beyond floats.json": lambda path: path.write_text(f"[{PERSON.replace('60.0', '1e999')}]"),
    "names twice.json": lambda path: path.write_text(f'[{PERSON[:-1]}, "keypoints": []}}]'),
    "long number.json": lambda path: path.write_text(f"[{PERSON.replace('60.0', '9' * 5000)}]"),
    "far frame.json": lambda path: path.write_text(f"[{PERSON}, {PERSON.replace('0.jpg', '9' * 300 + '.jpg')}]"),
    "cut short.json": lambda path: path.write_text(f"[{PERSON}, {PERSON[:99]}"),
    "bytes.json": lambda path: path.write_bytes(bytes(range(256)) * 40),
    "empty.json": lambda path: path.touch(),
    "huge.json": lambda path: (path.touch(), os.truncate(path, 1 << 33)),
    "empty folder": lambda path: path.mkdir(),
    "two videos": many_files,
    "bomb.npz": bomb,
    "text.npz": lambda path: path.write_text("no arrays"),
    "objects.npz": lambda path: np.savez(path, keypoints=np.array([{"a": 1}], dtype=object)),
    "missing.json": lambda path: None,
    "nul\0.json": lambda path: None,
}


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_no_keypoint_file_ends_in_one_sentence(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    MAKERS[name](path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError) as caught:
        read_keypoint_file(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB
