"""Decision-level fusion of the class probabilities of two branches or more (Wei et al. 2025, table 5).

A branch may be a fusion itself. So a fusion leaves more than the test part: what an outer one may be fitted on.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.keys import source_key
from pipeline.config.fusions import FusionParams
from pipeline.errors import UserError
from pipeline.experiments.cross_fitting import cross_fits
from pipeline.experiments.fusion_methods import Fused, Probabilities, fit
from pipeline.experiments.predictions import Predictions

Indices = NDArray[np.int64]

CURES = {
    "training": "take a protocol with inner_folds, or fit_on: validation",
    "validation": "take a protocol with a validation part, or fit_on: training",
    "other_folds": "take a protocol with more folds, or fit_on: validation",
}


def fuse(name: str, params: FusionParams, branches: Mapping[str, Predictions]) -> Predictions:
    """Fit the fusion fold by fold on what `params.fit_on` names, and fuse the parts that every branch has.

    The part that it is fitted on has cross-fitted probabilities (see `cross_fitting.py`), or none where it cannot be
    cut. Fitted on other folds, it has the test part only.

    Args:
        name: the fusion's.
        params: its params.
        branches: name -> predictions, of all that `params.of` names; rows go in the order of the first.

    Raises:
        UserError: the branches differ in corpus, protocol, emotions or folds; one has no probabilities of the part to
            fit on; or one is a fusion fitted on other folds.
    """
    fusion = Fusion(name, params, branches)
    first = fusion.members[0]
    predictions = Predictions(first.classes, folds=_folds(fusion.members), card=_card(name, params, fusion.members))
    for number in range(len(predictions.folds)):
        for rows, probabilities in fusion.parts(number):
            predictions.add_like(first, rows, probabilities)
    return predictions


class Fusion:
    """A fusion whose branches are side by side; rows are numbered as in the first.

    Args:
        name: the fusion's.
        params: its params.
        branches: name -> predictions.

    Raises:
        UserError: as `fuse`.
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

    def fitted(self, number: int) -> Fused:
        """The fusion of one fold, fitted on what `fit_on` names.

        Raises:
            UserError: a branch has no probabilities of it, or it has one emotion and a regression needs more.
        """
        rows = self._fit_rows(number)
        y = self.members[0].labels(rows)
        if self.params.method == "logistic_regression" and len(set(y)) < 2:
            problem = f"one emotion, all that {self.params.fit_on} has in fold {number}"
            raise UserError(f"{self.name}: a logistic regression cannot be fitted on {problem}")
        return self._fit(rows)

    def parts(self, number: int) -> list[tuple[Indices, Probabilities]]:
        """The rows of each part of one fold that can be had honestly, and their probabilities, the test part first."""
        fused, fit_on = self.fitted(number), self.params.fit_on
        parts: list[tuple[Indices, Probabilities]] = []
        for part in ("test", "validation", "training") if fit_on != "other_folds" else ("test",):
            rows = self.members[0].where(part, number)
            if part == fit_on:
                parts.append(self._cross_fitted(rows))
            elif len(rows) and self._lacking(rows) is None:
                parts.append((rows, fused(self._probabilities(rows))))
        return parts

    def _cross_fitted(self, rows: Indices) -> tuple[Indices, Probabilities]:
        """Probabilities of these rows, each by the fusion fitted on the rows of other groups."""
        first = self.members[0]
        dependent = first.card["speaker_dependent"]
        groups = [source_key(first.keys[i]) if dependent else first.speakers[i] for i in rows]
        probabilities = np.zeros((len(rows), len(first.classes)))
        fits = cross_fits(first.labels(rows), groups, first.card["seed"])
        for rest, held_out in fits:
            probabilities[held_out] = self._fit(rows[rest])(self._probabilities(rows[held_out]))
        return (rows, probabilities) if fits else (rows[:0], probabilities[:0])

    def _fit(self, rows: Indices) -> Fused:
        first = self.members[0]
        return fit(self.params, self._probabilities(rows), first.labels(rows), first.card["seed"])

    def _fit_rows(self, number: int) -> Indices:
        first, fit_on = self.members[0], self.params.fit_on
        if fit_on == "other_folds":
            tested = first.where("test")
            folds, split = np.array(first.fold)[tested], first.folds_of_a_split
            rows = tested[(folds != number) & (folds // split == number // split)]
        else:
            rows = first.where(fit_on, number)
        lacking = self.params.of[0] if not len(rows) else self._lacking(rows)
        if lacking is not None:
            cure = self._cure(lacking)
            raise UserError(f"{self.name}: {lacking} has no {fit_on} probabilities to fit on; {cure}")
        return rows

    def _cure(self, branch: str) -> str:
        card = self.members[self.params.of.index(branch)].card
        if card["params"].get("fit_on") == self.params.fit_on:
            return f"it was fitted on them itself, and they are too few to be cut; give {branch} another fit_on"
        return CURES[self.params.fit_on]

    def _lacking(self, rows: Indices) -> str | None:
        """The first branch that has not all of these rows."""
        wanted = {*self._wanted(rows)}
        lacks = (name for name, places in zip(self.params.of, self._places, strict=True) if not wanted <= places.keys())
        return next(lacks, None)

    def _wanted(self, rows: Indices) -> list[tuple[int, str, str]]:
        first = self.members[0]
        return [(first.fold[i], first.part[i], first.keys[i]) for i in rows]

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
        "emotions": (branch.classes, {k: sorted(merged) for k, merged in (branch.card.get("emotions") or {}).items()}),
        "folds": [sorted(fold["test"]) for fold in branch.folds],
    }


def _folds(members: Sequence[Predictions]) -> list[dict[str, list[str]]]:
    """Who is in each part of each fold, in any branch: a branch may train on copies, and another not."""
    return [
        {part: sorted(set().union(*(fold[part] for fold in same))) for part in ("train", "validation", "test")}
        for same in zip(*(branch.folds for branch in members), strict=True)
    ]


def _card(name: str, params: FusionParams, members: Sequence[Predictions]) -> dict[str, Any]:
    marks = ("random_backbone", "transductive", "speaker_dependent")
    return {
        **{key: members[0].card[key] for key in ("corpus", "protocol", "seed")},
        "emotions": members[0].card.get("emotions"),
        **{mark: any(branch.card.get(mark, False) for branch in members) for mark in marks},
        "name": name,
        "system": f"fusion ({params.method})",
        "params": params.model_dump(mode="json", exclude={"of", "published"}),
        "inputs": params.of,
    }
