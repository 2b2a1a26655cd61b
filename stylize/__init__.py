"""Command line, recipes, pictures and files: what a person touches."""
