"""A project whose experiments were scored, for tests of its page, and the page as a tree of elements."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

import numpy as np
from feature_files import write_features
from in_process import stage
from toy_predictions import ROWS, predictions

from pipeline import paths
from pipeline.corpora import listing, manifest
from pipeline.experiments.predictions import write_csv
from pipeline.storage.json_file import write_json

PARAMS = """\
corpora: {toy: {reader: folder, root: recordings}, spoken: {reader: demo, root: elsewhere}}
features: {cepstra: {extractor: mfcc, n_mfcc: 12, n_mels: 20}}
protocols: {loso: {scheme: leave_one_speaker_out}}
experiments:
  good: {system: pooled, corpus: toy, protocol: loso, mfcc: cepstra}
  poor: {system: pooled, corpus: toy, protocol: loso, mfcc: cepstra}
  leaky: {system: mlp, corpus: toy, protocol: loso, mfcc: cepstra}
scoring: {bootstrap: 100}
"""
APART = {"dd", "dt", "h3", "h4", "li", "p", "td", "th", "strong"}
"""elements that people see apart"""
VOID = {"meta", "img", "br", "line", "circle", "rect", "path", "use"}


@dataclass
class Element:
    """A tag with its attributes, what it is in, and the text in it."""

    tag: str
    attributes: dict
    parents: list
    text: str = ""
    children: list = field(default_factory=list)


class Page(HTMLParser):
    """The elements of a page; one that is not closed, or closed by another, fails."""

    def __init__(self, text):
        super().__init__()
        self.all, self.open = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        assert len(dict(attributes)) == len(attributes)
        element = Element(tag, dict(attributes), [*self.open])
        self.all.append(element)
        for parent in self.open[-1:]:
            parent.children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag in APART:
            self.handle_data(" ")
        assert self.open.pop().tag == tag

    def handle_data(self, data):
        for element in self.open:
            element.text += data

    def tags(self, *names):
        return [element for element in self.all if element.tag in names]

    def by_id(self, name):
        return next((element for element in self.all if element.attributes.get("id") == name), None)

    def has(self, text):
        return any(text in element.text for element in self.all[:1])


def scored_project(folder):
    """Write what a project of three experiments has after `evaluate`, in the working folder."""
    (folder / "params.yaml").write_text(PARAMS, encoding="utf-8")
    manifest.write(paths.manifest("toy"), ROWS)
    write_json(paths.corpus_report("toy"), listing.counts(ROWS))
    made = {"good": predictions(0.9, cost={}), "poor": predictions(0.2, cost={})}
    made["leaky"] = predictions(1.0, cost={}, speaker_dependent=True)
    for name, one in made.items():
        one.card["name"] = name
        one.write(paths.predictions(name))
    assert stage("evaluate").exit_code == 0


def write_inputs(rows, seconds=0.5):
    """A feature to be pictured, and audio to be played."""
    rng = np.random.default_rng(0)
    for path in (paths.feature_file("toy", "cepstra", embedding=False), paths.audio("toy", "16k")):
        path.parent.mkdir(parents=True, exist_ok=True)
    frames = {row.key: rng.normal(size=(9, 12)).astype(np.float32) for row in rows}
    write_features(paths.feature_file("toy", "cepstra", embedding=False), frames, "mfcc")
    samples = {row.key: rng.integers(-999, 999, (round(seconds * 16000), 1)).astype(np.int16) for row in rows}
    write_features(paths.audio("toy", "16k"), samples, "audio", frame_rate=16000.0, sample_rate=16000)


def write_optional(name):
    """Tables that only some projects have, of one experiment."""
    metrics = paths.METRICS
    write_csv(
        metrics / "layers" / f"{name}.csv",
        ("layer", "UA", "UA_low", "UA_high", "WA", "chosen_in_folds"),
        [["1", "0.5", "0.4", "0.6", "0.5", "2"]],
    )
    bins = [["1", "0", "", ""], ["2", "4", "0.9", "0.75"]]
    write_csv(metrics / "calibration" / f"{name}.csv", ("bin", "n", "confidence", "accuracy"), bins)
    groups = [["speaker", "s0", "9", "0.6", "0.62", "", ""], ["speaker", "s1", "9", "0.3", "0.31", "0.2", "0.4"]]
    write_csv(metrics / "groups" / f"{name}.csv", ("group", "value", "n", "WA", "UA", "low", "high"), groups)
    columns = ("experiment", "condition", "UA", "low", "high", "difference")
    conditions = [[name, "clean", "0.9", "0.8", "1.0", ""], [name, "telephone", "0.7", "0.6", "0.8", "-0.2"]]
    write_csv(metrics / "conditions.csv", columns, conditions)
    weights = [["angry", "a", "angry", "0.81", "0.1"], ["angry", "a", "sad", "0.2", ""], ["sad", "a", "sad", "-1", ""]]
    write_csv(metrics / "weights" / f"{name}.csv", ("class", "branch", "probability_of", "weight", "std"), weights)
