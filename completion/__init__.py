"""Complete and blend motions: the constraints of `core_vimo.diffusion` in the words of a choreographer."""
