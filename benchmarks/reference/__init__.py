"""The reference's way of working, written anew and plainly: what the suite's own way is measured against.

EDGE (Tseng et al., CVPR 2023) is the reference. Nothing of its code is here; what it does, and in which order, is.
"""
