"""Transfers of experiments that are trained on raters' votes, from params.yaml to the summary."""

import json

import pytest
from in_process import ser, stage
from rated_project import add_second, make_second, rated_project

SOFT = "{system: pooled, corpus: mine, protocol: loso, logmel: mel, labels: votes}"
NETWORK = (
    "{system: mlp, corpus: mine, protocol: validated, logmel: mel, labels: votes, params: {epochs: 2, batch_size: 8}}"
)
TRANSFERS = """\
transfers:
  refitted: {source: soft, corpus: other, share: 0.5, draws: 2}
  tuned: {source: net, corpus: other, share: 0.5, draws: 2, tune: head}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rated_project(tmp_path, soft=SOFT, net=NETWORK)
    add_second(tmp_path)
    with_votes(tmp_path / "recordings")
    return tmp_path


def with_votes(root):
    head, *lines = (root / "labels.csv").read_text().splitlines()
    rows = [line + (",3,1" if ",happy," in line else ",1,2") for line in lines]
    (root / "labels.csv").write_text("\n".join([f"{head},votes_happy,votes_sad", *rows, ""]))


def add_transfers(folder, text):
    with (folder / "params.yaml").open("a", encoding="utf-8") as file:
        file.write(text)


def test_models_of_votes_are_trained_on_the_others_votes(folder):
    with_votes(folder / "second")
    add_transfers(folder, TRANSFERS)
    graph = ser("graph")
    assert graph.exit_code == 0, graph.stderr
    make_second()
    for kind, name in (("train", "soft"), ("train", "net"), ("transfer", "refitted"), ("transfer", "tuned")):
        done = stage(kind, name)
        assert done.exit_code == 0, done.stderr
    summary = stage("evaluate").stdout
    for name in ("refitted", "tuned"):
        assert json.loads((folder / f"data/models/{name}/card.json").read_text())["labels"] == "votes"
        assert json.loads((folder / f"metrics/details/{name}.json").read_text())["votes"]["utterances"] > 20
    assert "from net, head tuned on 50 % of the speakers, 2 draws, trained on raters' votes" in summary


def test_a_corpus_without_votes_is_named_where_it_is_trained_on(folder):
    add_transfers(folder, "transfers:\n  x: {source: soft, corpus: other, share: 0.5, draws: 2}\n")
    done = ser("graph")
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert "transfers.x.corpus: no recording of corpus other has votes; its table has none in columns as" in line
    text = (folder / "params.yaml").read_text()
    (folder / "params.yaml").write_text(text.replace("share: 0.5, draws: 2", "share: 0"))
    assert ser("graph").exit_code == 0
