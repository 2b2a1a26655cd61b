import contextlib
import io
import os
import struct
import zipfile

import numpy as np
import pytest
from numpy.lib import format as npy

from core_vimo.errors import InputError
from core_vimo.formats.npz import load_arrays


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_reads_what_numpy_wrote(tmp_path, save):
    arrays = {
        "a": np.arange(6.0).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "text": np.array("neutral"),
        "none": np.zeros((0, 3), np.float16),
        "scalar": np.array(30.0),
        "big": np.arange(4, dtype=">i4"),
    }
    save(tmp_path / "x.npz", **arrays)
    read = load_arrays(tmp_path / "x.npz")
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype


def _zip(path, members: dict[str, bytes], compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def _npy(shape, descr="<f8", data=b"") -> bytes:
    buffer = io.BytesIO()
    npy.write_array_header_1_0(buffer, {"shape": shape, "fortran_order": False, "descr": descr})
    return buffer.getvalue() + data


def test_refuses_a_bomb_before_unpacking_it(tmp_path):
    path = _zip(tmp_path / "bomb.npz", {"a.npy": _npy((50_000_000,), "|u1", bytes(50_000_000))})
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match=r"bomb\.npz: would unpack to 47 MiB, more than 1 MiB"):
        load_arrays(path, max_bytes=1 << 20)


@pytest.mark.parametrize(
    ("member", "sentence"),
    [
        (_npy((10**13,), "<f8", bytes(80)), "claims 80000000000000 bytes but has 80"),
        (_npy((2**62, 2**62), "<f8", bytes(80)), "forged"),
        (_npy((5,), "<f8", bytes(80)), "forged"),
        (_npy((-10,), "<f8", bytes(80)), "forged"),
        (_npy((10**15,), "<U0"), "plain"),
        (_npy((2,), "|O", b"\x80\x04."), "object instead of plain numbers"),
        (_npy((2,), [("a", "<f4")], bytes(8)), "plain numbers"),
        (b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 200, "not a whole npz file"),
        (b"\x93NUMPY\x01\x00" + struct.pack("<H", 9000) + b"[" * 9000, "not a whole npz file"),
        (b"\x93NUMPY\x09\x00", "not a whole npz file"),
        (b"", "not a whole npz file"),
    ],
)
def test_refuses_lying_headers_and_objects(tmp_path, member, sentence):
    with pytest.raises(InputError, match=sentence):
        load_arrays(_zip(tmp_path / "liar.npz", {"a.npy": member}))


def test_object_arrays_run_nothing(tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    np.savez(tmp_path / "evil.npz", a=np.array([Attack()], dtype=object))
    with pytest.raises(InputError, match=r"evil\.npz.*could run code"):
        load_arrays(tmp_path / "evil.npz")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite_is_refused_unless_asked_for(tmp_path, bad):
    np.savez(tmp_path / "nan.npz", a=np.array([1.0, bad]))
    with pytest.raises(InputError, match=r"'a\.npy' holds NaN or infinity"):
        load_arrays(tmp_path / "nan.npz")
    assert len(load_arrays(tmp_path / "nan.npz", finite=False)["a"]) == 2


@pytest.mark.parametrize("count", [1025, 40_000])
def test_refuses_too_many_members(tmp_path, count):
    path = _zip(tmp_path / "many.npz", {f"{i}.npy": b"" for i in range(count)}, zipfile.ZIP_STORED)
    with pytest.raises(InputError, match=r"more than 1024|far more files"):
        load_arrays(path)


def test_refuses_other_zips_text_and_what_is_missing(tmp_path):
    with pytest.raises(InputError, match="not numpy's npz"):
        load_arrays(_zip(tmp_path / "a.zip", {"readme.txt": b"hello"}))
    (tmp_path / "text.npz").write_text("hello")
    for path in (tmp_path / "text.npz", tmp_path / "absent.npz", tmp_path):
        with pytest.raises(InputError, match=str(path)):
            load_arrays(path)


def test_refuses_every_cut_and_flipped_bytes(tmp_path):
    np.savez_compressed(tmp_path / "whole.npz", a=np.random.default_rng(0).normal(size=(40, 3)))
    data = (tmp_path / "whole.npz").read_bytes()
    path = tmp_path / "broken.npz"
    for length in range(0, len(data), 97):
        path.write_bytes(data[:length])
        with pytest.raises(InputError):
            load_arrays(path)
    for at in range(0, len(data), 13):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x5A]) + data[at + 1 :])
        with contextlib.suppress(InputError):  # a flipped date harms nothing
            load_arrays(path)
