"""Motion vocabulary, diffusion, training, metrics and file formats."""

__version__ = "0.1.0"
