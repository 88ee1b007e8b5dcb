"""Transfers of experiments with targets, from params.yaml to the report and to an export."""

import csv
import json
import re

import pytest
from in_process import ser, stage
from rated_project import POOLED, add_second, make_second, rated_project

from pipeline.experiments.values import Values

THEIRS = POOLED.replace("mine", "other")
NETWORK = (
    "{system: mlp, corpus: mine, protocol: validated, logmel: mel, targets: [valence], "
    "params: {epochs: 3, batch_size: 8}}"
)
TRANSFERS = {
    "zero": "{source: numbers, corpus: other, share: 0}",
    "back": "{source: theirs, corpus: mine, share: 0, params: {normalisation: per_corpus}}",
    "refitted": "{source: numbers, corpus: other, share: 0.5, draws: 2}",
    "tuned": "{source: net, corpus: other, share: 0.5, draws: 2, tune: head, params: {epochs: 2}}",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def with_transfers(folder, transfers, scale=1, **experiments):
    rated_project(folder, **experiments)
    add_second(folder, scale)
    lines = "".join(f"  {name}: {text}\n" for name, text in transfers.items())
    with (folder / "params.yaml").open("a", encoding="utf-8") as file:
        file.write(f"transfers:\n{lines}")


def run(folder, transfers, experiments):
    graph = ser("graph")
    assert graph.exit_code == 0, graph.stderr
    make_second()
    said = []
    for kind, names in (("regress", experiments), ("transfer_values", transfers)):
        for name in names:
            done = stage(kind, name)
            assert done.exit_code == 0, done.stderr
            said.append(done.stdout)
    done = stage("evaluate")
    assert done.exit_code == 0, done.stderr
    return said, done.stdout


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_project_with_transfers_of_numbers(folder):
    with_transfers(folder, TRANSFERS, numbers=POOLED, theirs=THEIRS, net=NETWORK)
    said, summary = run(folder, TRANSFERS, ["numbers", "theirs", "net"])
    assert "; recordings left out, which lack a number: 1" in said[3]
    assert "tuned: 2 draws, of 2 models each" in said[-1]

    declared = (folder / "dvc.yaml").read_text()
    for line in (
        "stages.transfer_values tuned",
        "data/code/transfer_values-mlp.txt",
        "metrics/dimension_transfers.csv",
    ):
        assert line in declared
    assert "metrics/transfers.csv" not in declared
    assert ser("graph", "--check").exit_code == 0

    scores = json.loads((folder / "metrics/scores.json").read_text())
    assert [*scores] == ["numbers", "theirs", "net", *TRANSFERS]
    rows = table(folder / "metrics/dimension_transfers.csv")
    placed = {(row["setting"], row["dimension"], row["source"], row["target"]): row for row in rows}
    zero = placed["zero-shot", "valence", "mine", "other"]
    assert (zero["name"], zero["utterances"], zero["std_over_draws"], zero["transductive"]) == ("zero", "27", "", "0")
    assert float(zero["CCC"]) == scores["zero"]["CCC_valence"] > 0.9
    assert placed["zero-shot", "mean", "other", "other"]["name"] == "theirs"
    again = placed["zero-shot, fitted again with normalisation per_corpus", "arousal", "other", "mine"]
    assert (again["name"], again["transductive"]) == ("back", "1")
    drawn = placed["fitted again with 50 % of the speakers", "mean", "mine", "other"]
    values = Values.read(folder / "data/predictions/refitted")
    assert len(values.folds) == 2
    assert float(drawn["std_over_draws"]) > 0
    assert placed["50 % of the speakers, head tuned with epochs 2", "valence", "mine", "other"]["name"] == "tuned"

    assert "## Dimensions across corpora" in summary
    assert "from net, head tuned on 50 % of the speakers, 2 draws" in summary
    assert re.search(
        r"\| zero .*\| zero-shot from numbers .*cross-corpus, trained on mine; without a number: 1", summary
    )
    assert (folder / "metrics/plots/dimension_transfers.svg").read_text().startswith("<?xml")
    pairs = {(row["first"], row["second"]) for row in table(folder / "metrics/dimension_differences.csv")}
    assert ("theirs", "zero") in pairs

    assert stage("report").exit_code == 0
    page = (folder / "data/report.html").read_text(encoding="utf-8")
    assert "3 experiments and 4 transfers" in page
    assert "CCC of arousal" in page


def test_models_of_a_transfer_of_numbers_are_exported_and_asked(folder):
    transfers = {name: TRANSFERS[name] for name in ("zero", "tuned", "back")}
    with_transfers(folder, transfers, numbers=POOLED, theirs=THEIRS, net=NETWORK)
    run(folder, transfers, ["numbers", "theirs", "net"])
    for name in ("tuned", "back"):
        done = ser("export", name)
        assert done.exit_code == 0, done.stderr
    card = json.loads((folder / "exports/back/model.json").read_text())
    theirs = [row["dimensions"]["valence"] for row in rows_of(folder, "other") if "valence" in row["dimensions"]]
    assert (card["utterances"], card["corpora"][0]["name"]) == (27, "other")
    tuned = json.loads((folder / "exports/tuned/model.json").read_text())
    assert [corpus["name"] for corpus in tuned["corpora"]] == ["mine", "other"]  # whose licences are those of all
    assert (tuned["tested_on"], tuned["utterances"]) == (["other"], len(heard(folder, "net") | heard(folder, "tuned")))
    assert "(`mine`;" in (folder / "exports/tuned/README.md").read_text(encoding="utf-8")
    assert (card["targets"]["valence"]["lowest"], card["targets"]["valence"]["highest"]) == (min(theirs), max(theirs))
    asked = ser("predict", "exports/tuned", "second/u00.wav")
    assert asked.exit_code == 0, asked.stderr
    assert asked.stdout.startswith("key,valence\nu00,")
    assert (
        "zero: is zero-shot, and has no models but those of its source; `ser export numbers`"
        in ser("export", "zero").stderr
    )


def heard(folder, name):
    """What the models of an experiment or a transfer were trained on, by corpus."""
    predictions = folder / "data/predictions" / name
    corpus = json.loads((predictions / "card.json").read_text())["corpus"]
    folds = json.loads((predictions / "folds.json").read_text())
    return {(corpus, key) for fold in folds for part in ("train", "validation") for key in fold[part]}


def rows_of(folder, corpus):
    return [json.loads(line) for line in (folder / f"data/manifests/{corpus}.jsonl").read_text().splitlines()]


def test_the_same_inputs_give_the_same_files_and_scales_that_differ_are_a_warning(folder):
    with_transfers(folder, {"tuned": TRANSFERS["tuned"]}, scale=3, net=NETWORK)
    run(folder, ["tuned"], ["net"])
    places = [folder / "data/predictions/tuned", folder / "data/models/tuned", folder / "metrics"]
    before = {path: path.read_bytes() for place in places for path in place.rglob("*") if path.is_file()}
    done = stage("transfer_values", "tuned")
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert re.match(r"warning: tuned: valence is 1\S* to 4\S* in mine, 3\S* to 14\S* in other: the scales seem", line)
    assert stage("evaluate").exit_code == 0
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize(
    ("transfer", "problem"),
    [
        ("{source: numbers, corpus: mine, share: 0}", "corpus: 'mine' is what 'numbers' was trained on; take another"),
        ("{source: numbers, corpus: other, share: 0.1}", "share: other: share 0.1 of 4 speakers is none; 0.25 is one"),
        (
            "{source: numbers, corpus: other, share: 0.25}",
            "share: other: there are fewer than 5 draws of such a share;",
        ),
        ("{source: numbers, corpus: other, share: 0, only: {gender: x}}", "only: no recording of corpus other has the"),
        ("{source: numbers, corpus: other, share: 0.5, tune: head}", "tune: pooled is no network, and is fitted again"),
        ("{source: net, corpus: other, share: 0.5, params: {hidden: 9}}", "params.hidden: is as the source was traine"),
    ],
)
def test_mistakes_are_named(folder, transfer, problem):
    with_transfers(folder, {"x": transfer}, numbers=POOLED, net=NETWORK)
    done = ser("graph")
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert f"transfers.x.{problem}" in line


def test_a_number_that_the_other_corpus_lacks_is_named(folder):
    with_transfers(folder, {"zero": TRANSFERS["zero"]}, numbers=POOLED)
    path = folder / "second/labels.csv"
    path.write_text(path.read_text().replace("arousal", "dominance"))
    done = ser("graph")
    assert done.exit_code == 2
    assert "transfers.zero.corpus: 'arousal' is no dimension of corpus other; known: valence, dominance" in done.stderr
