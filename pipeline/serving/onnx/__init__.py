"""Trained models as one ONNX graph, from the waveform to the probabilities; see `export.py`."""
