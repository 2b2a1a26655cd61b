"""Music to dance: features, beats, the EDGE-style backbone, long songs."""

import core_vimo.cache  # noqa: F401  before any module here imports librosa
