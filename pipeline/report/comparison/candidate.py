"""An experiment or a fusion as one revision has it: its scores, its params, and its predictions where they are had."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.config.params import FILE
from pipeline.config.references import name_problem
from pipeline.config.scoring import ScoringParams
from pipeline.config.strict_yaml import parse
from pipeline.errors import ParamsError, UserError
from pipeline.evaluation.bootstrap import times_tested, units_of
from pipeline.evaluation.evaluation import DIGITS
from pipeline.evaluation.scores import intervals, scores
from pipeline.experiments.predictions import Predictions
from pipeline.report.comparison.changes import Params, branches
from pipeline.report.comparison.obtained import Obtained, ScoreRecord
from pipeline.report.comparison.prediction_store import PredictionStore
from pipeline.report.comparison.revisions import Revision
from pipeline.report.marks import LISTED, NOTES, notes_of
from pipeline.storage.joined import AND
from pipeline.strict import validate
from pipeline.systems.normalisation import looks_at_test_part

MEASURES = ("UA", "WA", "macro_F1")
NUMBERS = "those with targets are in metrics/dimensions.csv, their differences in metrics/dimension_differences.csv"
LARGEST = 1e300
"""what no score is above, and no infinity below"""

Interval = tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class Candidate:
    """What is compared.

    Attributes:
        revision: the state of the project.
        name: the experiment or fusion.
        row: its figures in metrics/scores.json.
        obtained: all of params.yaml there, as plain data, with what was run where that is another.
        store: where predictions are read.
    """

    revision: Revision
    name: str
    row: Mapping[str, Any]
    obtained: Obtained = field(repr=False)
    store: PredictionStore = field(repr=False)

    @property
    def params(self) -> Params:
        """What its scores were obtained with."""
        return self.obtained.params

    @property
    def label(self) -> str:
        """What names it among all that are compared."""
        return f"{self.revision.name}:{self.name}"

    @cached_property
    def details(self) -> Mapping[str, Any]:
        """All scores in metrics/details; empty where there are none."""
        return _mapping(self.revision, paths.METRICS / "details" / f"{self.name}.json") or {}

    def score(self, measure: str) -> float | None:
        """UA, WA or macro F1 (0 to 1); None where the metrics have none."""
        return _number(_below(self.details, "scores", measure, missing=self.row.get(measure)))

    def interval(self, measure: str) -> Interval:
        """The ends of a score's interval: that of the metrics, or where they have none, of the predictions."""
        ends = _below(self.details, "interval", measure, missing=None)
        if not isinstance(ends, list):
            ends = [self.row.get(f"{measure}_low"), self.row.get(f"{measure}_high")]
        low, high = ([_number(end) for end in ends] + [None, None])[:2]
        return self._intervals.get(measure) if low is None or high is None else (low, high)

    @cached_property
    def _intervals(self) -> Mapping[str, tuple[float, float]]:
        if self.predictions is None:
            return {}
        tested = self.predictions.where("test")
        keys, speakers = ([column[i] for i in tested] for column in (self.predictions.keys, self.predictions.speakers))
        y, predicted = self.predictions.labels(tested), self.predictions.probabilities(tested).argmax(axis=1)
        ends = intervals(y, predicted, units_of(keys, speakers), self.scoring, self.seed, times_tested(keys))
        return {measure: (low, high) for measure, (low, high) in ends.items()}

    @property
    def scoring(self) -> ScoringParams:
        """How the revision scores; the defaults where that is wrong."""
        try:
            return validate(ScoringParams, self.params.get("scoring") or {})
        except (ParamsError, TypeError):
            return ScoringParams()

    @property
    def seed(self) -> int:
        """Of the bootstrap."""
        seed = self.params.get("seed", 0)
        return seed if isinstance(seed, int) and seed >= 0 else 0

    @property
    def predictions(self) -> Predictions | None:
        """Those that the scores are of; None where they cannot be had, as `unread` says."""
        return None if isinstance(self._read, str) else self._read

    @property
    def unread(self) -> str:
        """Why there are no predictions; "" where there are some."""
        return self._read if isinstance(self._read, str) else ""

    @cached_property
    def _read(self) -> Predictions | str:
        """The predictions, or why there are none."""
        try:
            predictions = self.store.read(self.revision, self.name)
            ua = _mean_recall(predictions)
            notes_of(predictions.card, set())
        except UserError as error:
            return str(error)
        except (ValueError, LookupError, TypeError, AttributeError):  # JSON and CSV, but with other things in them
            return f"{paths.predictions(self.name)} of {self.revision.name} is damaged, or of an older program"
        told = self.score("UA")
        if told is None or abs(told - ua) > 10.0**-DIGITS:
            return f"{paths.predictions(self.name)} of {self.revision.name} is not what its metrics are of"
        return predictions

    @cached_property
    def entry(self) -> Mapping[str, Any]:
        """The experiment's entry in params.yaml, or of a fusion the first that it is made of; empty where none is."""
        own = branches(self.params, self.name)
        return _below(self.params, "experiments", own[0], missing={}) if own else {}

    @cached_property
    def transfer(self) -> Mapping[str, Any]:
        """Its entry among transfers; empty where it is none."""
        entry = _below(self.params, "transfers", self.name, missing={})
        return entry if isinstance(entry, Mapping) else {}

    @property
    def corpus(self) -> str:
        """The corpus that it is tested on; "" where that is not known."""
        given = (self.transfer or self.entry).get("corpus", "")
        return AND.join(map(str, given)) if isinstance(given, list) else str(given)

    @property
    def protocol(self) -> Mapping[str, Any]:
        """The protocol's params, or those of a transfer's draws; empty where they are not known."""
        if self.transfer:
            drawn = ("share", "of", "draws")
            return {"scheme": "transfer", **{key: self.transfer[key] for key in drawn if key in self.transfer}}
        protocol = _below(self.params, "protocols", str(self.entry.get("protocol", "")), missing={})
        return protocol if isinstance(protocol, Mapping) else {}

    @property
    def tests(self) -> Mapping[str, int]:
        """Class -> how often it is tested; empty where that is not known."""
        classes = self.details.get("classes")
        rows = classes if isinstance(classes, Mapping) else {}
        return {name: row["support"] for name, row in rows.items() if isinstance(row, Mapping) and "support" in row}

    @property
    def utterances(self) -> int | None:
        """How many tests there are."""
        count = self.details.get("utterances")
        return count if isinstance(count, int) else None

    @property
    def published(self) -> Mapping[str, float]:
        """What a paper reports (%), for an experiment of a preset."""
        for section in ("experiments", "transfers", "fusions"):
            figures = _below(self.params, section, self.name, "published", missing=None)
            if isinstance(figures, Mapping):
                return {str(name): figure for name, figure in figures.items() if _number(figure) is not None}
        return {}

    @property
    def marks(self) -> list[str]:
        """What a reader must know to judge its scores: of `NOTES`, as far as it is known."""
        corpora = self.corpus.split(AND)
        synthetic = {name for name in corpora if _below(self.params, "corpora", name, "reader", missing="") == "demo"}
        card = self.predictions.card if self.predictions is not None else self._known_card()
        return [mark for mark in NOTES if mark in notes_of({**card, "published": self.published}, synthetic)]

    def _known_card(self) -> dict[str, Any]:
        """What metrics and params say of what stands on the card of predictions."""
        entries = [_below(self.params, "experiments", name, missing={}) for name in branches(self.params, self.name)]
        models = [_below(self.params, "embeddings", str(entry.get("ssl")), "model", missing="") for entry in entries]
        given = [_below(entry, "params", missing={}) for entry in entries]
        return {
            "corpus": self.corpus,
            "random_backbone": "tiny" in models,
            "speaker_dependent": self.details.get("speaker_dependent", False),
            "listed": _counts(self.details.get("listed")),
            "transductive": any(isinstance(own, Mapping) and looks_at_test_part(own) for own in given)
            or self.transfer.get("align", "none") != "none",
            "transfer": {"corpus": str(self.entry.get("corpus", ""))} if self.transfer else None,
            "params": {"fit_on": _below(self.params, "fusions", self.name, "fit_on", missing="")},
        }


def _counts(value: Any) -> Mapping[str, int]:
    """How much of the lists of folds was there, as a card has it; empty where that is not known."""
    known = isinstance(value, Mapping) and all(isinstance(value.get(name), int) for name in LISTED)
    return value if known else {}


def candidates(revision: Revision, store: PredictionStore) -> list[Candidate]:
    """All experiments and fusions of classes that a revision has scores of, in their order there.

    Raises:
        UserError: it has no metrics, none of classes, or such that are damaged.
    """
    table = _mapping(revision, paths.SCORES)
    if table is None:
        raise UserError(
            f"{revision.name}: has no {paths.SCORES}, or not in git; `dvc repro` makes it, and it is committed with "
            "params.yaml, dvc.yaml and dvc.lock"
        )
    for name, row in table.items():
        unread = name_problem(name) or (None if _has_score(row) or has_targets(row) else f"{name} has no UA")
        if unread:
            raise UserError(f"{revision.name}: {paths.SCORES}: {unread}; `dvc repro` makes it anew")
    if table and all(map(has_targets, table.values())):
        raise UserError(f"{revision.name}: {paths.SCORES} has no experiment of classes; {NUMBERS}")
    record = ScoreRecord(revision, _params(revision))
    rows = {name: row for name, row in table.items() if not has_targets(row)}
    return [Candidate(revision, name, row, record.of(name), store) for name, row in rows.items()]


def _params(revision: Revision) -> Params:
    """params.yaml as plain data; empty where there is none, or none that can be read."""
    text = revision.read(FILE)
    try:
        data = parse((text or b"").decode(), f"{revision.name}: {FILE}")
    except (ParamsError, UnicodeDecodeError):
        return {}
    return data if isinstance(data, Mapping) else {}


def _mapping(revision: Revision, path: Path) -> Mapping[str, Any] | None:
    """A file of JSON; None where there is none.

    Raises:
        UserError: it is damaged.
    """
    text = revision.read(path)
    if text is None:
        return None
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{revision.name}: {path}: no JSON ({error}); `dvc repro` makes it anew") from error
    if not isinstance(table, Mapping):
        raise UserError(f"{revision.name}: {path}: expected a mapping of scores; `dvc repro` makes it anew")
    return table


def _below(table: Any, *keys: str, missing: Any) -> Any:
    """What stands below these keys."""
    for key in keys:
        if not isinstance(table, Mapping) or key not in table:
            return missing
        table = table[key]
    return table


def with_targets(revision: Revision) -> list[str]:
    """The experiments that are no candidates, as they predict numbers."""
    return [name for name, row in (_mapping(revision, paths.SCORES) or {}).items() if has_targets(row)]


def has_targets(row: Any) -> bool:
    """Whether a row of metrics/scores.json is of numbers and not of classes."""
    return isinstance(row, Mapping) and "UA" not in row and _number(row.get("CCC")) is not None


def _has_score(row: Any) -> bool:
    return isinstance(row, Mapping) and _number(row.get("UA")) is not None


def _number(value: Any) -> float | None:
    """A finite number; None for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < LARGEST else None


def _mean_recall(predictions: Predictions) -> float:
    """UA of the test parts."""
    tested = predictions.where("test")
    return scores(predictions.labels(tested), predictions.probabilities(tested).argmax(axis=1))["UA"]
