"""Learning from 2D: whether its loss is that of 3D, and what is learned by it."""
