"""Experiments with targets from a table to the report, and beside those of classes."""

import csv
import html
import json
import re

import pytest
from in_process import ser, stage
from rated_project import POOLED, add_second, make_second, rated_project, run_all

from pipeline.experiments.values import Values

NETWORK = (
    "{system: mlp, corpus: mine, protocol: validated, logmel: mel, targets: [engagement], "
    "params: {epochs: 3, batch_size: 8}}"
)
CLASSES = "{system: pooled, corpus: mine, protocol: loso, logmel: mel}"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_project_of_classes_and_numbers(folder):
    rated_project(folder, numbers=POOLED, again=POOLED.replace("1.0", "50.0"), net=NETWORK, classes=CLASSES)
    said = run_all(("numbers", "regress"), ("again", "regress"), ("net", "regress"), ("classes", "train"))
    assert "## Dimensions" in said
    scores = json.loads((folder / "metrics/scores.json").read_text())
    assert [*scores] == ["classes", "numbers", "again", "net"]
    assert scores["numbers"]["CCC"] > 0.9
    assert scores["numbers"]["CCC_low"] < scores["numbers"]["CCC"] < scores["numbers"]["CCC_high"]
    rows = table(folder / "metrics/dimensions.csv")
    assert [(row["experiment"], row["target"], row["n"]) for row in rows] == [
        *((name, target, "27") for name in ("numbers", "again") for target in ("valence", "arousal", "mean")),
        ("net", "engagement", "28"),
    ]
    (pair,) = table(folder / "metrics/dimension_differences.csv")
    assert (pair["first"], pair["second"], pair["utterances"], pair["speakers"]) == ("numbers", "again", "27", "4")
    assert float(pair["low"]) <= float(pair["CCC_difference"]) <= float(pair["high"])
    assert [row["experiment"] for row in table(folder / "metrics/cost.csv")] == ["classes", "numbers", "again", "net"]
    curve = table(folder / "metrics/curves/net.csv")
    assert [*curve[0]] == ["fold", "epoch", "train_loss", "valid_loss", "valid_ccc"]
    assert len(curve) == 6
    assert (folder / "metrics/plots/dimensions/numbers.svg").read_text().startswith("<?xml")

    values = Values.read(folder / "data/predictions/numbers")
    assert values.card["without_targets"] == 1
    assert sum(len(fold["test"]) for fold in values.folds) == 27
    assert not {"u27"} & {*values.keys}

    assert stage("report").exit_code == 0
    page = (folder / "data/report.html").read_text(encoding="utf-8")
    assert 'id="dimensions"' in page
    assert page.count("Predicted against true numbers of") == 3
    compared = ser("compare")
    assert compared.exit_code == 0
    assert "left out: numbers, again, net; those with targets are in metrics/dimensions.csv" in compared.stderr
    assert "numbers" not in compared.stdout


def test_a_project_of_numbers_alone(folder):
    rated_project(folder, numbers=POOLED)
    said = run_all(("numbers", "regress"))
    assert said.startswith("# Scores")
    assert "without a number: 1" in said
    assert stage("report").exit_code == 0
    page = (folder / "data/report.html").read_text(encoding="utf-8")
    assert 'href="#dimensions"' in page
    assert not [name for name in ("in-short", "scores", "experiments") if f"#{name}" in page or f'id="{name}"' in page]
    assert "has no experiment of classes" in ser("compare").stderr
    audited = ser("audit", "numbers")
    assert audited.exit_code == 0, audited.stderr
    predicted = ser("predict", "numbers", "recordings/u00.wav")
    assert predicted.exit_code == 2
    assert "numbers: is an experiment of this project; export it first: `ser export numbers`" in predicted.stderr
    declared = (folder / "dvc.yaml").read_text()
    assert "stages.regress numbers" in declared
    assert "data/code/regress-pooled.txt" in declared
    assert not [name for name in ("confusion", "data/mistakes") if name in declared]


def test_the_same_inputs_give_the_same_files(folder):
    rated_project(folder, net=NETWORK)
    run_all(("net", "regress"))
    places = [folder / "data/predictions/net", folder / "data/models/net", folder / "metrics"]
    before = {path: path.read_bytes() for place in places for path in place.rglob("*") if path.is_file()}
    run_all(("net", "regress"))
    assert {path: path.read_bytes() for path in before} == before


def test_numbers_that_are_no_longer_the_manifests_are_refused(folder):
    rated_project(folder, numbers=POOLED)
    run_all(("numbers", "regress"))
    path = folder / "data/manifests/mine.jsonl"
    path.write_text(path.read_text().replace('"valence": ', '"valence": 1', 1))
    done = stage("evaluate")
    assert done.exit_code == 1
    assert "numbers: 'u00' has the valence " in done.stderr
    assert "; run `dvc repro` to bring predictions up to date" in done.stderr


@pytest.mark.parametrize(
    ("experiment", "problem"),
    [
        (
            POOLED.replace("arousal", "arosal"),
            "x.targets: 'arosal' is no dimension of corpus mine (did you mean 'arousal'?)",
        ),
        (POOLED.replace("arousal", "valence"), "x.targets: 'valence' stands twice"),
        (POOLED.replace("arousal", "dominance"), "x.targets: 'dominance' is no dimension of corpus mine"),
        (
            POOLED.replace("system: pooled", "system: svm").replace(", params: {alpha: 1.0}", ""),
            "x.system: svm takes no targets",
        ),
        (POOLED.replace("alpha", "c"), "x.params.c: unknown key"),
        (
            POOLED.replace("targets", "emotions: [happy, sad], targets"),
            "emotions is for classes, and there are targets",
        ),
    ],
)
def test_mistakes_are_named(folder, experiment, problem):
    rated_project(folder, x=experiment)
    done = ser("graph")
    assert done.exit_code == 2
    assert problem in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_fusion_of_numbers_is_refused(folder):
    rated_project(folder, x=POOLED, y=CLASSES)
    with (folder / "params.yaml").open("a") as file:
        file.write("fusions:\n  both: {of: [x, y], fit_on: other_folds}\n")
    done = ser("graph")
    assert done.exit_code == 2
    assert "fusions.both.of: 'x' has targets, and a fusion is of class probabilities; take it out" in done.stderr


VOTED = "{system: pooled, corpus: mine, protocol: loso, logmel: mel, labels: votes}"


def with_votes(folder):
    """The table, with votes for the emotions that it has."""
    path = folder / "recordings/labels.csv"
    head, *lines = path.read_text().splitlines()
    votes = [",3,1" if ",happy," in line else ",1,2" for line in lines]
    rows = [line + own for line, own in zip(lines, votes, strict=True)]
    path.write_text("\n".join([f"{head},votes_happy,votes_sad", *rows, ""]))


@pytest.mark.parametrize("system", ["pooled", "probe, params: {c: [0.3, 3.0]}"])
def test_classes_are_learnt_from_votes(folder, system):
    rated_project(folder, hard=CLASSES.replace("pooled", system), soft=VOTED.replace("pooled", system))
    with_votes(folder)
    run_all(("hard", "train"), ("soft", "train"))
    hard, soft = (
        json.loads((folder / f"metrics/details/{name}.json").read_text())["votes"] for name in ("hard", "soft")
    )
    assert soft["cross_entropy"] < hard["cross_entropy"]
    assert 0 <= soft["KL"] < hard["KL"]
    assert soft["utterances"] == 28
    assert json.loads((folder / "data/models/soft/card.json").read_text())["labels"] == "votes"
    assert "labels" not in json.loads((folder / "data/models/hard/card.json").read_text())
    row = rf"\| soft +\| {soft['cross_entropy']:.3f} +\| {soft['KL']:.3f} +\| 28 +\|"
    assert re.search(row, (folder / "metrics/summary.md").read_text().partition("## Raters' votes")[2])
    assert stage("report").exit_code == 0
    page = html.unescape((folder / "data/report.html").read_text(encoding="utf-8"))
    assert f"<td>{soft['cross_entropy']:.3f}</td><td>{soft['KL']:.3f}</td>" in page
    for text in (page, (folder / "metrics/summary.md").read_text()):
        assert text.count("4 folds, trained on raters' votes") == 1


@pytest.mark.parametrize(
    ("experiment", "problem"),
    [
        (VOTED, "x.labels: no recording of corpus mine has votes; its table has none in columns as votes_angry"),
        (
            VOTED.replace("system: pooled", "system: svm"),
            "x.labels: svm takes no votes; those that do are ",
        ),
        (VOTED.replace("labels", "targets: [valence], labels"), "labels: votes is for classes, and there are targets"),
    ],
)
def test_votes_that_are_not_there_are_named(folder, experiment, problem):
    rated_project(folder, x=experiment)
    done = ser("graph")
    assert done.exit_code == 2
    assert problem in done.stderr


@pytest.mark.parametrize("form", ["hf_datasets", "audformat"])
def test_numbers_of_other_formats_are_targets(form, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rated_project(tmp_path, numbers=POOLED, third=POOLED.replace("arousal", "engagement"))
    table = (tmp_path / "recordings/labels.csv").read_text().replace("path,", "file_name,")
    if form == "audformat":
        table = table.replace("file_name,", "file,")
        columns = {name: {} for name in table.splitlines()[0].split(",")[1:]}
        header = {"name": "d", "tables": {"t": {"type": "filewise", "columns": columns}}}
        (tmp_path / "recordings/db.yaml").write_text(json.dumps(header))
    (tmp_path / "recordings" / {"audformat": "db.t.csv"}.get(form, "metadata.csv")).write_text(table)
    params = tmp_path / "params.yaml"
    params.write_text(params.read_text().replace("reader: folder, root: recordings, table: labels.csv",
                                                 f"reader: {form}, root: recordings"))  # fmt: skip
    assert ser("graph").exit_code == 0
    assert stage("manifest", "mine").exit_code == 0
    rows = [json.loads(line) for line in (tmp_path / "data/manifests/mine.jsonl").read_text().splitlines()]
    assert {*rows[0]["dimensions"]} == {"valence", "arousal", "engagement"}
    params.write_text(params.read_text().replace("targets: [valence, arousal]", "targets: [arousel]"))
    assert "'arousel' is no dimension of corpus mine (did you mean 'arousal'?)" in ser("graph").stderr


JOINT = "{system: pooled, corpus: [mine, other], protocol: loso, logmel: mel, targets: [valence, arousal]}"


def test_numbers_on_two_scales_are_a_warning(folder):
    rated_project(folder, both=JOINT)
    add_second(folder, scale=3)
    graph = ser("graph")
    assert graph.exit_code == 0, graph.stderr
    make_second()
    done = stage("regress", "both")
    assert done.exit_code == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert re.match(
        r"warning: both: valence is 1\S* to [45]\S* in mine, [34]\S* to 1[345]\S* in other: the scales", line
    )
