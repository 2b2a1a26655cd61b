"""Features are computed once a song; whatever happens to the cache, right numbers come back."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from core_vimo.errors import InputError, MediaError
from edge_adapter.feature_cache import cached_features
from edge_adapter.features import MusicFeatures


@dataclass
class Counting:
    """An extractor that counts how often it is asked; its features depend on the file."""

    name: str = "counting"
    version: str = "1"
    dim: int = 3
    fps: float = 30.0
    calls: list[Path] = field(default_factory=list)

    def __call__(self, path: Path | str) -> MusicFeatures:
        self.calls.append(Path(path))
        if not Path(path).exists():
            raise MediaError(f"{path}: not found")
        length = Path(path).stat().st_size
        return MusicFeatures(torch.arange(3.0 * length).reshape(length, 3), self.fps, self.name)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("VIMO_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache"


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.wav"
    path.write_bytes(bytes(range(120)))
    return path


def test_the_second_time_nothing_is_computed(song: Path, tmp_path: Path) -> None:
    extractor = Counting()
    first, second = cached_features(song, extractor), cached_features(song, extractor)
    torch.testing.assert_close(first.values, second.values, rtol=0, atol=0)
    assert (second.fps, second.extractor) == (30.0, "counting")
    copy = tmp_path / "same song.mp3"
    copy.write_bytes(song.read_bytes())
    cached_features(copy, extractor)
    assert extractor.calls == [song]


def test_other_bytes_extractor_or_version_are_other_entries(song: Path) -> None:
    extractor = Counting()
    cached_features(song, extractor)
    cached_features(song, Counting(version="2", calls=extractor.calls))
    cached_features(song, Counting(name="other", calls=extractor.calls))
    song.write_bytes(bytes(121))
    assert len(cached_features(song, extractor)) == 121
    assert len(extractor.calls) == 4


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "other shape"])
def test_damaged_entries_are_computed_anew(song: Path, cache: Path, damage: str) -> None:
    extractor = Counting()
    good = cached_features(song, extractor)
    (entry,) = (cache / "features").iterdir()
    data = bytearray(entry.read_bytes())
    if damage == "flip":
        data[-5] ^= 1
    entry.write_bytes({"cut": data[:-7], "flip": data, "empty": b""}.get(damage, data))
    again = Counting(dim=4) if damage == "other shape" else extractor
    found = cached_features(song, again)
    torch.testing.assert_close(found.values, good.values, rtol=0, atol=0)
    assert len(extractor.calls) + (again is not extractor) == 2


def test_an_excerpt_is_a_slice_of_the_song(song: Path) -> None:
    extractor = Counting()
    part = cached_features(song, extractor, start_s=1.0, seconds=2.0)
    torch.testing.assert_close(part.values, cached_features(song, extractor).values[30:90])
    assert len(extractor.calls) == 1
    with pytest.raises(InputError, match="start earlier"):
        cached_features(song, extractor, start_s=60.0)


def test_a_cache_that_cannot_be_written_costs_time_only(
    song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VIMO_CACHE", str(tmp_path / "file"))
    assert len(cached_features(song, Counting())) == 120
    assert "not kept" in caplog.text


def test_a_missing_song_is_the_reader_s_to_refuse(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="not found"):
        cached_features(tmp_path / "no.wav", Counting())
