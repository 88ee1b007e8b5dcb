"""Self-supervised models that a project names itself are no stranger's choice."""

import pytest

from pipeline.config.document import validated
from pipeline.errors import UserError
from pipeline.serving.backbones import Backbones, named_models


def test_folders_that_the_projects_own_params_name_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").mkdir()
    (tmp_path / "models/card").mkdir(parents=True)
    params, _ = validated({"embeddings": {"own": {"model": str(tmp_path / "weights"), "layers": [1]}}})
    own = named_models(params)
    assert own == {str(tmp_path / "weights")}
    name = str(tmp_path / "weights")
    assert Backbones(own=own).place(name, tmp_path / "models/card") == name
    with pytest.raises(UserError, match="lies outside the folder; give its place as --ssl-model PATH"):
        Backbones().place(name, tmp_path / "models/card")
