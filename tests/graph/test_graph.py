"""dvc.yaml against the code: every stage depends on the modules that make its results."""

import ast
from functools import cache
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY

from pipeline.features import EXTRACTORS
from pipeline.systems import systems

STAGES = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
PARAMS = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))


def body(stage):
    return STAGES[stage].get("do", STAGES[stage])


@cache
def imported(path):
    """The modules of the package that a module imports, directly."""
    found = set()
    for node in ast.walk(ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipeline"):
            place = Path(*node.module.split("."))
            names = [place.with_suffix(".py"), *(place / f"{alias.name}.py" for alias in node.names)]
            found |= {name.as_posix() for name in names if (REPOSITORY / name).is_file()}
    return found


def needed(path):
    """All modules of a module's own doing: those below it too."""
    seen, ahead = set(), [path]
    while ahead:
        path = ahead.pop()
        if path not in seen:
            seen.add(path)
            ahead += imported(path)
    return seen


def declared(stage):
    """The modules that a stage depends on; a folder stands for all that is in it."""
    found = set()
    for dep in body(stage)["deps"]:
        path = REPOSITORY / dep
        if path.is_dir() and dep.startswith("pipeline"):
            found |= {inner.relative_to(REPOSITORY).as_posix() for inner in path.rglob("*.py")}
        else:
            found.add(dep)
    return found


FOLDERS = ("systems/", "layers/", "neural/", "features/ssl", "normalisation.py", "functionals.py")
OWN = tuple(f"pipeline/{name}" for name in FOLDERS)


@pytest.mark.parametrize("name", systems())
def test_a_systems_stage_depends_on_what_it_computes_with(name):
    entry = systems()[name]
    module = entry.module.replace(".", "/") + ".py"
    wanted = {path for path in needed(module) if path.startswith(OWN) and not path.endswith("__init__.py")}
    assert wanted <= declared(name)
    assert {
        "stages/train.py",
        "pipeline/experiments/cross_validation.py",
        "pipeline/systems/view.py",
        "pipeline/experiments/protocols.py",
    } <= declared(name)
    assert {"seed", f"experiments.{name}.${{key}}", "protocols.${item.protocol}"} == set(body(name)["params"])
    assert STAGES[name]["foreach"] == f"${{experiments.{name}}}"
    assert name in PARAMS["experiments"], f"params.yaml: experiments has no {name}, not even {{}}"
    for role in entry.roles:
        folder = "embeddings" if role == "ssl" else "features"
        for corpus in ("corpus", "copies"):
            assert f"data/{folder}/${{item.{corpus}}}/${{item.{role}}}.h5" in body(name)["deps"], (role, corpus)


@pytest.mark.parametrize("name", EXTRACTORS)
def test_a_features_stages_depend_on_what_it_computes_with(name):
    module = EXTRACTORS[name].module.replace(".", "/") + ".py"
    wanted = {path for path in needed(module) if path.startswith("pipeline/features/")}
    wanted = {path for path in wanted if not path.endswith("__init__.py")} | {"pipeline/features/presets.py"}
    section = "embeddings" if name == "ssl" else f"features.{name}"
    assert name == "ssl" or name in PARAMS["features"], f"params.yaml: features has no {name}, not even {{}}"
    for stage in (name, f"copies_{name}"):
        if stage.startswith("copies_") and name not in PARAMS["copied"]:
            continue
        assert wanted | {f"pipeline/{name}.py" for name in ("audio", "extract", "assembly", "store")} <= declared(stage)
        assert f"{section}.${{item.feature}}" in body(stage)["params"]


def test_every_module_that_is_a_dependency_exists():
    for stage in STAGES:
        for dep in body(stage)["deps"]:
            assert "$" in dep or dep.startswith("data") or (REPOSITORY / dep).exists(), f"{stage}: {dep}"


def test_every_stage_says_what_it_does():
    for stage in STAGES:
        assert body(stage)["desc"], stage
