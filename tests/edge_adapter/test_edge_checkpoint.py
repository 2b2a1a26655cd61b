"""Reading `.pt` files made by strangers: nothing in them runs, nothing damaged gets through."""

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from core_vimo.errors import InputError
from edge_adapter.edge_checkpoint import read_edge_checkpoint
from edge_adapter.torch_archive import StoredTensor, read_torch_archive

FLOATS = "(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ"
"""Pickle code for a storage of four numbers."""


class Runs:
    """What a hostile pickle does: calls something when it is read."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call, self.arguments


def archive(path: Path, code: bytes, numbers: bytes = b"\0" * 16, compression: int = zipfile.ZIP_STORED) -> Path:
    """A file laid out as torch.save does, with any pickle in it."""
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("it/data.pkl", code)
        file.writestr("it/data/0", numbers)
    return path


def tensor_code(layout: str) -> bytes:
    return f"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n({FLOATS}{layout}\x89NtR.".encode("latin1")


@pytest.mark.parametrize(
    "value",
    [
        torch.randn(3, 4),
        torch.randn(4, 3).T,
        torch.arange(10)[2:7],
        torch.randn(2, 5).half(),
        torch.randn(2, 5).bfloat16(),
        torch.tensor(3.5),
        torch.randn(6, 2)[:, 1],
    ],
)
def test_tensors_come_back_as_torch_saved_them(tmp_path: Path, value: torch.Tensor) -> None:
    torch.save({"a": [value], "b": {"deep": (1, 2.5, None, True)}}, tmp_path / "saved.pt")
    read = read_torch_archive(tmp_path / "saved.pt")
    assert isinstance(read["a"][0], StoredTensor)
    assert torch.equal(read["a"][0].load(), value)
    assert read["b"] == {"deep": (1, 2.5, None, True)}


def test_a_network_and_its_optimiser_come_back(tmp_path: Path) -> None:
    network = torch.nn.Linear(3, 2)
    optimiser = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    torch.save({"net": network.state_dict(), "optimiser": optimiser.state_dict()}, tmp_path / "net.pt")
    read = read_torch_archive(tmp_path / "net.pt")
    assert torch.equal(read["net"]["weight"].load(), network.weight)
    assert read["optimiser"]["param_groups"][0]["lr"] == 1e-3


@pytest.mark.parametrize(
    "hostile",
    [
        Runs(os.system, "touch ran"),
        Runs(eval, "open('ran', 'w')"),
        Runs(torch.load, "other.pt"),
        Runs(getattr, "text", "format"),
    ],
    ids=["system", "eval", "torch.load", "getattr"],
)
def test_code_in_a_pickle_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hostile: Runs) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"ema_state_dict": hostile}, tmp_path / "hostile.pt")
    with pytest.raises(InputError, match=r"hostile\.pt.*refused"):
        read_edge_checkpoint(tmp_path / "hostile.pt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "layout",
    [
        "K\x00K\x05\x85K\x01\x85",  # five numbers of four
        "K\x03K\x02\x85K\x01\x85",  # beyond the end
        "K\x00K\x02\x85K\x7f\x85",  # a stride beyond the end
        "K\x00J\xff\xff\xff\x7f\x85K\x00\x85",  # two thousand million copies of one number
        "J\xff\xff\xff\xffK\x01\x85K\x01\x85",  # before the start
        "K\x00K\x02\x85)",  # no stride
        "G\x3f\xf0\x00\x00\x00\x00\x00\x00K\x01\x85K\x01\x85",  # a fraction
    ],
)
def test_tensors_that_reach_out_of_their_storage_are_refused(tmp_path: Path, layout: str) -> None:
    path = archive(tmp_path / "reach.pt", tensor_code(layout))
    with pytest.raises(InputError, match="reach"):
        read_torch_archive(path)


def test_a_tensor_within_its_storage_is_read(tmp_path: Path) -> None:
    code = tensor_code("K\x01K\x02\x85K\x01\x85")
    numbers = torch.arange(4.0).numpy().tobytes()
    assert read_torch_archive(archive(tmp_path / "fits.pt", code, numbers)).load().tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    "code",
    [
        b"",
        b"\x80",
        b"\x80\x02.",
        b"\x80\x02K\x01",
        b"\x80\x02}" + b")" + b"\x85" * 300_000 + b"K\x01s.",  # a key nested deeper than C's stack
        b"\x80\x02r\xff\xff\xff\xff.",
        b"\x80\x02Nr\xff\xff\xff\x7f0.",
        b"\x80\x02cos\nsystem\n(X\x02\x00\x00\x00lsR.",
        b"\x80\x04\x8c\x05torch\x8c\x08load\x93.",
        pickle.dumps({1, 2, 3}),
    ],
)
def test_made_up_pickles_are_refused(tmp_path: Path, code: bytes) -> None:
    path = archive(tmp_path / "made_up.pt", code)
    with pytest.raises(InputError, match=r"made_up\.pt"):
        read_edge_checkpoint(path)


def test_a_storage_of_another_size_than_named_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "short.pt", tensor_code("K\x00K\x04\x85K\x01\x85"), b"\0" * 12)
    with pytest.raises(InputError, match="short"):
        read_torch_archive(path).load()


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = archive(tmp_path / "bomb.pt", b"\x80\x02" + b"N" * 200_000_000, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(InputError, match="too large"):
        read_torch_archive(path)


def test_packed_numbers_which_torch_never_writes_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    path = archive(tmp_path / "packed.pt", tensor_code("K\x00K\x04\x85K\x01\x85"), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match=r"packed\.pt: damaged .*compressed"):
        read_torch_archive(path).load()


def test_other_files_are_named_for_what_they_are_not(tmp_path: Path) -> None:
    old, text = tmp_path / "old.pt", tmp_path / "text.pt"
    torch.save({"a": torch.ones(2)}, old, _use_new_zipfile_serialization=False)
    text.write_text("no checkpoint")
    for path in (old, text, tmp_path / "absent.pt", tmp_path):
        with pytest.raises(InputError, match=path.name):
            read_edge_checkpoint(path)


def test_another_projects_checkpoint_is_refused(tmp_path: Path) -> None:
    torch.save({"ema_state_dict": {"weight": torch.ones(2)}, "normalizer": None}, tmp_path / "other.pt")
    with pytest.raises(InputError, match=r"other\.pt"):
        read_edge_checkpoint(tmp_path / "other.pt")
    torch.save({"model": {"weight": torch.ones(2)}}, tmp_path / "third.pt")
    with pytest.raises(InputError, match="no ema_state_dict"):
        read_edge_checkpoint(tmp_path / "third.pt")
