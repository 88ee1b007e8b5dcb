"""A project with two corpora of noise, `one` and `two`, whose keys and speakers have the same names."""

from dataclasses import replace

import numpy as np
import yaml
from feature_files import corpus, write_features

from pipeline import paths
from pipeline.audio.fingerprint import Fingerprint
from pipeline.corpora import manifest, prints

PARAMS = {
    "corpora": {name: {"reader": "folder", "root": f"raw/{name}"} for name in ("one", "two")},
    "features": {"cepstra": {"extractor": "mfcc"}},
    "protocols": {
        "speakers": {"scheme": "grouped_kfold", "folds": 2, "validation_speakers": 0},
        "corpora": {"scheme": "leave_one_corpus_out", "validation_speakers": 0},
        "random": {"scheme": "stratified_split", "validation": 0, "test": 0.5},
    },
    "class_sets": {"three": ["angry", {"glad": ["happy", "excited"]}, "sad"]},
    "experiments": {
        "both": {
            "system": "pooled",
            "corpus": ["one", "two"],
            "protocol": "corpora",
            "emotions": "three",
            "mfcc": "cepstra",
        }
    },
    "scoring": {"bootstrap": 100},
}

MEANS = {"angry": 0.0, "happy": 2.0, "excited": 2.0, "neutral": 4.0, "sad": 6.0}


def experiment_params(**changed):
    """params.yaml with these keys of the experiment `both` changed; None takes one out."""
    entry = {**PARAMS["experiments"]["both"], **changed}
    entry = {key: value for key, value in entry.items() if value is not None}
    return {**PARAMS, "experiments": {"both": entry}}


def write_corpora(folder, params=PARAMS, same=(), near=(), **speakers):
    """Write manifests, fingerprints, features and params.yaml into `folder`, which is the working folder.

    `same` are keys whose recordings both corpora have, and `near` those that only sound the same in both.

    Corpus `two` says excited where `one` says happy. Emotions differ in the mean of the frames.
    """
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    rng, found, shared, heard = np.random.default_rng(0), {}, {}, {}
    for name in ("one", "two"):
        rows = [replace(row, dataset=name) for row in corpus(speakers=speakers.get(name, 3))]
        if name == "two":
            rows = [replace(row, emotion="excited") if row.emotion == "happy" else row for row in rows]
        frames = {row.key: rng.normal(MEANS[row.emotion], 0.3, (12, 5)).astype(np.float32) for row in rows}
        frames |= {key: shared.setdefault(key, frames[key]) for key in same}
        (folder / "raw" / name).mkdir(parents=True)
        manifest.write(folder / paths.manifest(name), rows)
        sounds = {row.key: fingerprint_of(name, row.key) for row in rows}
        prints.write(name, sounds | {key: heard.setdefault(key, sounds[key]) for key in near})
        path = folder / paths.feature_file(name, "cepstra", embedding=False)
        path.parent.mkdir(parents=True)
        write_features(path, frames, "mfcc")
        found[name] = rows
    return found


def fingerprint_of(*names):
    """A fingerprint of 100 random words, another one for each recording."""
    rng = np.random.default_rng([*"/".join(names).encode()])
    return Fingerprint(rng.bytes(32).hex(), rng.integers(0, 1 << 32, 100, np.uint32), np.ones(100, np.bool_))
