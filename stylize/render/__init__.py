"""Pictures and video of motions, drawn on the CPU: a small rasteriser, a stage, an encoder, stills."""
