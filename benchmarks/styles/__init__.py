"""A style taught with a few clips: by a branch, by fine-tuning, and not at all."""
