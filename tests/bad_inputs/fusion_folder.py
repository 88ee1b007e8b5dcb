"""Exports of fusions from a stranger, through `ser predict`."""

import json
import os
import shutil

import numpy as np
from bad_inputs.model_folder import card, export_card, sign, write
from bad_inputs.registry import bad_input
from safetensors.numpy import save_file


def fusion(folder, **changes):
    """A folder of a fusion of two models, each with nothing wrong; the arguments of a prediction."""
    arguments = write(folder)
    branches = folder / "fusion/branches"
    branches.mkdir(parents=True)
    for name in ("one", "two"):
        shutil.copytree(folder / "model", branches / name, ignore=shutil.ignore_patterns("model.json"))
    params = {"of": ["one", "two"], "method": "weighted_average", "fit_on": "validation"}
    known = {key: card()[key] for key in ("name", "corpus", "classes", "folds", "seed", "random_backbone")}
    known |= {"format": "ser-fusion/2", "system": "fusion (weighted_average)", "params": params}
    known |= {"speaker_dependent": False, "transductive": False} | changes
    for fold in range(2):
        save_file({"weights": np.array([0.25, 0.75])}, folder / f"fusion/fold_{fold:02d}.safetensors")
    (folder / "fusion/card.json").write_text(json.dumps(known))
    sign(folder / "fusion")
    whole = {name: known[name] for name in ("name", "system", "classes")}
    (folder / "fusion/model.json").write_text(json.dumps(export_card(folder / "fusion") | whole))
    return ["predict", "fusion", *arguments[2:]]


@bad_input("fusion folder: a fusion of another method than its system's", says="the system is 'logistic_regression'")
def other_method(folder):
    return fusion(folder, system="logistic_regression")


@bad_input("fusion folder: a fusion's branch that is a link out of the folder", says="is a link out of the folder")
def branch_link(folder):
    arguments = fusion(folder)
    (folder / "fusion/branches/two").rename(folder / "two_outside")
    (folder / "fusion/branches/two").symlink_to("../../two_outside")
    return arguments


@bad_input("fusion folder: a fusion's file of 900 MB, of which nothing is on the disk", says="are the most")
def large_fusion(folder):
    arguments = fusion(folder)
    os.truncate(folder / "fusion/fold_00.safetensors", 900 << 20)
    return arguments
