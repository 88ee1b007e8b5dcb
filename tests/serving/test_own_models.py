"""Self-supervised models that a project names itself are no stranger's choice."""

import shutil
from pathlib import Path

import pytest
from bad_inputs import model_folder

from pipeline import paths
from pipeline.config.document import validated
from pipeline.errors import UserError
from pipeline.experiments.model_folder import checked_numbers
from pipeline.serving.backbones import Backbones, named_models
from pipeline.serving.models import read_models


def test_folders_that_the_projects_own_params_name_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").mkdir()
    (tmp_path / "models/card").mkdir(parents=True)
    params, _ = validated({"embeddings": {"own": {"model": str(tmp_path / "weights"), "layers": [1]}}})
    own = named_models(params)
    assert own == {str(tmp_path / "weights")}
    name = str(tmp_path / "weights")
    for called in (name, "weights"):  # as an export names it
        assert Backbones(own=lambda: own).place(called, tmp_path / "models/card", "card") == name
    with pytest.raises(UserError, match="lies outside the folder; give its place as --ssl-model PATH"):
        Backbones().place(name, tmp_path / "models/card", "card")


def test_own_models_may_be_links_into_dvcs_cache_and_nobody_elses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model_folder.write(tmp_path)
    own = tmp_path / "data/models/mine"
    shutil.copytree("model", own)
    for number, name in enumerate(("card.json", "fold_00.safetensors")):
        cached = tmp_path / ".dvc/cache/files/md5/ab" / f"{number:030x}"
        cached.parent.mkdir(parents=True, exist_ok=True)
        (own / name).rename(cached)
        (own / name).symlink_to(cached)
    model = read_models(paths.models("mine"))
    assert model.card.name == "mine"
    checked_numbers(model.folder, 0, model.card.weights[0])
    (tmp_path / "linked").symlink_to("model")
    assert read_models(Path("linked")).card.name == "mine"
    shutil.copytree(own, "copy", symlinks=True)
    with pytest.raises(UserError, match=r"card.json: is a link out of the folder; copy what it leads to"):
        read_models(Path("copy"))
    (own / "card.json").unlink()
    (own / "card.json").symlink_to("../../../model/card.json")
    with pytest.raises(UserError, match=r"card.json: is a link out of the folder"):
        read_models(paths.models("mine"))
