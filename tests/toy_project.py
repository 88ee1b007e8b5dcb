"""A project with what `dvc repro` leaves of one corpus, for what reads it: 16 utterances of noise by 4 speakers."""

import numpy as np
from feature_files import corpus, write_features, write_states

from pipeline import paths
from pipeline.corpora import manifest

FEATURES = {"logmel_224": ("logmel", 16), "mfcc_39": ("mfcc", 5), "prosody": ("prosody", 7), "lpcc_24": ("lpcc", 6)}


def write_project(folder, name="demo_en"):
    """Write the manifest and the features of a corpus; returns the rows."""
    rows, rng = corpus(speakers=4), np.random.default_rng(0)
    manifest.write(folder / paths.manifest(name), rows)
    keys = [row.key for row in rows]
    for feature, (extractor, dims) in FEATURES.items():
        path = folder / paths.feature_file(name, feature, embedding=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        frames = {key: rng.normal(size=(1 if extractor == "prosody" else 12, dims)).astype(np.float32) for key in keys}
        write_features(path, frames, extractor)
    path = folder / paths.feature_file(name, "tiny", embedding=True)
    path.parent.mkdir(parents=True)
    write_states(path, keys)
    return rows
