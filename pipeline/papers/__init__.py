"""Presets: the experiments of one table of a published paper, with its figures, ready to be put into params.yaml."""
