"""Decision-level fusion of the class probabilities of two branches or more (Wei et al. 2025, table 5).

A branch may be a fusion itself. So a fusion leaves more than the test part: what an outer one may be fitted on.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.fusions import FusionParams
from pipeline.errors import UserError
from pipeline.experiments.combiner import Combiner, Examples, Probabilities
from pipeline.experiments.cross_fitting import cross_fits
from pipeline.experiments.fused_model import FORMAT, FittedFusion, FusionCard, encoded, system_name
from pipeline.experiments.fusion_fitting import fit
from pipeline.experiments.model_folder import digest
from pipeline.experiments.predictions import Predictions

Indices = NDArray[np.int64]

FINDINGS = ("only", "speakers_shared", "untested", "listed", "twins", "trainings")
"""what the cards of branches have in common, where they have it"""

MARKS = ("random_backbone", "transductive", "speaker_dependent")
"""of a card: what is true of a fusion where it is of a branch"""

CURES = {
    "training": "take a protocol with inner_folds, or fit_on: validation",
    "validation": "take a protocol with a validation part, or fit_on: training",
    "other_folds": "take a protocol with more folds, or fit_on: validation",
}


def fuse(name: str, params: FusionParams, branches: Mapping[str, Predictions]) -> Predictions:
    """The predictions of `Fusion`.

    Raises:
        UserError: as `Fusion` and its `predictions`.
    """
    return Fusion(name, params, branches).predictions()


class Fusion:
    """A fusion whose branches are side by side, fitted fold by fold; rows are numbered as in the first.

    Branches may have other rows of a part: one may be trained on what validates another. Of the training and the
    validation part, those count that all have; of the test part, all have all.

    Args:
        name: the fusion's.
        params: its params.
        branches: name -> predictions, of all that `params.of` names.

    Raises:
        UserError: the branches differ in corpus, protocol, emotions or folds; one lacks a test utterance; or one is a
            fusion fitted on other folds.
    """

    def __init__(self, name: str, params: FusionParams, branches: Mapping[str, Predictions]) -> None:
        self.name = name
        self.params = params
        self.members = [branches[branch] for branch in params.of]
        _check(name, {branch: branches[branch] for branch in params.of})
        self._places = [
            {place: i for i, place in enumerate(zip(branch.fold, branch.part, branch.keys, strict=True))}
            for branch in self.members
        ]
        self._check_test_parts()

    @cached_property
    def fitted(self) -> list[Combiner]:
        """The fusion of each fold, fitted on what `fit_on` names.

        Raises:
            UserError: a branch has no probabilities of it, or none to choose an epoch by; or it has one emotion, and a
                classifier needs more; or the classifier refuses it.
        """
        return [self._fitted(number) for number in range(len(self.members[0].folds))]

    def model(self) -> FittedFusion:
        """What was fitted, to be kept.

        Raises:
            UserError: as `fitted`.
        """
        return self._kept(self.fitted, [self._fit_rows(number) for number in range(len(self.fitted))])

    def refitted(self) -> FittedFusion:
        """One fusion for all, fitted on what the branches give of the whole corpus out of fold, to be kept.

        Raises:
            UserError: it takes a validation part to choose its epoch by, or the classifier refuses the rows.
        """
        if self.params.solver == "adam":
            problem = "adam chooses its epoch by a validation part, of which nothing is left when all is fitted on"
            raise UserError(f"{self.name}: {problem}; take solver: lbfgs, or `--models folds`")
        rows = self.members[0].where("test")
        return self._kept([fit(self.params, self._examples(rows), self.members[0].card["seed"])], [rows])

    def _kept(self, combiners: Sequence[Combiner], fitted_on: Sequence[Indices]) -> FittedFusion:
        classes, card = self.members[0].classes, self._card()
        labels = [set(self.members[0].labels(rows)) for rows in fitted_on]
        folds = [[name for i, name in enumerate(classes) if i in seen] for seen in labels]
        about = {key: card[key] for key in ("name", "system", "corpus", "seed", *MARKS)}
        weights = [digest(encoded(combiner.numbers)) for combiner in combiners]
        known = FusionCard(format=FORMAT, params=self.params, classes=classes, folds=folds, weights=weights, **about)
        return FittedFusion(known, combiners)

    def predictions(self) -> Predictions:
        """The fused probabilities of the parts that every branch has.

        The part that it is fitted on has cross-fitted probabilities (see `cross_fitting.py`), or none where it cannot
        be cut. Fitted on other folds, it has the test part only.

        Raises:
            UserError: as `fitted`; or a classifier gives probabilities that are no numbers.
        """
        first = self.members[0]
        predictions = Predictions(first.classes, folds=_folds(self.members), card=self._card())
        for number in range(len(predictions.folds)):
            for rows, probabilities in self._parts(number):
                predictions.add_like(first, rows, probabilities)
        return predictions

    def weights(self) -> list[Probabilities]:
        """How much each branch counts in each fold, as `Combiner.weights`, over the test part.

        Raises:
            UserError: as `fitted`.
        """
        tested = [self.members[0].where("test", number) for number in range(len(self.fitted))]
        return [one.weights(self._probabilities(rows)) for one, rows in zip(self.fitted, tested, strict=True)]

    def _parts(self, number: int) -> list[tuple[Indices, Probabilities]]:
        """The rows of each part of one fold that can be had honestly, and their probabilities, the test part first."""
        fused, fit_on = self.fitted[number], self.params.fit_on
        parts: list[tuple[Indices, Probabilities]] = []
        for part in ("test", "validation", "training") if fit_on != "other_folds" else ("test",):
            rows = self._common(self.members[0].where(part, number))
            if part == fit_on:
                parts.append(self._cross_fitted(rows, number))
            elif len(rows):
                parts.append((rows, self._fused(fused, rows, number)))
        return parts

    def _cross_fitted(self, rows: Indices, number: int) -> tuple[Indices, Probabilities]:
        """Probabilities of these rows, each by the fusion fitted on the rows of other groups."""
        first = self.members[0]
        dependent = first.card["speaker_dependent"]
        groups = [first.content(first.keys[i]) if dependent else first.speakers[i] for i in rows]
        probabilities = np.zeros((len(rows), len(first.classes)))
        fits = cross_fits(first.labels(rows), groups, first.card["seed"])
        for rest, held_out in fits:
            probabilities[held_out] = self._fused(self._fit(rows[rest], number), rows[held_out], number)
        return (rows, probabilities) if fits else (rows[:0], probabilities[:0])

    def _fitted(self, number: int) -> Combiner:
        rows = self._fit_rows(number)
        y = self.members[0].labels(rows)
        if self.params.method in ("logistic_regression", "stacking") and len(set(y)) < 2:
            problem = f"one emotion, all that {self.params.fit_on} has in fold {number}"
            method = self.params.classifier or "a logistic regression"
            raise UserError(f"{self.name}: {method} cannot be fitted on {problem}")
        return self._fit(rows, number)

    def _fit(self, rows: Indices, number: int) -> Combiner:
        """Fit to these rows of a fold."""
        watched = self._examples(self._watched_rows(number)) if self.params.solver == "adam" else None
        try:
            return fit(self.params, self._examples(rows), self.members[0].card["seed"], watched)
        except UserError as error:
            raise UserError(f"{self.name}: in fold {number}, {error}") from error

    def _fused(self, fitted: Combiner, rows: Indices, number: int) -> Probabilities:
        """What was fitted gives of these rows of a fold."""
        try:
            return fitted(self._probabilities(rows))
        except UserError as error:
            raise UserError(f"{self.name}: in fold {number}, {error}") from error

    def _watched_rows(self, number: int) -> Indices:
        """The validation part, which chooses the epoch."""
        rows = self.members[0].where("validation", number)
        common = self._common(rows)
        if not len(common):
            problem = f"{self._lacking(rows)} has no validation probabilities to choose adam's epoch by"
            raise UserError(f"{self.name}: {problem}; take a protocol with a validation part, or solver: lbfgs")
        return common

    def _examples(self, rows: Indices) -> Examples:
        return Examples(self._probabilities(rows), self.members[0].labels(rows))

    def _fit_rows(self, number: int) -> Indices:
        first, fit_on = self.members[0], self.params.fit_on
        if fit_on == "other_folds":
            tested = first.where("test")
            folds, split = np.array(first.fold)[tested], first.folds_of_a_split
            rows = tested[(folds != number) & (folds // split == number // split)]
        else:
            rows = first.where(fit_on, number)
        common = self._common(rows)
        if not len(common):
            lacking = self._lacking(rows)
            raise UserError(f"{self.name}: {lacking} has no {fit_on} probabilities to fit on; {self._cure(lacking)}")
        return common

    def _cure(self, branch: str) -> str:
        card = self.members[self.params.of.index(branch)].card
        if card["params"].get("fit_on") == self.params.fit_on:
            return f"it was fitted on them itself, and they are too few to be cut; give {branch} another fit_on"
        return CURES[self.params.fit_on]

    def _common(self, rows: Indices) -> Indices:
        """Those of these rows that every branch has."""
        wanted = self._wanted(rows)
        return rows[[all(place in places for places in self._places) for place in wanted]]

    def _lacking(self, rows: Indices) -> str:
        """The first branch that has none of these rows that the branches before it have, where not all have any."""
        wanted = {*self._wanted(rows)}
        for name, places in zip(self.params.of, self._places, strict=True):
            wanted &= places.keys()
            if not wanted:
                return name
        return self.params.of[0]

    def _check_test_parts(self) -> None:
        wanted = [(number, "test", key) for number, fold in enumerate(self.members[0].folds) for key in fold["test"]]
        for name, places in zip(self.params.of, self._places, strict=True):
            for fold, _, key in (place for place in wanted if place not in places):
                problem = f"{name} has no test probabilities of {key!r} in fold {fold}"
                raise UserError(f"{self.name}: {problem}; run `dvc repro`")

    def _wanted(self, rows: Indices) -> list[tuple[int, str, str]]:
        first = self.members[0]
        return [(first.fold[i], first.part[i], first.keys[i]) for i in rows]

    def _card(self) -> dict[str, Any]:
        first = self.members[0].card
        return {
            **{key: first[key] for key in ("corpus", "protocol", "seed")},
            "emotions": first.get("emotions"),
            **{key: first[key] for key in FINDINGS if key in first},
            **{mark: any(branch.card.get(mark, False) for branch in self.members) for mark in MARKS},
            "selected_on_validation": self.params.reads_validation
            or any(branch.card.get("selected_on_validation", False) for branch in self.members),
            "name": self.name,
            "system": system_name(self.params),
            "params": {key: value for key, value in self.params.used().items() if key != "of"},
            "inputs": self.params.of,
        }

    def _probabilities(self, rows: Indices) -> list[Probabilities]:
        """Each branch's probabilities of the fold, part and utterance of these rows."""
        wanted = self._wanted(rows)
        return [
            branch.probabilities(np.array([places[place] for place in wanted], np.int64))
            for branch, places in zip(self.members, self._places, strict=True)
        ]


def _check(name: str, branches: Mapping[str, Predictions]) -> None:
    (first, reference), *others = branches.items()
    known = _traits(reference)
    for other, predictions in others:
        different = [trait for trait, value in _traits(predictions).items() if value != known[trait]]
        if different:
            raise UserError(f"{name}: its branches {first} and {other} differ in {different[0]}")
    for branch, predictions in branches.items():
        if predictions.card["params"].get("fit_on") == "other_folds":
            problem = "is fitted on other_folds, so that its probabilities know the labels they would be tested on"
            raise UserError(f"{name}: its branch {branch} {problem}; give {branch} another fit_on")


def _traits(branch: Predictions) -> dict[str, Any]:
    """What branches must have in common, the most telling difference first."""
    return {
        "corpus": branch.card["corpus"],
        "protocol": branch.card["protocol"],
        "trainings": branch.trainings,
        "emotions": (branch.classes, {k: sorted(merged) for k, merged in (branch.card.get("emotions") or {}).items()}),
        "folds": [sorted(fold["test"]) for fold in branch.folds],
    }


def _folds(members: Sequence[Predictions]) -> list[dict[str, list[str]]]:
    """Who is in each part of each fold: trained on by any branch, and validated by all and trained on by none."""
    return [
        {
            "train": sorted(trained := set().union(*(fold["train"] for fold in same))),
            "validation": sorted(set(same[0]["validation"]).intersection(*(f["validation"] for f in same)) - trained),
            "test": sorted(same[0]["test"]),
        }
        for same in zip(*(branch.folds for branch in members), strict=True)
    ]
