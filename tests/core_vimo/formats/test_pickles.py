import collections
import contextlib
import os
import pickle
import subprocess
import sys
import types

import numpy as np
import pytest
import scipy.sparse

from core_vimo.errors import InputError
from core_vimo.formats.pickles import ARRAYS, BODY_MODELS, load_restricted


def _write(tmp_path, data: bytes):
    path = tmp_path / "file.pkl"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_reads_arrays_numbers_and_texts(tmp_path, protocol):
    content = {
        "float": np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "permuted": np.arange(24.0).reshape(2, 3, 4).transpose(1, 2, 0),
        "big": np.arange(5, dtype=">u2"),
        "flag": np.array([True, False]),
        "text": np.array(["left", "right"]),
        "empty": np.zeros((0, 72)),
        "scalar": np.float64(2.5),
        "rate": 60,
        "name": "gBR_sBM",
    }
    read = load_restricted(_write(tmp_path, pickle.dumps(content, protocol)))
    assert read.keys() == content.keys()
    for key, value in content.items():
        np.testing.assert_array_equal(read[key], value)
        assert np.asarray(read[key]).dtype == np.asarray(value).dtype


def test_reads_what_python_2_wrote(tmp_path):
    """Protocol 2 of Python 2 holds raw bytes as a plain string and numpy's old module names."""
    raw = np.arange(3.0).tobytes()
    data = (
        b"\x80\x02}U\x01xcnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x03\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x18" + raw + b"tbs."
    )
    np.testing.assert_array_equal(load_restricted(_write(tmp_path, data))["x"], np.arange(3.0))


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_reads_sparse_and_chumpy_arrays_of_body_models(tmp_path, protocol, monkeypatch):
    class Ch:
        def __init__(self, x):
            self.x = x

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    module = types.ModuleType("chumpy.ch")
    module.Ch = Ch
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)
    dense = np.random.default_rng(1).integers(0, 3, (5, 4)).astype(float)
    data = pickle.dumps({"J": scipy.sparse.csc_matrix(dense), "v": Ch(dense), "other": {"a": 1}}, protocol)
    read = load_restricted(_write(tmp_path, data), BODY_MODELS)
    np.testing.assert_array_equal(read["J"], dense)
    np.testing.assert_array_equal(read["v"], dense)
    assert read["other"] is None
    with pytest.raises(InputError, match=r"file\.pkl: wants to use"):
        load_restricted(tmp_path / "file.pkl", ARRAYS)


def _reduce(function, *arguments):
    class Attack:
        def __reduce__(self):
            return function, arguments

    return Attack()


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("allowed", [ARRAYS, BODY_MODELS])
@pytest.mark.parametrize(
    "attack",
    [
        lambda at: _reduce(os.mkdir, at),
        lambda at: _reduce(os.system, f"mkdir {at}"),
        lambda at: _reduce(eval, f"__import__('os').mkdir({at!r})"),
        lambda at: _reduce(exec, f"__import__('os').mkdir({at!r})"),
        lambda at: _reduce(getattr, "", "join"),
        lambda at: _reduce(subprocess.check_call, ["mkdir", at]),
        lambda at: _reduce(np.load, at, None, True),
        lambda at: _reduce(collections.OrderedDict),
        lambda at: [[{"deep": (_reduce(os.mkdir, at),)}]],
        lambda at: np.array([_reduce(os.mkdir, at)], dtype=object),
    ],
)
def test_nothing_is_run(tmp_path, attack, protocol, allowed):
    target = tmp_path / "ran"
    data = pickle.dumps({"smpl_poses": attack(str(target))}, protocol)
    with pytest.raises(InputError, match=r"file\.pkl"):
        load_restricted(_write(tmp_path, data), allowed)
    assert not target.exists()


def _names(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello, not a pickle",
        b"\x80\x05.",
        b"N.",
        b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b"abc.",  # bytes that say they are 4 EiB
        b"\x80\x05\x96" + (2**40).to_bytes(8, "little") + b"abc.",  # a bytearray of 1 TiB
        b"}r" + (0xFFFFFFFF).to_bytes(4, "little") + b".",  # a memo of 32 GiB
        b"}p99999999999\n.",
        b"(" * 1_000_000 + b".",
        b"]" * 90_000 + b".",
        b"(cposix\nsystem\no.",
        b"(S'true'\niposix\nsystem\n.",
        b"\x82\x01.",  # an extension code
        b"Phello\n.",  # a persistent id
        b"}U\x01x" + _names("numpy", "ndarray") + b")\x81(K\x01(JAAAAtcnumpy\ndtype\nU\x02f8\x85R\x89U\x00tbs.",
        b"}U\x01x" + _names("numpy", "ndarray") + b")\x81(K\x01K\x03\x85cnumpy\ndtype\nU\x01O\x85R\x89U\x00tbs.",
        _names("numpy", "ndarray") + b"}U\x05numpyNsb.",  # trying to change our own class
        _names("copyreg", "_reconstructor") + _names("builtins", "object") + b"0(tR.",
    ],
)  # fmt: skip
@pytest.mark.parametrize("allowed", [ARRAYS, BODY_MODELS])
def test_hostile_and_broken_bytes_are_refused(tmp_path, data, allowed):
    with pytest.raises(InputError, match=r"file\.pkl"):
        load_restricted(_write(tmp_path, data), allowed)


def test_a_hostile_pickle_leaves_the_reader_as_it_was(tmp_path):
    for change in (b"}U\x05numpyNsb.", b"(N}U\x05numpyNs\x86b."):
        for name in ("ndarray", "dtype"):
            with pytest.raises(InputError):
                load_restricted(_write(tmp_path, _names("numpy", name) + change))
    good = {"x": np.arange(3.0)}
    np.testing.assert_array_equal(load_restricted(_write(tmp_path, pickle.dumps(good)))["x"], good["x"])


def test_deep_nesting_and_shared_references_are_harmless(tmp_path):
    nested: list = []
    for _ in range(150):
        nested = [nested, nested]
    assert load_restricted(_write(tmp_path, pickle.dumps({"x": nested})))["x"] is None
    deep = b"}U\x01x" + b"]" * 90_000 + b"a" * 89_999 + b"s."
    with pytest.raises(InputError, match="too intricate"):
        load_restricted(_write(tmp_path, deep))
    assert load_restricted(_write(tmp_path, b"}U\x01x" + b"]" * 40_000 + b"a" * 39_999 + b"s."))["x"] is None


def test_one_buffer_named_by_many_arrays_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("core_vimo.formats.pickles.MAX_BYTES", 1 << 20)
    shared = np.zeros(1 << 16)
    raw = pickle.dumps({str(i): shared for i in range(200)})
    with pytest.raises(InputError, match="unpacks to more than"):
        load_restricted(_write(tmp_path, raw))


def test_sparse_indices_are_checked(tmp_path):
    matrix = scipy.sparse.csc_matrix(np.eye(4))
    matrix.indices[0] = 10**6
    with pytest.raises(InputError, match=r"file\.pkl"):
        load_restricted(_write(tmp_path, pickle.dumps({"J": matrix})), BODY_MODELS)


def test_not_finite_is_refused(tmp_path):
    for bad in (np.array([np.nan]), float("inf")):
        with pytest.raises(InputError, match="'x' holds NaN or infinity"):
            load_restricted(_write(tmp_path, pickle.dumps({"x": bad})))


def test_flipped_bytes_never_raise_anything_else(tmp_path):
    data = pickle.dumps({"smpl_poses": np.zeros((2, 72)), "smpl_trans": np.zeros((2, 3)), "n": 3}, 4)
    rng = np.random.default_rng(3)
    for _ in range(600):
        broken = bytearray(data)
        broken[rng.integers(len(data) if rng.random() < 0.3 else 200)] = rng.integers(256)
        path = _write(tmp_path, bytes(broken))
        with contextlib.suppress(InputError):
            load_restricted(path, BODY_MODELS)
