"""Features that every system can read, of few utterances, and params with which each is trained in a moment."""

import numpy as np
from feature_files import write_features, write_logmel, write_states

from pipeline.systems import systems

TINY = {
    "epochs": 2,
    "batch_size": 8,
    "accumulate": 1,
    "learning_rate": 1e-3,
    "patience": 0,
    "stream_dim": 16,
    "width": 16,
    "lstm_units": 8,
    "heads": 2,
    "head_width": 8,
    "feed_forward": 16,
    "depth": 1,
    "units": 8,
    "hidden": {"cnn": 8, "mlp": [8]},
    "channels": {"serct": 8, "cnn": [8], "cnn_bilstm": [8]},
    "unfreeze_blocks": 1,
    "layer": 9,
}
"""param -> its value, or those of the systems whose params differ in kind"""


def tiny_params(name):
    """Those of TINY that a system has."""
    chosen = {}
    for param in TINY.keys() & systems()[name].load().Params.model_fields.keys():
        value = TINY[param]
        if not isinstance(value, dict):
            chosen[param] = value
        elif name in value:
            chosen[param] = value[name]
    return chosen


def write_every_role(folder, keys, seed=0):
    """Role -> a feature file of noise: ragged, but for log-Mels; and the same of one length, for HuMP-CAT."""
    rng = np.random.default_rng(seed)

    def noise(lengths, dims, scale=1, dtype=np.float32):
        return {key: rng.normal(0, scale, (int(rng.integers(*lengths)), dims)).astype(dtype) for key in keys}

    def write(name, frames):
        return write_features(folder / f"{name}.h5", frames, name.split("_")[0])

    ragged = {
        "logmel": write_logmel(folder / "logmel.h5", keys, seed=seed),
        "mfcc": write("mfcc", noise((9, 25), 5)),
        "opensmile": write("opensmile", noise((1, 2), 9)),
        "prosody": write("prosody", noise((1, 2), 7)),
        "ssl": write_states(folder / "ssl.h5", keys, seed=seed),
        "waveform": write_features(
            folder / "waveform.h5", noise((900, 1600), 1, 3000, np.int16), "waveform", frame_rate=16000.0
        ),
    }
    even = {
        "mfcc": write("mfcc_even", noise((20, 21), 5)),
        "ssl": write_states(folder / "ssl_even.h5", keys, lengths=(24, 25), seed=seed),
    }
    return ragged, ragged | even


def files_of(name, files):
    """Role -> file for a system, of what `write_every_role` gives."""
    ragged, even = files
    entry = systems()[name]
    return {role: (even if name.startswith("hump_cat") else ragged)[role] for role in entry.roles or entry.optional}
