"""Exports of models of numbers from a stranger, through `ser predict`, and what asks them for emotions."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import soundfile
from bad_inputs import model_folder
from bad_inputs.registry import bad_input
from conftest import tone
from safetensors.numpy import save_file

FIGURE = {"value": 0.5, "low": 0.4, "high": 0.6}
TARGETS = ["valence", "arousal"]


def card():
    """The card of a ridge regression of two folds."""
    own = {"format": "ser-regressor/1", "task": "regression", "targets": TARGETS, "without_targets": 0}
    others = {name: value for name, value in model_folder.card().items() if name not in ("classes", "folds")}
    return others | own | {"params": {"normalisation": "training", "alpha": 1.0}}


def scales(**changes):
    """What an export says of its targets."""
    return {name: {"lowest": 1.0, "highest": 5.0, "CCC": FIGURE, "MSE": FIGURE} | changes for name in TARGETS}


def write(folder, of_card=None, of_export=None, weight=0.01):
    """An export with nothing wrong but the changes, and a recording; the arguments of a prediction."""
    (folder / "model").mkdir()
    soundfile.write(folder / "a.wav", tone(0.3), 16000)
    dims = model_folder.dimensions()
    numbers = {"mean": np.zeros(dims), "scale": np.ones(dims), "bias": np.zeros(2)}
    numbers["weight"] = np.full((2, dims), weight)
    files = [folder / f"model/fold_{fold:02d}.safetensors" for fold in range(2)]
    for file in files:
        save_file(numbers, file)
    known = card() | {"weights": [sha256(file.read_bytes()).hexdigest() for file in files]} | (of_card or {})
    (folder / "model/card.json").write_text(json.dumps(known))
    like = model_folder.export_card(folder / "model")
    del like["classes"]
    own = {
        "format": "ser-regressor-export/1",
        "task": "regression",
        "targets": scales(),
        "scores": {"CCC": FIGURE},
        "experiments": {"mine": {name: known[name] for name in ("system", "params", "features")}},
    }
    (folder / "model/model.json").write_text(json.dumps(like | own | (of_export or {})))
    return ["predict", "model", "a.wav"]


def put(name, says, **changes):
    def make(folder: Path) -> list[str]:
        return write(folder, **changes)

    make.__module__ = __name__
    bad_input(f"regressor folder: {name}", says=says)(make)


NO_CARD = "is no card of trained models"

LATER, BESIDE = {"format": "ser-regressor-export/2"}, FIGURE | {"low": 0.55}

put("an export of a later version", f"model/model.json: {NO_CARD} (format: ", of_export=LATER)
put("a scale upside down", "lowest number is above the highest", of_export={"targets": scales(lowest=6.0)})
put("an interval beside its error", "interval of MSE does not hold it", of_export={"targets": scales(MSE=BESIDE)})
put("targets of other models", "model.json: is of other models than card.json", of_card={"targets": TARGETS[::-1]})
put("a target twice", f"{NO_CARD} (targets: a target stands twice", of_card={"targets": ["valence"] * 2})
put("a system of classes alone", "takes no targets; those that do are", of_card={"system": "svm"})
put("no models", "there are no models", of_card={"weights": []})
put("numbers that overflow", "fold_00.safetensors: its numbers give none that are finite", weight=1e308)


@bad_input("regressor folder: asked for probabilities", says="--abstain-below 0.5: mine gives no probabilities", code=2)
def asked_for_probabilities(folder: Path) -> list[str]:
    return [*write(folder), "--abstain-below", "0.5"]


@bad_input(
    "regressor folder: on the page", says="model: predicts numbers (valence, arousal), and here emotions are needed"
)
def on_the_page(folder: Path) -> list[str]:
    write(folder)
    return ["app", "model"]
