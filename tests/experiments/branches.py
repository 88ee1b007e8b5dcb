"""Branches of a fusion: predictions of three folds, drawn at random."""

import numpy as np

from pipeline.experiments.predictions import Predictions

CLASSES = ["angry", "happy", "sad"]
FOLDS = 3
PARTS = ("test", "validation", "training")


def probabilities(rng, labels, skill):
    """Rows that point to the label, the more so the higher the skill."""
    logits = rng.standard_normal((len(labels), len(CLASSES)))
    logits[np.arange(len(labels)), labels] += skill
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def speaker_of(key):
    """Six speakers in each fold's part, of two utterances each."""
    return f"{key[:2]}s{int(key[-2:]) // 2}"


def branch(seed, skill, shuffle=False, parts=PARTS, **card):
    """Predictions of 3 folds with 12 utterances in each part; labels do not depend on the seed."""
    rng = np.random.default_rng(seed)
    found = Predictions(CLASSES)
    for fold in range(FOLDS):
        keys = {part: [f"k{(fold + i) % FOLDS}-{n:02d}" for n in range(12)] for i, part in enumerate(PARTS)}
        for part, names in keys.items():
            labels = [int(name[-2:]) % 3 for name in names]
            rows = probabilities(rng, labels, skill)
            order = rng.permutation(12) if shuffle else np.arange(12)
            if part in parts:
                emotions = [CLASSES[label] for label in labels]
                speakers = [speaker_of(name) for name in names]
                found.add(
                    fold, part, *([column[i] for i in order] for column in (names, emotions, speakers)), rows[order]
                )
        found.folds.append({"train": keys["training"], "validation": keys["validation"], "test": keys["test"]})
    found.card = {
        "corpus": "toy",
        "protocol": {"scheme": "leave_one_speaker_out"},
        "speaker_dependent": False,
        "seed": 0,
        "random_backbone": False,
        "params": {},
        **card,
    }
    return found


def by_key(found, part="test"):
    return {(found.fold[i], found.keys[i]): found.rows[i] for i in found.where(part)}


def rows_of(fused, fold, part="test"):
    return fused.probabilities(fused.where(part, fold))


def stacked(branches, part, fold):
    """[p_1; ...; p_N] and labels of one part of one fold, aligned by key, by hand."""
    tables = [by_key(found, part) for found in branches]
    places = [place for place in tables[0] if place[0] == fold]
    table = np.array([np.concatenate([rows[place] for rows in tables]) for place in places])
    return table, [int(key[-2:]) % 3 for _, key in places], places
