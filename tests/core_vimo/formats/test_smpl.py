import builtins
import pickle
import sys
import types

import numpy as np
import pytest
import scipy.sparse
import torch

from core_vimo.errors import InputError, MissingExtraError
from core_vimo.formats.smpl import SmplBody
from core_vimo.skeleton import PARENTS

VERTICES = 30


@pytest.fixture(scope="module")
def model() -> dict[str, np.ndarray]:
    """A made-up body with the official key names and types."""
    rng = np.random.default_rng(0)
    return {
        "v_template": rng.normal(size=(VERTICES, 3)),
        "shapedirs": 0.02 * rng.normal(size=(VERTICES, 3, 10)),
        "posedirs": 0.01 * rng.normal(size=(VERTICES, 3, 207)),
        "J_regressor": rng.dirichlet(np.ones(VERTICES), 24),
        "weights": rng.dirichlet(np.ones(24), VERTICES),
        "kintree_table": np.array([[2**32 - 1, *PARENTS[1:]], range(24)], np.uint32),
        "f": rng.integers(0, VERTICES, (12, 3)).astype(np.uint32),
    }


@pytest.fixture
def npz(model, tmp_path):
    np.savez(tmp_path / "SMPL_NEUTRAL.npz", **model)
    return tmp_path / "SMPL_NEUTRAL.npz"


def test_the_pelvis_stays_at_root_m_whatever_the_shape(npz, motion):
    thin, other = SmplBody(npz), SmplBody(npz, betas=[2.0, -1.0])
    assert (thin.rest_pelvis_m - other.rest_pelvis_m).norm() > 1e-3
    for body in (thin, other):
        torch.testing.assert_close(body.joints(motion)[:, 0], motion.root_m)
    assert (thin.joints(motion) - other.joints(motion)).abs().max() > 1e-3


def test_vertices_of_a_long_motion_are_those_of_its_parts(npz, motion):
    body = SmplBody(npz)
    long = body.vertices(type(motion)(*(t.repeat(3, *[1] * (t.ndim - 1)) for t in (
        motion.rotations, motion.root_m, motion.contacts
    ))))  # fmt: skip
    assert long.shape == (180, VERTICES, 3)
    torch.testing.assert_close(long[120:], body.vertices(motion))


def test_turning_the_dancer_turns_the_mesh(npz, motion):
    """Vertices live in our z-up world: turning the motion about z turns them, whatever the body's rest axes."""
    from core_vimo.motion import turn
    from core_vimo.rotations import about_z

    body = SmplBody(npz)
    turned = body.vertices(turn(motion, 0.7))
    torch.testing.assert_close(turned, body.vertices(motion) @ about_z(0.7).T, atol=1e-5, rtol=0)


@pytest.mark.parametrize("protocol", [2, 4])
def test_the_old_pickles_give_the_same_body_and_run_nothing(model, npz, motion, tmp_path, protocol, monkeypatch):
    class Ch:
        def __init__(self, x):
            self.x = x

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    module = types.ModuleType("chumpy.ch")
    module.Ch = Ch
    content = model | {
        "J_regressor": scipy.sparse.csc_matrix(model["J_regressor"]),
        "shapedirs": Ch(model["shapedirs"]),
        "v_template": Ch(model["v_template"]),
        "bs_style": "lbs",
        "J": Ch(np.zeros((24, 3))),
    }
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
        patch.setitem(sys.modules, "chumpy.ch", module)
        data = pickle.dumps(content, protocol)
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(data)
    assert "chumpy" not in sys.modules
    torch.testing.assert_close(SmplBody(path).vertices(motion), SmplBody(npz).vertices(motion))


def test_without_smplx_the_extra_is_named(npz, monkeypatch):
    real = builtins.__import__

    def refusing(name, *arguments, **keywords):
        if name.split(".")[0] == "smplx":
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", refusing)
    with pytest.raises(MissingExtraError, match=r"vimo-suite\[smpl\]"):
        SmplBody(npz)


@pytest.mark.parametrize(
    "change",
    [
        {"v_template": None},
        {"v_template": np.zeros((VERTICES, 2))},
        {"v_template": np.full((VERTICES, 3), np.nan)},
        {"shapedirs": np.zeros((VERTICES, 3, 0))},
        {"shapedirs": np.zeros((VERTICES, 3, 301))},
        {"posedirs": np.zeros((VERTICES, 3, 459))},
        {"J_regressor": np.zeros((52, VERTICES))},
        {"weights": np.full((VERTICES, 24), "a")},
        {"kintree_table": np.zeros((2, 24), np.uint32)},
        {"f": np.zeros((4, 4), np.int64)},
        {"f": np.array(3)},
    ],
)
def test_what_is_no_smpl_model_is_named(model, tmp_path, change):
    arrays = {key: value for key, value in (model | change).items() if value is not None}
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(InputError, match=r"other\.npz"):
        SmplBody(tmp_path / "other.npz")


@pytest.mark.parametrize("betas", [np.zeros(11), np.zeros((1, 10)), [np.nan]])
def test_betas_must_fit(npz, betas):
    with pytest.raises(InputError, match="at most 10 finite numbers"):
        SmplBody(npz, betas=betas)


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"\.npz or \.pkl"):
        SmplBody(tmp_path / "model.obj")
