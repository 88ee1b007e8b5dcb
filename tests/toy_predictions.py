"""Predictions of a toy corpus, as an experiment leaves them, and their evaluation as the stage does it."""

import numpy as np
from feature_files import corpus

from pipeline.config.scoring import ScoringParams
from pipeline.evaluation.comparison import compare, write_comparisons
from pipeline.evaluation.evaluation import evaluate, write_details, write_scores
from pipeline.experiments.predictions import Predictions
from pipeline.report.pictures.pictures import write_pictures
from pipeline.report.summary import write_summary

FAST = ScoringParams(bootstrap=200)
CLASSES = ["angry", "sad"]
ROWS = corpus(speakers=4, emotions=("angry", "sad"), takes=2)


def predictions(right=0.9, corpus_name="toy", **card):
    """Leave one speaker out over ROWS, with noisy copies in training; each fold's first utterance is mistaken."""
    found = Predictions(CLASSES)
    for number in range(4):
        test, validation = f"s{number}", f"s{(number + 1) % 4}"
        keys = {"train": [], "validation": [], "test": []}
        for row in ROWS:
            part = {test: "test", validation: "validation"}.get(row.speaker, "train")
            keys[part].append(row.key)
        keys["train"] += [f"{key}@10dB" for key in keys["train"]]
        for part in ("test", "validation"):
            for i, key in enumerate(keys[part]):
                label = ("sad" in key) ^ (i == 0)
                emotion, speaker = "sad" if "sad" in key else "angry", key.split("-")[0]
                found.add(number, part, [key], [emotion], [speaker], certain_row(label, right))
        found.folds.append(keys)
        found.curves += [{"fold": number, "epoch": 1, "train_loss": 1.25}]
        found.curves += [
            {"fold": number, "epoch": 2, "train_loss": 0.5, "train_acc": 0.5, "valid_loss": 0.75, "valid_acc": 1.0}
        ]
    found.card = {
        "name": "toy",
        "system": "toy",
        "corpus": corpus_name,
        "protocol": {"scheme": "leave_one_speaker_out"},
        "speaker_dependent": False,
        "random_backbone": False,
        "params": {},
        **card,
    }
    return found


def without_validation(found):
    """The same predictions, of a protocol without validation parts."""
    keep = [i for i, part in enumerate(found.part) if part != "validation"]
    for name in ("fold", "part", "keys", "emotions", "speakers", "rows"):
        setattr(found, name, [getattr(found, name)[i] for i in keep])
    for fold in found.folds:
        fold["validation"] = []
    return found


def certain_row(label, right):
    return np.array([[1 - right, right] if label else [right, 1 - right]])


def files_in(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run(folder, found, rows=ROWS, synthetic=(), published=None, left_out=None):
    """Score predictions, and write what the stage writes, without the pictures."""
    results = evaluate(found, rows, FAST, 0)
    write_scores(results, folder / "scores.json")
    write_details(results, found, folder)
    write_comparisons(compare(found, FAST, 0), folder / "comparisons.csv")
    write_summary(folder / "summary.md", results, found, set(synthetic), FAST.confidence, published, left_out)
    return results


def drawn(folder, found, synthetic=()):
    """Score predictions, and write what the stage writes, the pictures too."""
    results = run(folder, found, synthetic=synthetic)
    write_pictures(folder / "plots", results, found, set(synthetic), FAST.confidence, {})
    return results


def summary(folder):
    """Experiment -> its cells by column, and footnote mark -> its line, of the first table, that of scores."""
    found = {}
    columns = []
    for line in (folder / "summary.md").read_text().partition("\n## ")[0].splitlines():
        if line.startswith("| experiment"):
            columns = [cell.strip().split(" ")[0] for cell in line.strip("|").split("|")]
        elif line.startswith("| "):
            cells = [cell.strip() for cell in line[1:-1].split("|")]
            found[cells[0]] = dict(zip(columns, cells, strict=True))
        elif line.startswith("["):
            found[line[:3]] = line
    return found
