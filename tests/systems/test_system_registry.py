"""How systems are found, and that the example of a new one works as it stands."""

import ast
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY
from feature_files import corpus, write_features

from pipeline.corpora import manifest
from pipeline.errors import ParamsError, UserError
from pipeline.experiments.predictions import Predictions
from pipeline.graph.code import code_text
from pipeline.registry import Entry
from pipeline.strict import Strict
from pipeline.systems import ROLES, find_system, systems
from pipeline.systems import _system as system_entry
from pipeline.systems.estimator import Estimator
from pipeline.systems.neural import NeuralSystem
from pipeline.systems.regression import find_regressor
from pipeline.systems.system import System

EXAMPLE = Path(__file__).parents[1] / "examples/attentive_mfcc.py"

PARAMS = """\
seed: 0
corpora:
  mine: {reader: folder, root: recordings}
features:
  cepstra: {extractor: mfcc}
protocols:
  loso: {scheme: leave_one_speaker_out}
experiments:
  first: {system: attentive_mfcc, corpus: mine, protocol: loso, mfcc: cepstra, params: {epochs: 15, batch_size: 4}}
"""


def test_every_system_is_a_classifier_of_its_name_and_roles():
    known = systems()
    assert {"caf", "pooled", "spectrogram", "wav2vec"} <= set(known)
    for name, entry in known.items():
        kind = entry.load()
        assert (kind.name, kind.roles, kind.optional) == (name, entry.roles, entry.optional)
        assert kind.accepts == entry.accepts
        assert (kind.blocks_of, kind.blocks_where) == (entry.blocks_of, entry.blocks_where)
        assert issubclass(kind, NeuralSystem) == entry.neural
        assert {*entry.roles, *entry.optional} <= set(ROLES)
        assert issubclass(kind.Params, Strict)
        assert issubclass(kind, System)
        assert not kind.__abstractmethods__, name


def test_every_system_that_loads_a_pretrained_model_says_where_it_is_named():
    """Else its networks would stand where the model's weights are replaced."""
    loads = {name for name in systems() if "pipeline/features/ssl/loading.py" in code_text(f"train-{name}.txt")}
    said = {name: entry for name, entry in systems().items() if entry.blocks_of}
    assert {*said} == loads
    for name, entry in said.items():
        known = entry.load().Params.model_fields
        assert entry.blocks_of in {*entry.roles, *entry.optional, *known}, name
        assert not entry.blocks_where or not known[entry.blocks_where].default, name
    assert {name for name in said if find_regressor(name).blocks_of} == {*said}


def test_cross_validation_calls_nothing_but_what_every_system_has():
    files = [REPOSITORY / f"pipeline/experiments/{name}.py" for name in ("cross_validation", "experiment")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    of_models = [n for n in nodes if isinstance(n, ast.Attribute) and ast.unparse(n.value) == "model"]
    assert {node.attr for node in of_models} >= {"fit", "predict_proba", "save", "history_"}
    assert {node.attr for node in of_models} <= {*dir(System), *System.__annotations__, *Estimator.__annotations__}


def test_a_classifier_that_lacks_a_method_of_systems_is_refused():
    class Lacking(NeuralSystem):
        def inputs(self, X):
            return {}

    with pytest.raises(TypeError, match="network"):
        Lacking()


def test_every_systems_params_have_defaults():
    for name, entry in systems().items():
        assert entry.load().Params().normalisation == "training", name


def test_an_unknown_system_is_refused_with_the_nearest_name():
    with pytest.raises(ParamsError, match=r"unknown system 'cafe' \(did you mean 'caf'\?\); known: .*spectrogram"):
        find_system("cafe")


@pytest.fixture
def package(tmp_path):
    """A copy of the package with the example in it; runs its modules from there."""
    for folder in ("pipeline", "stages"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(EXAMPLE, tmp_path / "pipeline/systems")
    (tmp_path / "params.yaml").write_text(PARAMS, encoding="utf-8")

    def run(module, *arguments):
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.slow
def test_the_example_trains_under_the_stage_of_every_system(package, tmp_path):
    rng = np.random.default_rng(0)
    rows = [replace(row, dataset="mine") for row in corpus(speakers=3, emotions=("angry", "sad"), takes=4)]
    manifest.write(tmp_path / "data/manifests/mine.jsonl", rows)
    level = {row.key: float(row.emotion == "sad") for row in rows}
    write_features(
        tmp_path / "data/features/mine/cepstra.h5",
        {key: rng.normal(value, 0.1, (int(rng.integers(2, 9)), 3)).astype(np.float32) for key, value in level.items()},
        "mfcc",
    )
    done = package("stages.train", "first")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("first: 3 folds, 12 trained parameters, ")
    found = Predictions.read(tmp_path / "data/predictions/first")
    tested = found.where("test")
    assert (found.probabilities(tested).argmax(axis=1) == found.labels(tested)).all()
    assert len(list((tmp_path / "data/models/first").glob("fold_*.safetensors"))) == 3


def test_a_mistake_in_a_system_file_is_one_line(package, tmp_path):
    (tmp_path / "pipeline/systems/attentive_mfcc.py").write_text("class AttentiveMFCC(NeuralSystem:\n")
    done = package("pipeline.cli", "graph")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.match(r"error: \S*attentive_mfcc\.py, line 1: not a Python module \(.*\); mend or remove", done.stderr)
    assert len(done.stderr.splitlines()) == 1


def test_two_systems_of_one_name_are_refused(package, tmp_path):
    shutil.copy(EXAMPLE, tmp_path / "pipeline/systems/again.py")
    done = package("pipeline.cli", "graph")
    assert (done.returncode, done.stdout) == (1, "")
    assert "has the name 'attentive_mfcc' of AttentiveMFCC in again.py; rename one" in done.stderr


@pytest.mark.parametrize(
    ("literals", "message"),
    [
        ({}, r"mine\.py: Mine has no roles; list the features it reads, as roles = "),
        ({"roles": ("mfc",)}, r"mine\.py: unknown role 'mfc' of mine; known: logmel, mfcc"),
        ({"roles": ("mfcc",), "optional": ("text",)}, r"mine\.py: unknown role 'text' of mine"),
    ],
)
def test_a_system_reads_some_known_roles(literals, message):
    with pytest.raises(UserError, match=message):
        system_entry("mine", Entry("pipeline.systems.mine", "Mine", literals, ("System",)))
