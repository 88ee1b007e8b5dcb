"""Examples in docstrings and in examples/ run, as they stand there, in a project of one small corpus."""

import doctest
import re
from importlib import import_module

import pytest
import yaml
from conftest import REPOSITORY
from toy_project import write_project

from pipeline.config.document import load
from pipeline.config.unmet import unmet_demands

MODULES = (
    "pipeline.experiments.corpus_data",
    "pipeline.systems.cnn",
    "pipeline.systems.functionals",
    "pipeline.systems.pooled",
    "pipeline.systems.probe",
    "pipeline.systems.view",
)


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", MODULES)
def test_docstrings_say_what_happens(name):
    failed, tried = doctest.testmod(import_module(name))
    assert tried
    assert not failed


def test_every_module_with_examples_is_among_them():
    pattern = re.compile(r"^ +>>> ", re.MULTILINE)
    files = [path for path in (REPOSITORY / "pipeline").rglob("*.py") if pattern.search(path.read_text("utf-8"))]
    found = {".".join(path.relative_to(REPOSITORY).with_suffix("").parts) for path in files}
    assert found == {*MODULES}


def test_the_example_with_scikit_learn_runs(capsys):
    text = (REPOSITORY / "examples/scikit_learn.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    (block,) = [block for block in blocks if "load_corpus" in block]
    assert len(re.findall(r"\S.*", block)) == 10
    exec(compile(block, "scikit_learn.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["Pipeline", "Pooled"]
    assert all(re.fullmatch(r"\w+: UA \d\.\d\d", line) for line in lines)


def test_the_readmes_experiment_has_the_features_that_it_asks_for(tmp_path):
    text = (REPOSITORY / "README.md").read_text("utf-8")
    shown = yaml.safe_load(re.findall(r"^```yaml\n(.*?)^```$", text, re.M | re.S)[0])
    del shown["fusions"], shown["keep"]  # of entries that are not shown
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(shown))
    assert not unmet_demands(load())
