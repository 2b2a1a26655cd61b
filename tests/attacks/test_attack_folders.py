"""Places that can't be written, folders that aren't ours, data sets that lead out of themselves."""

import json
import os
import zipfile

import pytest


@pytest.mark.parametrize("place", ["file", "file/below/it", "/proc/nowhere"])
def test_places_that_cannot_be_written(place, refused, tiny_bundle, song, tmp_path):
    (tmp_path / "file").write_text("mine")
    out = tmp_path / place
    said = refused("dance", song, "--bundle", tiny_bundle, "--steps", 1, "--no-video", "--out", out)
    assert str(out) in said
    assert os.listdir(tmp_path) == ["file"] and (tmp_path / "file").read_text() == "mine"


def test_a_folder_with_other_things_is_never_replaced(refused, tiny_bundle, tmp_path):
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "thesis.txt").write_text("years of work")
    (tmp_path / "dance.bvh").write_text("no dance")
    said = refused("dataset", "dances", tmp_path / "dance.bvh", "--out", tmp_path / "documents")
    assert "thesis.txt" in said and (tmp_path / "documents" / "thesis.txt").exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a\\b", "a\0b"])
def test_a_data_set_cannot_name_files_outside_itself(name, refused, tmp_path):
    row = {"name": name, "split": "test", "frames": 9, "music": ""}
    index = {"format": 1, "extractor": "librosa35", "dances": [row]}
    (tmp_path / "index.json").write_text(json.dumps(index))
    assert "outside" in refused("evaluate", "dances", tmp_path, "--reference", tmp_path)


@pytest.mark.parametrize("text", ["{}", "[]", "[" * 100_000, '{"format": 1, "extractor": "x", "dances": [{}]}'])
def test_broken_indices(text, refused, tmp_path):
    (tmp_path / "index.json").write_text(text)
    assert "index.json" in refused("evaluate", "dances", tmp_path, "--reference", tmp_path)


def test_archives_that_are_none_or_explode(refused, tmp_path):
    (tmp_path / "none.zip").write_text("no archive")
    refused("dataset", "dances", tmp_path / "none.zip", "--out", tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../bomb.bvh", bytes(300 << 20))
    refused("dataset", "dances", tmp_path / "bomb.zip", "--out", tmp_path / "out")
    assert sorted(os.listdir(tmp_path)) == ["bomb.zip", "none.zip"]
