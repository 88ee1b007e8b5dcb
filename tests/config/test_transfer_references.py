"""What transfers and experiments of other kinds ask of each other, across the sections of params.yaml."""

import pytest
import yaml

from pipeline.config.document import validated
from pipeline.config.system_params import system_params_problems

PARAMS = """
corpora:
  one: {reader: folder, root: one, table: labels.csv}
  two: {reader: folder, root: two, table: labels.csv}
  three: {reader: folder, root: three}
features: {cepstra: {extractor: mfcc}}
protocols: {speakers: {scheme: leave_one_speaker_out}, corpora: {scheme: leave_one_corpus_out}}
experiments:
  classes: {system: pooled, corpus: one, protocol: speakers, mfcc: cepstra}
  numbers: {system: pooled, corpus: one, protocol: speakers, mfcc: cepstra, targets: [valence]}
  joint: {system: pooled, corpus: [one, two], protocol: corpora, mfcc: cepstra}
transfers:
  moved: {source: classes, corpus: two, share: 0.2}
"""
NETWORK = {"system": "mlp", "corpus": "one", "protocol": "speakers", "mfcc": "cepstra", "targets": ["valence"]}


def problems(**moved):
    data = yaml.safe_load(PARAMS)
    data["experiments"]["network"] = NETWORK | {"params": {"epochs": 2}}
    data["transfers"]["moved"] |= moved
    return found(data)


def found(data):
    params, wrong = validated(data)
    return [*wrong, *system_params_problems(params)]


def test_transfers_of_classes_and_of_numbers_fit():
    assert problems() == []
    assert problems(source="numbers") == []
    assert problems(source="numbers", share=0, params={"normalisation": "per_corpus"}) == []
    assert problems(source="network", tune="head", params={"epochs": 3, "loss": "mse"}) == []


@pytest.mark.parametrize(
    ("moved", "problem"),
    [
        ({"source": "joint"}, "transfers.moved.corpus: 'two' is what 'joint' was trained on; take another"),
        ({"source": "moved"}, "transfers.moved.source: 'moved' is not in experiments"),
    ],
)
def test_sources_that_cannot_be_moved(moved, problem):
    (line,) = problems(**moved)
    assert line.startswith(problem)


@pytest.mark.parametrize(
    ("moved", "problem"),
    [
        ({"source": "numbers", "corpus": "three"}, "corpus: 'valence' is no dimension of corpus three; known: none"),
        ({"source": "numbers", "tune": "head"}, "tune: pooled is no network, and is fitted again as a whole"),
        ({"source": "network", "tune": "fusion"}, "tune: mlp has no fusion; take head or all"),
        ({"source": "numbers", "params": {"c": 1.0}}, "params.c: unknown key"),
        ({"source": "network", "params": {"dropout": 0.1}}, "params.dropout: is as the source was trained with; a tun"),
        ({"source": "network", "params": {"monitor": "valid_ccc"}}, "params.monitor: is of no use to a transfer"),
        ({"source": "network", "params": {"class_weights": "balanced"}}, "params: class_weights is of classes, and th"),
        ({"source": "network", "share": 0, "params": {"epochs": 2}}, "params: are of no use to share 0, which trains"),
    ],
)
def test_what_transfers_of_numbers_cannot_have(moved, problem):
    (line,) = problems(**moved)
    assert line.startswith(f"transfers.moved.{problem}")


def test_mistakes_of_a_source_are_said_once():
    data = yaml.safe_load(PARAMS)
    data["experiments"]["numbers"]["targets"] = ["valenc"]
    data["transfers"]["moved"]["source"] = "numbers"
    (line,) = found(data)
    assert line.startswith("experiments.numbers.targets: 'valenc' is no dimension of corpus one (did you mean")
    data["experiments"]["numbers"] |= {"targets": ["valence"], "system": "svm"}
    (line,) = found(data)
    assert line.startswith("experiments.numbers.system: svm takes no targets")
