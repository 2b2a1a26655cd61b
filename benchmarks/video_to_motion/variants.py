"""What is tried: the report's choices, one at a time, from one common base."""

from collections.abc import Mapping

BASE = "average"
"""Averaged weighting, one timestep a window, one FiLM for a block's branches: the row all choices share."""

_BASE = {"diffusion.weighting": "average", "diffusion.ptss": "0.0", "model.film": "shared"}

VARIANTS: Mapping[str, Mapping[str, str]] = {
    BASE: _BASE,
    "constant": _BASE | {"diffusion.weighting": "constant"},
    "min_snr": _BASE | {"diffusion.weighting": "min_snr"},
    "sqrt_cap": _BASE | {"diffusion.weighting": "sqrt_cap"},
    "ptss": _BASE | {"diffusion.ptss": "[[0,0.2],[1,0.5]]"},
    "film_separate": _BASE | {"model.film": "separate"},
}
"""Name -> settings, over `+experiment=vimo_small`."""

CHOICES: Mapping[str, Mapping[str, str]] = {
    "Weighting of noise levels": {
        "constant": "constant",
        "min_snr": "min SNR, gamma 5",
        "sqrt_cap": "square root, capped",
        BASE: "average",
    },
    "Per-frame timesteps (PTSS)": {BASE: "off", "ptss": "0.2, rising to 0.5"},
    "FiLM": {BASE: "version 1, shared", "film_separate": "version 2, separate"},
}
"""The tables: variant -> what it is called there."""
