"""`ser bench store` runs, tells figures from targets, and says what it could not run. What it finds is not tested."""

import json

import pytest
from click.testing import CliRunner

from pipeline.bench import parts
from pipeline.bench.graph import copy_graph
from pipeline.bench.timing import Figure, Skipped, clocked, interleaved, table
from pipeline.cli import main

pytestmark = pytest.mark.slow

GRAPH = """\
stages:
  first:
    cmd: python first.py
    params: [seed]
    deps: [first.py, data/raw]
    outs: [made/first]
  each:
    foreach: ${names}
    do:
      cmd: python each.py ${item}
      deps: [made/first]
      outs: ["made/each-${item}": {persist: true}]
"""


def bench(*arguments):
    return CliRunner().invoke(main, ["bench", "store", *arguments])


def test_reading_and_adding(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = bench("--quick", "--only", "reads", "--only", "graph", "--json", "figures.json")
    assert result.exit_code == 1, result.output  # as a part was not run
    for words in ("plain numpy memory map", "FeatureFile.row ", ">= 90 %", "h5py, a group per utterance", "about 15 %"):
        assert words in result.stdout
    assert f"graph: not run: no dvc.yaml and params.yaml in {tmp_path}" in result.stdout
    assert result.stderr == "measuring reads ...\nmeasuring graph ...\n"
    said = json.loads((tmp_path / "figures.json").read_text())
    assert (said["benchmark"], said["quick"], list(said["skipped"])) == ("store", True, ["graph"])
    assert [figure["unit"] for figure in said["figures"]] == ["MB/s", "%", "%", "%", "%", "%"]
    assert all(figure["value"] > 0 for figure in said["figures"])
    assert said["machine"]["cores"] >= 1


@pytest.mark.parametrize("part", ["writing", "adding", "workers"])
def test_extraction(part):
    result = bench("--quick", "--only", part)
    assert part in result.stdout
    assert "not run" not in result.stdout or part == "workers"
    assert result.exit_code == ("not run" in result.stdout), result.output


def test_an_unknown_part():
    result = bench("--only", "read")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: unknown part 'read' (did you mean 'reads'?); known: reads, writing, adding, workers, graph\n"
    )


def test_the_copy_has_the_graph_and_makes_its_sources(tmp_path):
    source, folder = tmp_path / "source", tmp_path / "copy"
    source.mkdir(), folder.mkdir()
    (source / "dvc.yaml").write_text(GRAPH)
    (source / "params.yaml").write_text("seed: 0\nnames: [a, b]\n")
    assert copy_graph(source, folder) == 3
    assert (folder / "first.py").is_file()
    assert (folder / "data/raw").is_file()
    assert not (folder / "made").exists()
    assert "first.py" not in (folder / "dvc.yaml").read_text().split("cmd:")[1].splitlines()[0]


def test_a_part_that_cannot_run_is_said(tmp_path):
    def skip(folder, quick):
        raise Skipped("no disk here")

    said = []
    some = {"reads": skip, "adding": lambda *_: [Figure("adding", "x", 4, "%", below=5)]}
    assert not parts.run("store", some, (), False, tmp_path / "f.json", said.append, lambda _: None)
    assert said == [table([Figure("adding", "x", 4, "%", below=5)], {"reads": "no disk here"}), "not run: reads"]
    assert json.loads((tmp_path / "f.json").read_text())["skipped"] == {"reads": "no disk here"}


@pytest.mark.parametrize(
    ("figure", "target", "met"),
    [
        (Figure("p", "n", 90, "%", at_least=90), ">= 90 %", True),
        (Figure("p", "n", 89.9, "%", at_least=90), ">= 90 %", False),
        (Figure("p", "n", 4.9, "%", below=5), "< 5 %", True),
        (Figure("p", "n", 5, "%", below=5), "< 5 %", False),
        (Figure("p", "n", 1, "%", about=15), "about 15 %", None),
        (Figure("p", "n", 1, "s"), "", None),
    ],
)
def test_targets(figure, target, met):
    assert (figure.target, figure.met) == (target, met)
    assert {True: "met", False: "MISSED", None: "n"}[met] in table([figure], {})


def test_tasks_take_turns_and_are_warmed_up():
    order = []
    times = interleaved({name: lambda name=name: order.append(name) for name in "abc"}, 2, typical=max)
    assert "".join(order) == "abcabccba"
    assert all(0 <= value < 1 for value in times.values())


def test_time_in_functions_is_added_up():
    import time

    with clocked(time, "sleep") as spent:
        time.sleep(0.01)
        time.sleep(0.02)
    assert 0.03 <= spent["sleep"] < 1
    time.sleep(0.01)
    assert spent["sleep"] < 1
