"""Music to dance: features, beats, the EDGE-style backbone, long songs."""
