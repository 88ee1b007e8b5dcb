"""What transfers and experiments of other kinds ask of each other, across the sections of params.yaml."""

import pytest
import yaml

from pipeline.config.document import validated

PARAMS = """
corpora:
  one: {reader: folder, root: one, table: labels.csv}
  two: {reader: folder, root: two, table: labels.csv}
features: {cepstra: {extractor: mfcc}}
protocols: {speakers: {scheme: leave_one_speaker_out}, corpora: {scheme: leave_one_corpus_out}}
experiments:
  classes: {system: pooled, corpus: one, protocol: speakers, mfcc: cepstra}
  numbers: {system: pooled, corpus: one, protocol: speakers, mfcc: cepstra, targets: [valence]}
  joint: {system: pooled, corpus: [one, two], protocol: corpora, mfcc: cepstra}
transfers:
  moved: {source: classes, corpus: two, share: 0.2}
"""


def problems(**moved):
    data = yaml.safe_load(PARAMS)
    data["transfers"]["moved"] |= moved
    return validated(data)[1]


def test_a_transfer_of_classes_fits():
    assert problems() == []


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
