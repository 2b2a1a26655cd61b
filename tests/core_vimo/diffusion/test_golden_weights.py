"""Loss weights and the schedule against the report's formulas, evaluated apart (golden README §8)."""

from pathlib import Path

import numpy as np
import pytest

from core_vimo.diffusion.schedule import linear_schedule
from core_vimo.diffusion.weighting import WEIGHTINGS

NAMES = {name: name for name in ("snr", "min_cap", "sqrt_cap", "linear_cap", "average")} | {"min_snr_5": "min_snr"}


@pytest.mark.parametrize("case", ["T1000", "other"])
def test_weights_agree_at_every_timestep(golden_dir: Path, case: str) -> None:
    with np.load(golden_dir / "weights.npz", allow_pickle=False) as golden:
        schedule = linear_schedule(
            int(golden[f"{case}_T"]), float(golden[f"{case}_beta_start"]), float(golden[f"{case}_beta_end"])
        )
        np.testing.assert_allclose(schedule.alphas_cumprod, golden[f"{case}_alphas_cumprod"], rtol=1e-6)
        for theirs, ours in NAMES.items():
            weights = WEIGHTINGS[ours](schedule)
            np.testing.assert_allclose(weights, golden[f"{case}_{theirs}"], rtol=1e-6, err_msg=ours)
            np.testing.assert_allclose(weights.mean(), golden[f"{case}_{theirs}_mean"], rtol=1e-6, err_msg=ours)
