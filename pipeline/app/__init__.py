"""Trained models in a browser and over HTTP."""
