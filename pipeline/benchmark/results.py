"""What a benchmark measured, a row for each system on each kind of folds, and published figures of the same corpora."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.benchmark.published import PublishedCorpus, published_figures
from pipeline.config.params import Params
from pipeline.config.protocols import EmoBox, repeats
from pipeline.corpora.fold_lists import read_emobox
from pipeline.errors import UserError
from pipeline.evaluation.cost import Cost, costs
from pipeline.experiments.predictions import Predictions
from pipeline.report.marks import notes_of, short_note

LAYERS = {
    "all": "all layers",
    "each": "the layer chosen",
    "stacked": "all layers stacked",
    "weighted": "weighted layers",
}

CLASSIFIERS = {"lda": "LDA", "mlp": "perceptron"}

INCOMPARABLE = "not comparable with the published figures"


@dataclass(frozen=True)
class Score:
    """Scores from 0 to 1; an interval only where it is known."""

    ua: float
    wa: float
    macro_f1: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Result:
    """A row of the table.

    Attributes:
        corpus: an entry of `corpora`.
        folds: the scheme, or whose folds they are.
        fold_count: how many.
        experiment: the experiment or fusion; "" for a published figure.
        system: what was measured, in words.
        score: the scores, of all test parts together.
        tested: how many recordings were tested; None where that is not known.
        listed: how many there are to be tested, by lists or in the whole corpus; None where that is not known.
        shared: how many of the speakers that are tested were trained on: as `0 of 12`.
        leaks: whether any were, or it is not known.
        layers: layer -> in how many folds it was chosen, the most frequent first; empty where none was chosen.
        cost: parameters and operations; None for a published figure.
        notes: what to beware of.
    """

    corpus: str
    folds: str
    fold_count: int
    experiment: str
    system: str
    score: Score
    tested: int | None
    listed: int | None
    shared: str
    leaks: bool
    layers: Mapping[int, int] = field(default_factory=dict)
    cost: Cost | None = None
    notes: Sequence[str] = ()


def results(params: Params) -> list[Result]:
    """The rows of all experiments and fusions, corpus by corpus, each corpus's followed by what is published of it.

    Raises:
        UserError: predictions or scores are missing or damaged.
    """
    predictions = {name: Predictions.read(paths.predictions(name)) for name in (*params.experiments, *params.fusions)}
    scores = _scores(paths.SCORES)
    rows = [_Measured(params, predictions, scores).row(name) for name in predictions]
    rows.sort(key=lambda row: (list(params.corpora).index(row.corpus), row.folds == "emobox"))
    return [row for corpus in params.corpora for row in (*_of(rows, corpus), *_published(params, corpus))]


def _of(rows: Sequence[Result], corpus: str) -> list[Result]:
    return [row for row in rows if row.corpus == corpus]


def _scores(path: Path) -> dict[str, dict[str, float]]:
    try:
        scores: dict[str, dict[str, float]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: missing or damaged ({error}); `dvc repro` makes it") from error
    return scores


class _Measured:
    """The rows of what was measured."""

    def __init__(
        self, params: Params, predictions: Mapping[str, Predictions], scores: Mapping[str, Mapping[str, float]]
    ) -> None:
        self.params, self.predictions, self.scores = params, predictions, scores
        lists = {name: one for name, one in params.protocols.items() if isinstance(one, EmoBox)}
        self.whole = {name: _whole(one.folder) for name, one in lists.items()}
        self.costs = costs({name: one.card for name, one in predictions.items()})

    def row(self, name: str) -> Result:
        """The row of one experiment or fusion."""
        found, entry = self.predictions[name], self.params.experiments[self.leaves(name)[0]]
        protocol = self.params.protocols[entry.protocol]
        tested = [found.keys[i] for i in found.where("test")]
        (corpus,) = entry.corpora
        published = published_figures().corpora.get(self.params.corpora[corpus].reader)
        listed, classes = self.whole.get(entry.protocol) or _reported(published)
        synthetic = {corpus} if self.params.corpora[corpus].reader == "demo" else set[str]()
        return Result(
            corpus,
            protocol.scheme,
            len(found.folds) // (found.trainings * repeats(protocol)),
            name,
            self.system(name),
            self.score(name),
            len(set(tested)),
            listed,
            _shared(found),
            bool(found.card["speaker_dependent"]),
            _layers(found),
            self.costs[name],
            [
                *(short_note(mark) for mark in notes_of(found.card, synthetic)),
                *_incomplete(len(set(tested)), listed, len(found.classes), classes, bool(published)),
            ],
        )

    def score(self, name: str) -> Score:
        """The scores of metrics/scores.json."""
        try:
            row = self.scores[name]
            return Score(row["UA"], row["WA"], row["macro_F1"], (row["UA_low"], row["UA_high"]))
        except (KeyError, TypeError) as error:
            raise UserError(f"{paths.SCORES}: has no scores of {name!r}; `dvc repro` makes them") from error

    def leaves(self, name: str) -> list[str]:
        """The experiments that a fusion is made of; of an experiment, itself."""
        fusion = self.params.fusions.get(name)
        return [leaf for branch in fusion.of for leaf in self.leaves(branch)] if fusion else [name]

    def system(self, name: str) -> str:
        """A system in words, as `probe of whisper, all layers, per speaker`."""
        if fusion := self.params.fusions.get(name):
            return " + ".join(self.system(branch) for branch in fusion.of)
        entry, settings = self.params.experiments[name], self.predictions[name].card["params"]
        words = [f"{entry.system} of {entry.ssl}" if entry.ssl else entry.system]
        if entry.system == "probe":
            layers = settings["layers"]
            words.append(LAYERS.get(str(layers)) or f"layers {', '.join(map(str, _listed(layers)))}")
            words += [CLASSIFIERS[settings["classifier"]]] if settings.get("classifier") in CLASSIFIERS else []
        normalisation = settings.get("normalisation", "training")
        return ", ".join([*words, *([normalisation.replace("_", " ")] if normalisation != "training" else [])])


def _listed(layers: Any) -> Sequence[Any]:
    return layers if isinstance(layers, list) else [layers]


def _whole(lists: Path) -> tuple[int, int]:
    """How many recordings EmoBox's lists test, and of how many classes."""
    tested = [one for fold in read_emobox(lists) for one in fold.test]
    return len({one.name for one in tested}), len({one.label for one in tested})


def _reported(published: PublishedCorpus | None) -> tuple[int | None, int | None]:
    return (published.recordings, published.classes) if published else (None, None)


def _incomplete(tested: int, listed: int | None, classes: int, published: int | None, compared: bool) -> Iterator[str]:
    """What is missing here that published figures are of."""
    ending = f", {INCOMPARABLE}" if compared else ""
    if listed is not None and tested < listed:
        yield f"a part of the corpus: {tested} of {listed} recordings{ending}"
    if published is not None and classes != published:
        yield f"{classes} classes for {published}{ending}"


def _shared(found: Predictions) -> str:
    """How many of the speakers that are tested were trained on."""
    speakers = {found.speakers[i] for i in found.where("test")}
    if "" in speakers:
        return "unknown"
    return str(found.card.get("speakers_shared") or f"0 of {len(speakers)}")


def _layers(found: Predictions) -> dict[int, int]:
    return dict(Counter(part.layer for part in found.layers if part.chosen).most_common())


def _published(params: Params, corpus: str) -> Iterator[Result]:
    """What is published of a corpus, that its reader says it is."""
    figures = published_figures()
    own = figures.corpora.get(params.corpora[corpus].reader)
    if own is None:
        return
    for system, percent in own.systems.items():
        score = Score(percent["UA"] / 100, percent["WA"] / 100, percent["macro_F1"] / 100)
        counts = own.recordings, own.recordings, own.speakers_shared, own.leaks
        note = f"published: {figures.source}"
        yield Result(corpus, "emobox", own.folds, "", f"{system} (EmoBox)", score, *counts, notes=[note])
