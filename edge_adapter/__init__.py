"""Music to dance: features, beats, the EDGE-style backbone, long songs."""

import core_vimo.numba_cache  # noqa: F401  before any module here imports librosa
