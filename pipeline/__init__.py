"""A staged, cached and reproducible pipeline for speech emotion recognition research."""

__version__ = "0.1.0"
